import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { defineFeature } from "../../../src/index.js";
import { setUpGate } from "../../support/gate.js";
import { runNode } from "../../support/node-process.js";
import { refusedByAuth, refusedByCommand, refusedByServer } from "../../support/wrong-settings.js";
import { begin } from "./calls.js";

const RULE =
  "externalProviders: must be an object of { issuer, clientId, clientSecret } by names such as corp, with an https:// issuer, or http:// on loopback";
const VARIABLE_RULE =
  "OIDC_PROVIDERS: must be NAME=https://CLIENT_ID:CLIENT_SECRET@ISSUER such as corp=https://gatehouse:s3cret@login.example.com, or with http:// on loopback, separated by commas";
const corp = {
  issuer: "https://login.example.com/realms/corp",
  clientId: "gatehouse",
  clientSecret: "canary",
};
const google = { googleClientId: "id", googleClientSecret: "canary" };
const github = { githubClientId: "id", githubClientSecret: "canary" };

test.each([
  { corp: { ...corp, issuer: "http://login.example.com" } },
  { corp: { ...corp, issuer: "https://canary:x@login.example.com" } },
  { corp: { ...corp, issuer: "https://login.example.com/?canary" } },
  { corp: { ...corp, issuer: "https://login.example.com/#canary" } },
  { corp: { ...corp, issuer: "login.example.com" } },
  { corp: { ...corp, clientId: "" } },
  { corp: { ...corp, clientSecret: undefined } },
  { corp: { ...corp, scope: "canary" } },
  { "Corp's": corp },
  { "'); DROP TABLE linked_account; --": corp },
  { corp: "canary" },
  [corp],
  "canary",
])("a wrong provider is refused, and its secret is not repeated (%#)", async (providers) => {
  expect(await refusedByServer({ externalProviders: providers })).toEqual([RULE]);
});

test.each([
  "corp",
  "https://gatehouse:canary@login.example.com",
  "corp=login.example.com",
  "corp=https://login.example.com",
  "corp=https://gatehouse@login.example.com",
  "corp=http://gatehouse:canary@login.example.com",
  "corp=https://gatehouse:%canary@login.example.com",
  "corp=https://a:canary@login.example.com,corp=https://b:canary@login.example.com",
  "corp=https://gatehouse:canary@login.example.com,",
])("the list %s is refused, and its secrets are not repeated", (text) => {
  expect(refusedByCommand({ OIDC_PROVIDERS: text })).toEqual([VARIABLE_RULE]);
});

test.each([
  { OIDC_PROVIDERS: "corp=https://id:s%2Fe%40c%2Cret@login.example.com/realms/corp" },
  { OIDC_PROVIDERS: "a=https://id:secret@a.example, b-2=http://id:secret@127.0.0.1:8080" },
  { OIDC_GOOGLE_CLIENT_ID: "id", OIDC_GOOGLE_CLIENT_SECRET: "secret" },
  { GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret" },
  { GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret", GITHUB_URL: "https://git.example" },
])("the setting %j is accepted", (env) => {
  expect(refusedByCommand(env as unknown as Record<string, string>)).toEqual([]);
});

test.each([
  ["OIDC_GOGLE_CLIENT_ID", "OIDC_GOOGLE_CLIENT_ID"],
  ["OIDC_GOOGLE_CLIENT_SECRETS", "OIDC_GOOGLE_CLIENT_SECRET"],
  ["ODIC_PROVIDERS", "OIDC_PROVIDERS"],
  ["OIDC_PROVIDER", "OIDC_PROVIDERS"],
  ["GITHUB_CLIENTID", "GITHUB_CLIENT_ID"],
])("the misspelt variable %s is refused", (variable, meant) => {
  expect(refusedByCommand({ [variable]: "canary" })).toEqual([
    `${variable}: is not a setting; did you mean ${meant}?`,
  ]);
});

test("an id needs its secret, and a secret its id", async () => {
  expect(await refusedByServer({ googleClientId: "id" })).toEqual([
    "googleClientSecret: is required with googleClientId",
  ]);
  expect(await refusedByServer({ githubClientSecret: "canary" })).toEqual([
    "githubClientId: is required with githubClientSecret",
  ]);
  expect(refusedByCommand({ GITHUB_URL: "https://github.example.com" })).toEqual([
    "GITHUB_CLIENT_ID: is required with GITHUB_URL",
  ]);
});

test("GitHub's URL is an origin with TLS, or on loopback", async () => {
  for (const githubUrl of ["http://github.example.com", "https://github.example.com/", "x"]) {
    expect(await refusedByServer({ ...github, githubUrl })).toEqual([
      "githubUrl: must be an origin such as https://github.example.com, or http://… on loopback",
    ]);
  }
});

test("two providers cannot have one name", async () => {
  const externalProviders = { google: corp, github: corp };
  expect(await refusedByServer({ ...google, ...github, externalProviders })).toEqual([
    "googleClientId: is for google, which is also in externalProviders",
    "githubClientId: is for github, which is also in externalProviders",
  ]);
});

test("an application must name an origin to which providers may send browsers", async () => {
  expect(await refusedByAuth(google)).toEqual([
    "publicUrl: is required for logins at other providers, because they send browsers to pages under this URL",
  ]);
});

describe("a server with a provider", () => {
  let seen: Readonly<Record<string, unknown>> = {};
  const spy = defineFeature({
    name: "spy",
    create: (_core, config) => {
      seen = config;
      return {};
    },
  });
  const gate = setUpGate({ ...github, publicUrl: undefined, features: [spy] });

  test("allows pages of its own origin in development, but not those of others", async () => {
    const own = await begin(gate, { provider: "github", redirectTo: `${gate.url}/signed-in` });
    expect(new URL(own.data.beginExternalLogin.url).origin).toBe("https://github.com");
    const other = await begin(gate, { provider: "github" });
    expect(other.code).toBe("BAD_USER_INPUT");
  });

  test("shows the secrets to no other feature", () => {
    expect(Object.keys(seen)).toContain("corsOrigins");
    expect(JSON.stringify(seen)).not.toContain("canary");
  });
});

describe("without a provider", () => {
  const gate = setUpGate();

  test("there are no fields and no tables", async () => {
    expect((await gate.ask("{ externalProviders }")).code).toBe("GRAPHQL_VALIDATION_FAILED");
    expect((await begin(gate)).code).toBe("GRAPHQL_VALIDATION_FAILED");
    const tables = await gate.sql(
      "SELECT name FROM sqlite_master WHERE name LIKE '%external_login%' OR name LIKE '%linked%'",
    );
    expect(tables).toEqual([]);
  });
});

test("the OpenID library is loaded only if there is a provider", async () => {
  const folder = await mkdtemp(join(tmpdir(), "external-login-"));
  const hook = `export async function resolve(name, context, next) {
    if (name === "openid-client") process._rawDebug("loaded");
    return next(name, context);
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createAuth } = await import("graphql-gatehouse");
    const [state, path] = process.argv.slice(1);
    const auth = await createAuth({
      secretKey: "b5d1f0c7a9e34e0f8c2d6b7a1e9f3c40",
      databaseUrl: "sqlite:" + path,
      corsOrigins: ["https://app.example.com"],
      ...(state === "on" && { googleClientId: "id", googleClientSecret: "secret" }),
    });
    await auth.close();`;
  const start = (state: string) =>
    runNode(["--input-type=module", "-e", script, state, join(folder, `${state}.sqlite`)], {
      cwd: process.cwd(),
    });
  try {
    const [off, on] = await Promise.all([start("off"), start("on")]);
    expect([off.code, off.stderr]).toEqual([0, ""]);
    expect(on.code).toBe(0);
    expect(on.stderr).toMatch(/^(loaded\n)+$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

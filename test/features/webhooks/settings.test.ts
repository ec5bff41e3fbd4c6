import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createAuth } from "graphql-gatehouse";
import { setUpGate } from "../../support/gate.js";
import { runNode } from "../../support/node-process.js";
import { refusedByCommand, refusedByServer, SECRET_KEY } from "../../support/wrong-settings.js";

const URL_RULE =
  "webhookUrl: must be https://…, or http://… on loopback, without a user name and a password";
const SECRET_RULE =
  'webhookSecret: must be whsec_ and the base64 of 24 to 64 random bytes; `echo "whsec_$(openssl rand -base64 32)"` makes one';
const webhookUrl = "https://hooks.example.com/in";
const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString("base64")}`;
const webhookSecret = secretOf(24);

test.each([
  ["hooks.example.com"],
  ["http://hooks.example.com/canary"],
  ["http://127.0.0.1.example.com/"],
  ["http://10.0.0.1/"],
  ["https://user:canary@hooks.example.com/"],
  ["https://canary@hooks.example.com/"],
  ["ftp://hooks.example.com/"],
  [" https://hooks.example.com/"],
])("the URL %s is refused, and is not repeated", async (url) => {
  expect(await refusedByServer({ webhookUrl: url, webhookSecret })).toEqual([URL_RULE]);
});

test.each([
  ["too short", secretOf(23)],
  ["too long", secretOf(65)],
  ["without a prefix", randomBytes(32).toString("base64")],
  ["not base64", "whsec_canary-canary-canary-canary-canary-canary"],
  ["cut off", secretOf(32).slice(0, -1)],
  ["nothing", " , "],
  ["a list with a wrong one", `${webhookSecret},canary`],
])("a secret that is %s is refused, and is not repeated", async (_what, secret) => {
  expect(await refusedByServer({ webhookUrl, webhookSecret: secret })).toEqual([SECRET_RULE]);
});

test("a URL needs a secret, and the feature needs the stored audit trail", async () => {
  expect(await refusedByServer({ webhookUrl })).toEqual([
    "webhookSecret: is required with webhookUrl",
  ]);
  expect(refusedByCommand({ WEBHOOK_URL: webhookUrl })).toEqual([
    "WEBHOOK_SECRET: is required with WEBHOOK_URL",
  ]);
  expect(await refusedByServer({ webhookUrl, webhookSecret, auditRetention: false })).toEqual([
    "webhookUrl: needs the audit trail, which is off: change auditRetention",
  ]);
});

test.each([
  [webhookUrl, webhookSecret],
  ["http://127.0.0.1:8080/", `${webhookSecret},${secretOf(64)}`],
  ["http://localhost/", `${webhookSecret} ${secretOf(32)}`],
  ["http://[::1]:8080/hooks?key=1", `${webhookSecret}, ${secretOf(32)}`],
])("the URL %s is accepted", (url, secret) => {
  expect(refusedByCommand({ WEBHOOK_URL: url, WEBHOOK_SECRET: secret })).toEqual([]);
});

describe("without WEBHOOK_URL", () => {
  const gate = setUpGate({ webhookSecret });

  test("there is no outbox, and events are stored as before", async () => {
    await gate.user("ada");
    const tables = await gate.sql("SELECT name FROM sqlite_master WHERE name LIKE '%webhook%'");
    expect(tables).toEqual([]);
  });
});

test("the library of webhooks is loaded only if they are on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "webhooks-"));
  const hook = `export async function resolve(name, context, next) {
    if (name === "standardwebhooks") process._rawDebug("loaded");
    return next(name, context);
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { createAuth } = await import("graphql-gatehouse");
    const auth = await createAuth(JSON.parse(process.argv[1]));
    await auth.close();`;
  const start = (name: string, options: object) => {
    const all = { secretKey: SECRET_KEY, databaseUrl: `sqlite:${join(folder, name)}`, ...options };
    return runNode(["--input-type=module", "-e", script, JSON.stringify(all)], {
      cwd: process.cwd(),
    });
  };
  try {
    const [off, on] = await Promise.all([
      start("off.sqlite", {}),
      start("on.sqlite", { webhookUrl, webhookSecret }),
    ]);
    expect([off.code, off.stderr]).toEqual([0, ""]);
    expect([on.code, on.stderr]).toEqual([0, "loaded\n"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("no other feature can read the URL or the secret", async () => {
  const folder = await mkdtemp(join(tmpdir(), "webhooks-"));
  let seen: object = {};
  const spy = {
    name: "spy",
    create: (_core: object, config: object) => {
      seen = config;
      return {};
    },
  };
  const databaseUrl = `sqlite:${join(folder, "spy.sqlite")}`;
  const auth = await createAuth({
    ...{ secretKey: SECRET_KEY, databaseUrl, webhookUrl, webhookSecret },
    features: [spy],
  });
  await auth.close();
  await rm(folder, { recursive: true });
  expect(Object.keys(seen)).toContain("accessTokenLifetime");
  expect(Object.keys(seen).filter((name) => name.startsWith("webhook"))).toEqual([]);
});

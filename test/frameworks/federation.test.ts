import { type ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startNode, waitForLine } from "../support/node-process.js";
import { type InstalledExample, installExample, PASSWORD } from "./install-example.js";

let example: InstalledExample;
let reviewsUrl: string;
/** The subgraph, in cookie mode. */
let cookieUrl: string;
const children: ChildProcess[] = [];

/** Starts one of the example's programs, and returns its URL. */
async function serve(script: string, accountsUrl = example.url): Promise<string> {
  const env = { ...example.env, ACCOUNTS_URL: accountsUrl, REVIEWS_URL: reviewsUrl };
  const { child } = startNode([script], { cwd: example.folder, env, timeout: 1_800_000 });
  children.push(child);
  const [, url = ""] = await waitForLine(child, /^Ready at (\S+)$/m);
  return url;
}

beforeAll(async () => {
  example = await installExample("federation");
  await example.createUsers();
  await example.start();
  reviewsUrl = await serve("dist/reviews.js");
  const program = await readFile(join(example.folder, example.program), "utf8");
  const inCookieMode = program.replace("secretKey: SECRET_KEY", "$&, refreshCookie: true");
  expect(inCookieMode).not.toBe(program);
  await writeFile(join(example.folder, "dist/cookie-accounts.js"), inCookieMode);
  cookieUrl = await serve("dist/cookie-accounts.js");
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await example.remove();
});

async function ask(
  url: string,
  query: string,
  headers: Record<string, string> = {},
  variables = {},
) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [], extensions } = (await response.json()) as any;
  return {
    status: response.status,
    cookies: response.headers.getSetCookie(),
    data,
    extensions,
    errors: errors as readonly { message: string; extensions: Record<string, unknown> }[],
    reasons: errors.map((error: any) => error.extensions.reason),
  };
}

async function login(url: string, username: string, headers: Record<string, string> = {}) {
  const { data } = await ask(
    url,
    `mutation {
      login(username: "${username}", password: "${PASSWORD}") { access user { id } session { ipAddress } }
    }`,
    headers,
  );
  const { access, user, session } = data.login;
  return { id: user.id as string, session, headers: { authorization: `Bearer ${access}` } };
}

const entities = (...ids: string[]) =>
  `{ _entities(representations: [${ids
    .map((id) => `{ __typename: "User", id: "${id}" }`)
    .join()}]) { ... on User { id username profile { role } } } }`;

describe("the subgraph", () => {
  test("shows its SDL to a gateway without a credential; users have a key, and pages are shareable", async () => {
    const { data } = await ask(example.url, "{ _service { sdl } }");
    expect(data._service.sdl).toMatch(/type User\s+@key\(fields: "id"\)/);
    expect(data._service.sdl).toMatch(/type PageInfo\s+@shareable/);
  });

  test("tells a stranger nothing about users, not even whether they exist", async () => {
    const { id } = await login(example.url, "bob");
    for (const query of [entities(id), entities("nobody")]) {
      expect(await ask(example.url, query)).toMatchObject({
        data: null,
        reasons: ["no_credentials"],
      });
    }
  });

  test("shows users their own data, and refuses others in the same way whether they exist or not", async () => {
    const [ada, bob] = [await login(example.url, "ada"), await login(example.url, "bob")];
    const { data, reasons } = await ask(
      example.url,
      entities(bob.id, ada.id, "nobody"),
      bob.headers,
    );
    expect(data._entities).toEqual([
      { id: bob.id, username: "bob", profile: { role: "USER" } },
      null,
      null,
    ]);
    expect(reasons).toEqual(["role_required", "role_required"]);
  });

  test("shows everyone to an ADMIN", async () => {
    const [ada, bob] = [await login(example.url, "ada"), await login(example.url, "bob")];
    const { data, reasons } = await ask(example.url, entities(bob.id, "nobody"), ada.headers);
    expect(data._entities).toMatchObject([{ username: "bob" }, null]);
    expect(reasons).toEqual([]);
  });

  test("refuses a request for more than 100 entities in all its fields together", async () => {
    const { id, headers } = await login(example.url, "ada");
    const [one, two] = [60, 41].map((length) => Array(length).fill({ __typename: "User", id }));
    const query = `query ($one: [_Any!]!, $two: [_Any!]!) {
      a: _entities(representations: $one) { ... on User { username } }
      b: _entities(representations: $two) { ... on User { username } }
    }`;
    const allowed = await ask(example.url, query, headers, { one, two: two?.slice(1) });
    expect(allowed.data.a.concat(allowed.data.b)).toEqual(Array(100).fill({ username: "ada" }));
    const refused = await ask(example.url, query, headers, { one, two });
    expect(refused.data).toBeNull();
    expect(refused.errors).toMatchObject([
      {
        message:
          "A request may ask for at most 100 entities. Ask for the others in another request.",
        extensions: { code: "BAD_USER_INPUT" },
      },
    ]);
    // An anonymous client does not learn about the limit.
    const { reasons } = await ask(example.url, query, {}, { one, two });
    expect(reasons).toContain("no_credentials");
  });

  test("sends no trace, whoever asks", async () => {
    const headers = { "apollo-federation-include-trace": "ftv1" };
    const traced = await ask(reviewsUrl, "{ reviews(authors: []) { nodes { text } } }", headers);
    expect(traced.extensions).toHaveProperty("ftv1");
    expect((await ask(example.url, "{ greeting }", headers)).extensions).toBeUndefined();
  });

  test("can be composed with another subgraph that also has PageInfo", async () => {
    const services = await Promise.all(
      Object.entries({ accounts: example.url, reviews: reviewsUrl }).map(async ([name, url]) => {
        const { data } = await ask(url, "{ _service { sdl } }");
        return { name, url, sdl: data._service.sdl as string };
      }),
    );
    const require = createRequire(join(example.folder, "package.json"));
    const { parse } = require("graphql");
    const compositions = [
      require("@apollo/composition").composeServices,
      require("@theguild/federation-composition").composeServices,
    ];
    for (const compose of compositions) {
      const { errors = [], supergraphSdl } = compose(
        services.map(({ sdl, ...service }) => ({ ...service, typeDefs: parse(sdl) })),
      );
      expect(errors).toEqual([]);
      expect(supergraphSdl).toContain("type PageInfo");
    }
  });
});

describe.each(["apollo-gateway", "hive-gateway"])("behind %s", (gateway) => {
  let url: string;

  beforeAll(async () => {
    url = await serve(`dist/${gateway}.js`);
  });

  test("a login opens a session with the client's address, and the header reaches the subgraph", async () => {
    const { session, headers } = await login(url, "bob", { "x-forwarded-for": "192.0.2.1" });
    expect(session.ipAddress).toMatch(/^(::ffff:)?127\.0\.0\.1$|^::1$/);
    const { data } = await ask(url, "{ me { username } motto }", headers);
    expect(data).toEqual({ me: { username: "bob" }, motto: "Know thyself, bob." });
  });

  test("a refusal keeps its reason", async () => {
    const { headers } = await login(url, "bob");
    expect((await ask(url, "{ me { username } }")).reasons).toEqual(["no_credentials"]);
    expect((await ask(url, "{ mottoReads }", headers)).reasons).toEqual(["role_required"]);
    await ask(url, "mutation { logout { message } }", headers);
    expect((await ask(url, "{ motto }", headers)).reasons).toEqual(["token_revoked"]);
  });

  test("a refusal has status 200, whatever media type the client prefers", async () => {
    const accept = "application/graphql-response+json";
    const ofMe = async (server: string) => {
      const { status, reasons } = await ask(server, "{ me { username } }", { accept });
      return { status, reasons };
    };
    expect(await ofMe(example.url)).toEqual({ status: 401, reasons: ["no_credentials"] });
    expect(await ofMe(url)).toEqual({ status: 200, reasons: ["no_credentials"] });
  });

  test("the subgraph's cookie does not reach the client", async () => {
    const query = `mutation { login(username: "bob", password: "${PASSWORD}") { access refresh } }`;
    const direct = await ask(cookieUrl, query);
    expect(direct.cookies).toHaveLength(1);
    const gatewayUrl = await serve(`dist/${gateway}.js`, cookieUrl);
    const { data, cookies } = await ask(gatewayUrl, query);
    expect(data.login).toEqual({ access: expect.any(String), refresh: null });
    expect(cookies).toEqual([]);
  });

  test("users that another subgraph refers to are loaded as the schema allows", async () => {
    const [ada, bob] = [await login(url, "ada"), await login(url, "bob")];
    const query = `{ reviews(authors: ["${bob.id}"]) {
      nodes { text author { id username } } pageInfo { hasNextPage }
    } }`;
    for (const { headers } of [ada, bob]) {
      const { data } = await ask(url, query, headers);
      expect(data.reviews).toEqual({
        nodes: [{ text: `A review by ${bob.id}.`, author: { id: bob.id, username: "bob" } }],
        pageInfo: { hasNextPage: false },
      });
    }
    expect((await ask(url, query)).reasons).toContain("no_credentials");
    const ofAda = query.replace(bob.id, ada.id);
    expect((await ask(url, ofAda, bob.headers)).reasons).toContain("role_required");
  });
});

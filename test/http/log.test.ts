import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineFeature, NoCredentials, ServiceUnavailable } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { Gate, setUpGate } from "../support/gate.js";
import { rawRequest, sendRaw } from "../support/wire.js";

const broken = defineFeature({
  name: "broken",
  create: () => ({
    extension: {
      typeDefs: `extend type Query {
        broken: Int @public away: Int @public busy: Int @public
      }`,
      resolvers: {
        Query: {
          broken: () => Promise.reject(new Error("a bug")),
          away: () => Promise.reject(new ServiceUnavailable(1, new Error("a bug"))),
          busy: () => Promise.reject(new ServiceUnavailable(1)),
        },
      },
    },
    routes: [
      { method: "GET", path: "/fine", handle: () => Promise.resolve(new Response("fine")) },
      { method: "GET", path: "/broken", handle: () => Promise.reject(new Error("a bug")) },
      {
        method: "GET",
        path: "/away",
        handle: () => Promise.reject(new ServiceUnavailable(1, new Error("a bug"))),
      },
      {
        method: "GET",
        path: "/refused",
        handle: () => Promise.reject(new NoCredentials()),
      },
      {
        method: "GET",
        path: "/slow",
        handle: () => sleep(50, new Response("fine")),
      },
      {
        method: "GET",
        path: "/silent",
        isLogged: false,
        handle: () => Promise.resolve(new Response("fine")),
      },
    ],
  }),
});

const gate = setUpGate({ logLevel: "info", features: [broken] });

beforeEach(() => {
  gate.log.length = 0;
});

/** Waits until so many requests are logged, and returns all records of the log. */
async function logged(requests = 1, { log } = gate): Promise<Record<string, any>[]> {
  await eventually(() => log.filter(({ msg }) => msg === "request").length === requests);
  return [...log];
}

/** The parts of every record, and of a record that belongs to a request. */
const EVERY = { level: 30, time: expect.any(Number), msg: "request", ip: "127.0.0.1" };
const OF_REQUEST = {
  ...EVERY,
  reqId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  ms: expect.any(Number),
};

describe("the log has one record for", () => {
  test("OP-4: an operation, with its name and its outcome", async () => {
    await gate.ask(`query ${"Long".repeat(40)} { __typename }`);
    await gate.ask("{ me { id } }");
    const operation = { ...OF_REQUEST, method: "POST", path: "/graphql" };
    expect(await logged(2)).toEqual([
      { ...operation, status: 200, operation: "Long".repeat(32), outcome: "ok" },
      { ...operation, status: 401, outcome: "UNAUTHENTICATED" },
    ]);
  });

  test("a document that is refused, with the code of the first error that the client gets", async () => {
    const codes: unknown[] = [];
    for (const query of [
      "{",
      `{ ${"me { id } ".repeat(200)} }`,
      "{ missing }",
      "{ me { id } }",
      "query A { __typename } query B { __typename }",
      "",
      "x".repeat(90_000),
      "\n".repeat(20_000),
    ]) {
      codes.push((await gate.ask(query)).code);
    }
    expect((await logged(codes.length)).map(({ outcome }) => outcome)).toEqual(codes);
    expect(new Set(codes).size).toBe(5);
  });

  test.each([
    ["a feature's route", "/fine", { path: "/fine", status: 200, outcome: "ok" }],
    ["a path that does not exist", "/no?a", { path: null, status: 404, outcome: "refused" }],
  ])("%s", async (_what, path, record) => {
    await fetch(gate.url + path);
    expect(await logged()).toEqual([{ ...OF_REQUEST, method: "GET", ...record }]);
  });

  test("a body that is not JSON", async () => {
    await sendRaw(gate.url, rawRequest("["));
    const record = { method: "POST", path: "/graphql", status: 400, outcome: "refused" };
    expect(await logged()).toEqual([{ ...OF_REQUEST, ...record }]);
  });

  test("a malformed URL", async () => {
    await sendRaw(gate.url, rawRequest("", [], "GET /%zz HTTP/1.1"));
    const { reqId } = OF_REQUEST;
    expect(await logged()).toEqual([{ ...EVERY, reqId, method: "GET", status: 400 }]);
  });

  test.each([
    ["a header that is too large", `X: ${"x".repeat(17_000)}`, 431],
    ["a request that is not HTTP", "Bad Header: x", 400],
  ])("%s", async (_what, line, status) => {
    await sendRaw(gate.url, rawRequest("", [line], "GET / HTTP/1.1"));
    expect(await logged()).toEqual([{ ...EVERY, status }]);
  });

  test("a bug of a resolver and of a route, beside that of the request, with its stack", async () => {
    const { errors } = await gate.ask("{ broken }");
    const answer = await fetch(`${gate.url}/broken`);
    const [error] = ((await answer.json()) as any).errors;
    expect([answer.status, error.extensions.code]).toEqual([500, "INTERNAL_SERVER_ERROR"]);
    const records = await logged(2);
    const bug = { level: 50, err: { stack: expect.stringContaining("Error: a bug") } };
    expect(records).toMatchObject([
      { ...bug, msg: "a resolver failed" },
      { ...OF_REQUEST, status: 200, outcome: "INTERNAL_SERVER_ERROR" },
      { ...bug, msg: "request failed", reqId: error.extensions.requestId },
      { ...OF_REQUEST, status: 500, outcome: "refused" },
    ]);
    const [first, second] = records;
    expect(first?.["reqId"]).toBe(second?.["reqId"]);
    expect(errors?.[0]?.extensions).toEqual({
      code: error.extensions.code,
      requestId: first?.["reqId"],
    });
  });
});

test("a record has the milliseconds that the response took, with one decimal", async () => {
  const start = performance.now();
  await fetch(`${gate.url}/slow`);
  const total = performance.now() - start;
  const [{ ms } = {}] = await logged();
  // Timers may be a little early.
  expect(ms).toBeGreaterThan(45);
  expect(ms).toBeLessThan(total);
  expect(String(ms)).toMatch(/^\d+(\.\d)?$/);
});

test("a client that resets its connection has no record", async () => {
  const { hostname, port } = new URL(gate.url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve) => socket.write("POST /graphql HTTP/1.1\r\n", resolve));
  await fetch(`${gate.url}/fine`);
  socket.resetAndDestroy();
  await fetch(`${gate.url}/fine`);
  await fetch(`${gate.url}/fine`);
  expect((await logged(3)).map(({ path }) => path)).toEqual(["/fine", "/fine", "/fine"]);
});

test("a bug before an operation starts has a record with its stack", async () => {
  const other = await Gate.open({ logLevel: "info" });
  const { authorization } = await other.issue(await other.user("ada"));
  await other.sql("ALTER TABLE session RENAME TO gone");
  other.log.length = 0;
  const { errors } = await other.ask("{ me { id } }", { authorization });
  const records = await logged(1, other);
  await other.close();
  const { code, requestId: reqId } = errors?.[0]?.extensions ?? {};
  expect(code).toBe("INTERNAL_SERVER_ERROR");
  const stack = expect.stringContaining("no such table");
  expect(records).toMatchObject([
    { level: 50, msg: "the context could not be built", reqId, err: { stack } },
    { ...OF_REQUEST, reqId, status: 500, outcome: code },
  ]);
});

test("a refusal of a route has no record but that of its request, and its challenge", async () => {
  const answer = await fetch(`${gate.url}/refused`);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([401, null]);
  expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
  expect(await answer.json()).toMatchObject({
    errors: [{ extensions: { code: "UNAUTHENTICATED", reason: "no_credentials" } }],
  });
  expect(await logged()).toEqual([
    { ...OF_REQUEST, method: "GET", path: "/refused", status: 401, outcome: "refused" },
  ]);
});

test("an outage in a resolver or a route has a record with its cause", async () => {
  await gate.ask("{ away }");
  const { status, headers } = await fetch(`${gate.url}/away`);
  expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
  expect(headers.get("www-authenticate")).toBeNull();
  const outage = { level: 50, err: { stack: expect.stringContaining("Error: a bug") } };
  expect(await logged(2)).toMatchObject([
    { ...outage, msg: "a resolver failed" },
    { ...OF_REQUEST, path: "/graphql", outcome: "SERVICE_UNAVAILABLE" },
    { ...outage, msg: "a route failed" },
    { ...OF_REQUEST, path: "/away", status: 503 },
  ]);
});

test("a refusal has no record beside that of the request, and its error names no request", async () => {
  for (const query of ["{ busy }", "{ me { id } }", "{ missing }"]) {
    const { errors } = await gate.ask(query);
    expect(errors?.[0]?.extensions).not.toHaveProperty("requestId");
  }
  expect((await logged(3)).map(({ msg }) => msg)).toEqual(["request", "request", "request"]);
});

test("a line that a feature writes has a record", async () => {
  await gate.auth.mail.send({ template: "password-changed", to: "ada@example.com" });
  const isLine = ({ msg }: Record<string, any>) => msg.startsWith("Mail password-changed: ");
  await eventually(() => gate.log.some(isLine));
  expect(gate.log.find(isLine)).toMatchObject({ level: 30 });
});

test("a client behind a proxy has its own address, unless the proxy names none", async () => {
  const proxied = await gate.another({ trustedProxies: ["127.0.0.1"], graphiql: false });
  for (const address of ["198.51.100.7", "unknown"]) {
    await proxied.ask("{ __typename }", { headers: { "x-forwarded-for": address } });
  }
  const records = (await logged(2, proxied)).filter(({ msg }) => msg === "request");
  expect(records.map(({ ip }) => ip)).toEqual(["198.51.100.7", "127.0.0.1"]);
});

test("a route that is not logged is not in the log", async () => {
  expect((await fetch(`${gate.url}/silent`)).status).toBe(200);
  await fetch(`${gate.url}/fine`);
  expect((await logged()).map(({ path }) => path)).toEqual(["/fine"]);
});

test("LG-12: an event's record names its request, and has only a keyed fingerprint of the login", async () => {
  const userId = await gate.user("ada");
  gate.log.length = 0;
  for (const username of ["ada", "eve", "eve"]) {
    await gate.ask(`mutation { login(username: "${username}", password: "wrong") { access } }`);
  }
  const records = await logged(3);
  const [ada, eve, again] = records.filter(({ msg }) => msg === "audit");
  const [request] = records.filter(({ msg }) => msg === "request");
  expect(ada).toEqual({
    level: 30,
    time: expect.any(Number),
    msg: "audit",
    audit: "login_failed",
    reason: "invalid_credentials",
    userId,
    login: expect.stringMatching(/^[0-9a-f]{16}$/),
    reqId: request?.["reqId"],
    ip: "127.0.0.1",
  });
  expect(again?.["login"]).toBe(eve?.["login"]);
  expect(ada?.["login"]).not.toBe(eve?.["login"]);
});

test("an event without a request has no request's parts", async () => {
  await gate.auth.accounts.createUser({ username: "bob" });
  const [record] = gate.log;
  expect(record).toMatchObject({ msg: "audit", audit: "user_created" });
  for (const part of ["reqId", "ip", "traceId", "actor"]) expect(record).not.toHaveProperty(part);
});

test("a job that fails, and a feature that fails to close, have a record with the bug", async () => {
  const bug = () => Promise.reject(new Error("a bug"));
  const failing = defineFeature({
    name: "failing",
    create: () => ({ jobs: [{ name: "tidy", interval: 1, run: bug }], close: bug }),
  });
  const other = await gate.another({ features: [failing] });
  const recordOf = (msg: string) => other.log.find((record) => record["msg"] === msg);
  await eventually(() => recordOf("maintenance failed") !== undefined);
  await other.close();
  const err = { stack: expect.stringContaining("Error: a bug") };
  expect(recordOf("maintenance failed")).toMatchObject({ level: 50, err });
  expect(recordOf("an error that did not make a request fail")).toMatchObject({ level: 40, err });
});

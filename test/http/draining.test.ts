import { describe, expect, jest, test } from "@jest/globals";
import { defineFeature } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { fakeTimeouts } from "../support/fake-timers.js";
import { Gate, setUpFreshGate } from "../support/gate.js";
import { ownTimeOf } from "../support/measure.js";
import { openConnection, rawRequest } from "../support/wire.js";

const KEEP = ["Connection: keep-alive"];
const TYPENAME = rawRequest(`{"query":"{ __typename }"}`, KEEP);
const HELD = rawRequest(`{"query":"{ held }"}`, KEEP);

/** The functions that end the resolvers of `held`. */
const held: (() => void)[] = [];

const slow = defineFeature({
  name: "slow",
  create: () => ({
    extension: {
      typeDefs: "extend type Query { held: Boolean @public }",
      resolvers: { Query: { held: () => new Promise<void>((resolve) => held.push(resolve)) } },
    },
  }),
});

/** Opens a connection, and keeps it after its first response. */
async function openKept(url: string) {
  const connection = await openConnection(url);
  connection.write(TYPENAME);
  await connection.waitFor(/"__typename"/);
  return connection;
}

/** Returns the status of `GET /health/ready` on a new connection, or "refused". */
const readiness = (url: string) =>
  fetch(`${url}/health/ready`, { headers: { connection: "close" } }).then(
    ({ status }) => status,
    () => "refused",
  );

const countAnswers = (text: string) => text.split("HTTP/1.1 200 OK").length - 1;

const options = { features: [slow], graphiql: false };

describe.each([
  ["in production", { ...options, isProduction: true, introspection: false }],
  ["in development", options],
])("OP-6: a stopping server %s", (_where, options) => {
  const gate = setUpFreshGate({ ...options, logLevel: "info" });

  test("answers requests that run, and that arrive on kept connections, each as the last of its connection", async () => {
    const { url } = gate;
    const [kept, silent, running] = [
      await openKept(url),
      await openKept(url),
      await openConnection(url),
    ];
    running.write(HELD);
    await eventually(() => held.length === 1);
    const ended = gate.drain();
    await eventually(async () => (await readiness(url)) === "refused");
    // A request that runs keeps the server from closing idle connections.
    kept.write(TYPENAME);
    const answers = await kept.closed;
    expect(countAnswers(answers)).toBe(2);
    expect(answers.match(/^connection: close\r$/gim)).toHaveLength(1);
    held.pop()?.();
    const last = await running.closed;
    expect(last).toMatch(/^connection: close\r$/im);
    expect(last).toContain(`{"data":{"held":null}}`);
    await ended;
    expect(countAnswers(await silent.closed)).toBe(1);
    expect(
      gate.log.filter(({ msg }) => msg.startsWith("Gatehouse ")).map(({ msg }) => msg),
    ).toEqual(["Gatehouse is stopping", "Gatehouse has stopped"]);
  });
});

test("OP-6: in development, a server without connections stops at once", async () => {
  const gate = await Gate.open(options);
  // In production, it waits for a second, and with connections for half a second.
  expect(await ownTimeOf(() => gate.drain())).toBeLessThan(400);
  await gate.close();
});

describe("OP-6: a stopping server", () => {
  // Idle connections stay open for longer than a test takes.
  const gate = setUpFreshGate({ ...options, isProduction: true, keepAliveTimeout: 3600 });

  test("still listens for a second, and is not ready meanwhile", async () => {
    const { url } = gate;
    const start = performance.now();
    const ended = gate.drain();
    expect(await readiness(url)).toBe(503);
    await eventually(async () => (await readiness(url)) === "refused");
    // Timers may be a little early.
    expect(performance.now() - start).toBeGreaterThan(990);
    await ended;
  });

  test("keeps new connections open while it still listens, because a proxy would replace each of them", async () => {
    const { url } = gate;
    const old = await openKept(url);
    const ended = gate.drain();
    const late = await openKept(url);
    old.write(TYPENAME);
    late.write(TYPENAME);
    expect((await old.closed).match(/^connection: close\r$/gim)).toHaveLength(1);
    const answers = await late.closed;
    expect(countAnswers(answers)).toBe(2);
    expect(answers).not.toMatch(/^connection: close\r$/im);
    await ended;
  });

  test("answers requests on idle connections for half a second after it stops listening", async () => {
    const { url } = gate;
    const [used, silent] = [await openKept(url), await openKept(url)];
    let isSilentClosed = false;
    const closed = silent.closed.finally(() => (isSilentClosed = true));
    let now = Math.round(performance.now());
    const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
    // Otherwise, all connections would be closed after ten seconds.
    fakeTimeouts();
    try {
      const ended = gate.drain();
      await eventually(async () => (await readiness(url)) === "refused");
      now += 499;
      used.write(TYPENAME);
      expect(countAnswers(await used.closed)).toBe(2);
      expect(isSilentClosed).toBe(false);
      now += 1;
      // This does not end if the server waits for longer.
      await ended;
      expect(countAnswers(await closed)).toBe(1);
    } finally {
      jest.useRealTimers();
      clock.mockRestore();
    }
  });

  test("that closes answers a request whose header has begun to arrive", async () => {
    const { url } = gate;
    const connection = await openKept(url);
    connection.write(TYPENAME.subarray(0, 20));
    expect(await readiness(url)).toBe(200);
    const ended = gate.close();
    await eventually(async () => (await readiness(url)) === "refused");
    connection.write(TYPENAME.subarray(20));
    const answers = await connection.closed;
    expect(countAnswers(answers)).toBe(2);
    expect(answers.match(/^connection: close\r$/gim)).toHaveLength(1);
    await ended;
  });

  test("waits at most 10 seconds for a request that does not end", async () => {
    const connection = await openConnection(gate.url);
    connection.write(TYPENAME.subarray(0, -1));
    // The server has accepted the connection before this one.
    expect(await readiness(gate.url)).toBe(200);
    let isClosed = false;
    void connection.closed.then(() => (isClosed = true));
    fakeTimeouts();
    const ended = gate.close();
    await jest.advanceTimersByTimeAsync(9_999);
    expect(isClosed).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    jest.useRealTimers();
    await ended;
    await connection.closed;
  });
});

import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Client, QueryConfig } from "pg";
import { PostgresConnections } from "../../src/database/postgresql-connections.js";

const QUERY = { text: "SELECT 1" };
/** The error of `pg` when a statement gets no answer in time. */
const NO_ANSWER = new Error("Query read timeout");
const errorOf = (code: string, severity?: string) =>
  Object.assign(new Error("It failed."), { code, ...(severity && { severity }) });

/** A client of `pg` without a server. */
class FakeClient extends EventEmitter {
  /** The statements that were sent. */
  readonly sent: QueryConfig[] = [];
  /** The calls that end the connection. */
  readonly ends: string[] = [];
  readonly connection;
  #answer: Promise<unknown> = Promise.resolve({ rows: [] });

  constructor(kind: "TCP" | "TLS" | "Unix" = "TCP") {
    super();
    const socket = (name: string) => ({
      remoteAddress: kind === "Unix" ? undefined : "10.0.0.1",
      destroy: () => this.ends.push(`${name}.destroy`),
      resetAndDestroy: () => this.ends.push(`${name}.reset`),
    });
    this.connection = {
      stream: kind === "TLS" ? { ...socket("tls"), _parent: socket("tcp") } : socket("tcp"),
    };
  }

  connect(): Promise<void> {
    return Promise.resolve();
  }

  query(config: QueryConfig): Promise<unknown> {
    this.sent.push(config);
    return this.#answer;
  }

  /** Makes the next statement fail. */
  fail(error: Error): void {
    this.#answer = Promise.reject(error);
    this.#answer.catch(() => undefined);
  }
}

/** The monotonic time. */
let now: number;
let connections: PostgresConnections;

beforeEach(() => {
  now = 0;
  connections = new PostgresConnections();
  jest.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const asClient = (client: FakeClient) => client as unknown as Client;
const isUsable = (client: FakeClient) => connections.isUsable(asClient(client));
const run = (client: FakeClient, timeout = 1000) =>
  connections.run(asClient(client), QUERY, [], timeout);

/** Opens a connection at this time. */
async function openAt(time: number, client = new FakeClient()): Promise<FakeClient> {
  now = time;
  await connections.open(asClient(client));
  return client;
}

/** Runs a statement that fails, and is sent at this time. */
async function failAt(time: number, client: FakeClient, error: Error): Promise<void> {
  now = time;
  client.fail(error);
  await expect(run(client)).rejects.toBe(error);
}

test("a connection is used again until it reports an error or its end", async () => {
  for (const event of ["error", "end"]) {
    const client = await openAt(1);
    expect(isUsable(client)).toBe(true);
    client.emit(event, new Error("lost"));
    expect([event, isUsable(client)]).toEqual([event, false]);
    expect(client.ends).toEqual(["tcp.reset"]);
  }
});

test.each([
  ["TCP", "is reset", "tcp.reset"],
  ["TLS", "is reset below TLS", "tcp.reset"],
  ["Unix", "is closed, because a Unix socket cannot be reset", "tcp.destroy"],
] as const)("an abandoned connection over %s %s", async (kind, _what, end) => {
  const client = new FakeClient(kind);
  await openAt(1, client);
  await failAt(2, client, NO_ANSWER);
  expect(client.ends).toEqual([end]);
});

test("a statement has the time that it is given, in whole milliseconds, or no limit", async () => {
  const client = await openAt(1);
  await run(client, 1.2);
  await run(client, Infinity);
  expect(client.sent.map((config) => config.query_timeout)).toEqual([2, undefined]);
  expect(client.sent[1]).not.toHaveProperty("query_timeout");
});

test.each([0, -1])("with %d ms left, a statement is not sent", async (left) => {
  const [client, other] = [await openAt(1), await openAt(1)];
  now = 2;
  await expect(run(client, left)).rejects.toThrow("Query read timeout");
  expect(client.sent).toEqual([]);
  expect(isUsable(client)).toBe(false);
  // The server has not failed to answer, so the other connection is still trusted.
  expect(isUsable(other)).toBe(true);
});

describe("after a statement without an answer", () => {
  test("a connection is used only if it has answered since the statement was sent", async () => {
    const [early, dead] = [await openAt(1), await openAt(2)];
    const [same, late] = [await openAt(3), await openAt(4)];
    await failAt(3, dead, NO_ANSWER);
    expect([early, dead, same, late].map(isUsable)).toEqual([false, false, true, true]);
    expect(isUsable(await openAt(5))).toBe(true);
  });

  test.each([
    ["rows", undefined],
    ["an error of the statement", errorOf("42703", "ERROR")],
  ])("a connection that answers with %s is used again", async (_what, error) => {
    const [client, dead] = [await openAt(1), await openAt(2)];
    await failAt(3, dead, NO_ANSWER);
    if (error === undefined) {
      now = 4;
      await run(client);
    } else {
      await failAt(4, client, error);
    }
    expect(isUsable(client)).toBe(true);
  });
});

test.each<[what: string, error: Error]>([
  ["a lost connection", errorOf("ECONNRESET")],
  ["a fatal error", errorOf("57P01", "FATAL")],
  ["a server that takes no writes", errorOf("25006", "ERROR")],
])("%s ends only the use of its own connection", async (_what, error) => {
  const [client, other] = [await openAt(1), await openAt(1)];
  await failAt(2, client, error);
  expect([client, other].map(isUsable)).toEqual([false, true]);
});

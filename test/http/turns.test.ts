import { afterEach, describe, expect, test } from "@jest/globals";
import { Turns } from "../../src/http/turns.js";
import { defineFeature } from "../../src/index.js";
import { from } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { type Answer, setUpGate } from "../support/gate.js";
import { type Connection, openConnection, rawRequest } from "../support/wire.js";

const RUNNING = 64;
const PENDING = 250;
/** The limit of a /48 network, as a multiple of the limit of one address. */
const SITE = 16;
const ME = "{ me { username } }";

let running = 0;
/** The largest number of running resolvers. */
let peak = 0;
/** The functions that end the resolvers of `held`. */
const held: (() => void)[] = [];

async function count<Result>(work: Promise<Result>): Promise<Result> {
  running += 1;
  peak = Math.max(peak, running);
  return work.finally(() => (running -= 1));
}

const slow = defineFeature({
  name: "slow",
  create: () => ({
    extension: {
      typeDefs: "extend type Query { counted: Boolean @public held: Boolean @public }",
      resolvers: {
        Query: {
          counted: () => count(new Promise((resolve) => setImmediate(resolve))),
          held: () => count(new Promise<void>((resolve) => held.push(resolve))),
        },
      },
    },
  }),
});

const gate = setUpGate({
  trustedProxies: ["127.0.0.1"],
  connectionsPerAddress: 1,
  features: [slow],
});

/** Sends requests at once on one connection, without waiting for responses. */
async function pipeline(address: string, query: string, times: number, authorization = "none") {
  const connection = await openConnection(gate.url);
  const lines = [
    "Connection: keep-alive",
    "Accept: application/graphql-response+json",
    `X-Forwarded-For: ${address}`,
    `Authorization: ${authorization}`,
  ];
  const request = rawRequest(JSON.stringify({ query }), lines);
  connection.write(Buffer.concat(Array<Buffer>(times).fill(request)));
  return connection;
}

/** Counts the responses with this status that a connection has received. */
const received = ({ received: text }: Connection, status: number) =>
  text.split(`HTTP/1.1 ${status} `).length - 1;

/** Ends all resolvers of `held`, also those that start later. */
async function release(isDone: () => boolean): Promise<void> {
  await eventually(() => {
    for (const end of held.splice(0)) end();
    return isDone();
  }, 60_000);
}

afterEach(async () => {
  await release(() => running === 0);
  peak = 0;
});

/** Expects a response to a request that was refused before it was read. */
function expectThrottled({ status, reason, headers, errors }: Answer): void {
  const [retryAfter, extensions] = [headers.get("retry-after"), errors?.[0]?.extensions];
  expect([status, reason, retryAfter]).toEqual([429, "throttled", "1"]);
  expect(extensions).toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfter: 1 });
}

/**
 * Fills the queue of an address. Returns the first refused response, and the connection that sent this many requests.
 */
async function fill(address: string, times: number) {
  const connection = await pipeline(address, "{ held }", times);
  const answers: Answer[] = [];
  await eventually(() => {
    void gate.ask("{ held }", from(address)).then((answer) => answers.push(answer));
    return answers.length > 0;
  });
  return { connection, answer: answers[0]! };
}

describe("GQ-15: many requests of one address at once", () => {
  test("64 run while others wait, more than 250 are refused, and other addresses are answered", async () => {
    const times = PENDING + 50;
    const { connection, answer } = await fill("198.51.100.1", times);
    expectThrottled(answer);
    expect(running).toBe(RUNNING);
    expect((await gate.ask("{ counted }", from("198.51.100.2"))).status).toBe(200);
    const answered = () => [received(connection, 200), received(connection, 429)] as const;
    await release(() => answered()[0] + answered()[1] === times);
    // The 250 include the requests of `fill`.
    expect(answered()[0]).toBeLessThanOrEqual(PENDING);
    expect(peak).toBe(RUNNING + 1);
    connection.close();
  });

  test.each(["127.0.0.2", "::ffff:127.0.0.2"])(
    "more than 250 of %s may wait, because this may be the address of a proxy",
    async (address) => {
      const times = PENDING + 50;
      const connection = await pipeline(address, "{ held }", times);
      await release(() => received(connection, 200) + received(connection, 429) === times);
      expect(received(connection, 200)).toBe(times);
      connection.close();
    },
  );

  test("a loopback address may have at least as many as any other address", () => {
    const turns = new Turns(2000);
    for (const address of ["127.0.0.2", "198.51.100.1"]) {
      const taken = Array.from({ length: 2000 }, () => turns.take(address) !== null);
      expect(taken).not.toContain(false);
      expect(turns.take(address)).toBeNull();
    }
  });

  test("a request that ends frees one place, even if it ends twice", () => {
    const turns = new Turns(1);
    const address = "198.51.100.1";
    const taken = Array.from({ length: PENDING }, () => turns.take(address));
    let started = 0;
    for (const turn of taken) turn?.begin(() => (started += 1));
    taken[0]?.end();
    taken[0]?.end();
    expect(started).toBe(RUNNING + 1);
    expect(turns.take(address)).not.toBeNull();
    expect(turns.take(address)).toBeNull();
  });

  test("an IPv6 address that only contains a loopback address is not one of this machine", () => {
    const turns = new Turns(1);
    const address = "12::ffff:7.0.0.1";
    for (let count = 0; count < PENDING; count += 1) expect(turns.take(address)).not.toBeNull();
    expect(turns.take(address)).toBeNull();
  });

  test("a /64 network of IPv6 counts as one address, and a /48 network as 16", () => {
    const turns = new Turns(1);
    const isTaken = (address: string) => turns.take(address) !== null;
    for (let subnet = 1; subnet <= SITE; subnet += 1) {
      const taken = Array.from({ length: PENDING }, () => isTaken(`2001:db8:1:${subnet}::1`));
      expect(taken).not.toContain(false);
      expect(isTaken(`2001:db8:1:${subnet}:2::2`)).toBe(false);
    }
    expect(isTaken("2001:db8:1:99::1")).toBe(false);
    expect(isTaken("2001:db8:2:1::1")).toBe(true);
  });

  test("5,000 pipelined ones are each answered or refused, 64 at a time, and another client is answered meanwhile", async () => {
    await gate.user("ada");
    const { authorization } = await gate.login("ada");
    const query = "{ me { username } counted }";
    const open = await Promise.all(
      Array.from({ length: 5 }, () => pipeline("198.51.100.1", query, 1000, authorization)),
    );
    const answered = () =>
      open.reduce((sum, each) => sum + received(each, 200) + received(each, 429), 0);
    for (let turn = 0; turn < 5; turn += 1) {
      const answer = await gate.ask(ME, { ...from("198.51.100.2"), authorization });
      expect(answer.data).toEqual({ me: { username: "ada" } });
    }
    expect(answered()).toBeLessThan(5000);
    await eventually(() => answered() === 5000, 60_000);
    expect(peak).toBeLessThanOrEqual(RUNNING);
    expect(open.every(({ received: text }) => !/"errors":\[(?!.*"throttled")/.test(text))).toBe(
      true,
    );
    for (const connection of open) connection.close();
  });

  test("a client that leaves frees its places for others", async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const { connection } = await fill("198.51.100.1", PENDING + 50);
      connection.close();
      await release(() => running === 0);
    }
    expect((await gate.ask("{ counted }", from("198.51.100.1"))).status).toBe(200);
  });

  test("a client that leaves while it sends bodies frees its places for others", async () => {
    const request = rawRequest(`{"query":"{ counted }"}`, ["X-Forwarded-For: 198.51.100.1"]);
    for (let turn = 0; turn < PENDING + 50; turn += 1) {
      const connection = await openConnection(gate.url);
      connection.write(request.subarray(0, -1));
      if (turn % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      connection.close();
    }
    await eventually(
      async () => (await gate.ask("{ counted }", from("198.51.100.1"))).status === 200,
    );
  });

  test("probes of the same address are answered", async () => {
    await fill("198.51.100.1", PENDING);
    const { status } = await fetch(`${gate.url}/health/live`, from("198.51.100.1"));
    expect(status).toBe(200);
  });
});

import type { Server } from "node:http";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Connections } from "../../src/http/connections.js";
import { stopListening } from "../../src/http/drain.js";
import { eventually } from "../support/eventually.js";

/** The present time in milliseconds. Only the tests move it. */
let now: number;
/** How often the server has closed its idle connections. */
let closings: number;
let server: Server;

beforeEach(async () => {
  now = closings = 0;
  jest.spyOn(performance, "now").mockImplementation(() => now);
  const closeIdleConnections = () => (closings += 1);
  // This server does not read requests, so that `emit` can stand for a new connection.
  server = Object.assign(createServer(), { closeIdleConnections }) as unknown as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(() => {
  jest.restoreAllMocks();
  server.close();
});

/** Stops the server as in development, where it does not wait for a proxy to notice. */
const stop = (connections: Pick<Connections, "running" | "served">) =>
  stopListening(server, connections as Connections, { isDevelopment: true });

describe("OP-6: a stopping server listens", () => {
  /** Calls `onTurn` in each turn of the event loop in which the server still listens. Returns the number of turns. */
  async function countTurns(onTurn: (turn: number) => void): Promise<number> {
    const ended = stop({ running: 0, served: 0 });
    let turns = 0;
    while (server.listening) {
      onTurn((turns += 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(server.listenerCount("connection")).toBe(0);
    return turns;
  }

  test("until a turn of the event loop brings no connection", async () => {
    const turns = await countTurns((turn) => {
      if (turn <= 5) server.emit("connection");
    });
    expect(turns).toBe(6);
  });

  test("until a turn takes no longer than 0.2 ms, because connections may arrive in a longer one", async () => {
    const turns = await countTurns((turn) => {
      if (turn <= 5) now += 0.25;
    });
    expect(turns).toBe(6);
  });

  test("no longer than a turn of 0.2 ms", async () => {
    expect(await countTurns(() => (now += 0.2))).toBe(1);
  });

  test("for one second at most", async () => {
    const turns = await countTurns(() => {
      server.emit("connection");
      now += 100;
    });
    expect(turns).toBe(10);
  });
});

describe("OP-6: a server that no longer listens", () => {
  /** The number of checks so far whether requests still run. */
  let checks: number;
  let running: number;
  let served: number;

  const connections = {
    get running() {
      checks += 1;
      return running;
    },
    get served() {
      return served;
    },
  };

  beforeEach(() => {
    checks = 0;
  });

  /** Expects that the server still waits, by waiting for more checks, or for its end. */
  async function expectToWait(): Promise<void> {
    const enough = checks + 3;
    await eventually(() => checks >= enough || closings > 0);
    expect(closings).toBe(0);
  }

  test("waits for requests that run, for any time", async () => {
    running = 1;
    served = 0;
    const ended = stop(connections);
    await expectToWait();
    now = 1_000_000;
    await expectToWait();
    running = 0;
    await ended;
    expect(closings).toBe(1);
  });

  test("waits half a second for further requests on open connections, and closes these", async () => {
    running = 0;
    served = 1;
    const ended = stop(connections);
    await expectToWait();
    now = 499;
    await expectToWait();
    now = 500;
    await ended;
    expect(closings).toBe(1);
  });

  test("does not wait without a connection", async () => {
    running = served = 0;
    await stop(connections);
    expect([checks, closings]).toEqual([1, 1]);
  });
});

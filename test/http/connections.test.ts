import { EventEmitter } from "node:events";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { expect, jest, test } from "@jest/globals";
import { Connections } from "../../src/http/connections.js";
import { eventually } from "../support/eventually.js";
import { openConnection, rawRequest } from "../support/wire.js";

const MAX = 1000;
const ADDRESS = "192.0.2.1";

/** Stands for a server, because real connections of a test come from few addresses. */
function openServer(maxPerAddress: number | null) {
  const server = new EventEmitter();
  const connections = new Connections(server as Server, maxPerAddress);
  const connect = (remoteAddress: string | undefined) => {
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress,
      isDestroyed: false,
      destroy: () => {
        socket.isDestroyed = true;
        socket.emit("close");
      },
    });
    server.emit("connection", socket);
    return socket;
  };
  /** Sends a request, or the beginning of one. Returns a function that completes its response. */
  const send = (socket: object, isComplete: boolean) => {
    const response = Object.assign(new EventEmitter(), { req: { complete: isComplete } });
    server.emit("request", { socket }, response);
    return () => response.emit("close");
  };
  const isRefused = (socket: object) => connections.isRefused(socket as Socket);
  return { connections, connect, send, isRefused };
}

test("GQ-15: of one address, so many connections are served, and a further one when another closes", () => {
  const { connections, connect, isRefused } = openServer(2);
  const [first, second] = [connect(ADDRESS), connect(ADDRESS)];
  const third = connect(ADDRESS);
  expect([first, second, third].map(isRefused)).toEqual([false, false, true]);
  expect(isRefused(connect("192.0.2.2"))).toBe(false);
  expect(connections.served).toBe(3);
  third.destroy();
  expect(isRefused(third)).toBe(false);
  expect(isRefused(connect(ADDRESS))).toBe(true);
  first.destroy();
  expect(isRefused(connect(ADDRESS))).toBe(false);
  expect(connections.served).toBe(3);
});

test("GQ-15: a /64 network of IPv6 counts as one address, and a /48 network as 16 addresses", () => {
  const { connect, isRefused } = openServer(2);
  const connectFrom = (subnet: number, host = 1) => connect(`2001:db8:1:${subnet}::${host}`);
  const open = Array.from({ length: 16 }, (_, subnet) => [
    connectFrom(subnet, 1),
    connectFrom(subnet, 2),
  ]);
  expect(open.flat().some(isRefused)).toBe(false);
  expect([connectFrom(0, 3), connectFrom(15, 3), connectFrom(16)].map(isRefused)).toEqual([
    true,
    true,
    true,
  ]);
  expect(isRefused(connect("2001:db8:2::1"))).toBe(false);
  for (const socket of open[0] ?? []) socket.destroy();
  expect([connectFrom(16), connectFrom(0), connectFrom(17)].map(isRefused)).toEqual([
    false,
    false,
    true,
  ]);
});

test("GQ-15: IPv4 addresses share no limit", () => {
  const { connect, isRefused } = openServer(1);
  const open = Array.from({ length: 100 }, (_, host) => connect(`192.0.2.${host}`));
  expect(open.some(isRefused)).toBe(false);
});

test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", undefined])(
  "GQ-15: connections of %s are not counted",
  (address) => {
    const { connect, isRefused } = openServer(1);
    const open = [connect(address), connect(address)];
    expect(open.map(isRefused)).toEqual([false, false]);
  },
);

test("GQ-15: without a limit for an address, only the limit for all counts, and an unused connection makes room", () => {
  const { connections, connect, isRefused } = openServer(null);
  const open = Array.from({ length: MAX }, () => connect(ADDRESS));
  expect([connections.served, open.some(isRefused)]).toEqual([MAX, false]);
  const next = connect(ADDRESS);
  expect([isRefused(next), open[0]?.isDestroyed, open[1]?.isDestroyed]).toEqual([
    false,
    true,
    false,
  ]);
  expect(connections.served).toBe(MAX);
});

test("GQ-15: a connection makes room if its client waits for no response, the one with the oldest request first", () => {
  const { connections, connect, send, isRefused } = openServer(null);
  const open = Array.from({ length: MAX }, () => connect(ADDRESS));
  const [answered, partial, pipelined, ...others] = open;
  for (const socket of others) send(socket, true);
  send(pipelined!, true);
  send(pipelined!, false);
  send(partial!, false);
  send(answered!, true)();
  for (const idle of [partial, answered]) {
    expect(idle?.isDestroyed).toBe(false);
    const next = connect(ADDRESS);
    expect([isRefused(next), idle?.isDestroyed]).toEqual([false, true]);
    send(next, true);
  }
  expect(open.filter(({ isDestroyed }) => isDestroyed)).toHaveLength(2);
  expect(isRefused(connect(ADDRESS))).toBe(true);
  expect(connections.served).toBe(MAX);
});

test("GQ-15: a connection over a limit is not served after its request, and is closed after two seconds", () => {
  jest.useFakeTimers();
  const { connections, connect, send } = openServer(1);
  connect(ADDRESS);
  const refused = connect(ADDRESS);
  send(refused, true);
  expect(connections.served).toBe(1);
  jest.advanceTimersByTime(1_999);
  expect(refused.isDestroyed).toBe(false);
  jest.advanceTimersByTime(1);
  expect(refused.isDestroyed).toBe(true);
  jest.useRealTimers();
});

test("GQ-15: at most 1,000 connections over a limit wait for a refusal, and the next is closed at once", () => {
  const { connect, isRefused } = openServer(0);
  const waiting = Array.from({ length: MAX }, () => connect(ADDRESS));
  expect(waiting.every(isRefused)).toBe(true);
  expect(waiting.some(({ isDestroyed }) => isDestroyed)).toBe(false);
  const next = connect(ADDRESS);
  expect([isRefused(next), next.isDestroyed]).toEqual([false, true]);
  for (const socket of waiting) socket.destroy();
  expect(connect(ADDRESS).isDestroyed).toBe(false);
});

test("OP-6: pipelined requests of a closed connection do not count as running, and cause no warning", async () => {
  const warn = jest.spyOn(process, "emitWarning");
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  const connections = new Connections(server, null);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const connection = await openConnection(`http://127.0.0.1:${port}`);
  const request = rawRequest("", ["Connection: keep-alive"], "GET / HTTP/1.1");
  connection.write(Buffer.concat(Array<Buffer>(20).fill(request)));
  await eventually(() => connections.running === 20);
  connection.close();
  await eventually(() => connections.running === 0);
  server.close();
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

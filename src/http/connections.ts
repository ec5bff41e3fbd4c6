import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isLoopbackAddress, networksOf } from "../throttling/networks.js";
import { NetworkCounts } from "./network-counts.js";

/** How many connections are served at the same time at most. */
const MAX_SERVED = 1_000;
/** How many connections over a limit may wait for a refusal. Further connections are closed at once. */
const MAX_REFUSED = 1_000;
/** How long a connection over a limit stays open at most, in milliseconds. */
const REFUSAL_TIMEOUT = 2_000;

/**
 * Limits the connections of a server, and counts its running requests. If too many connections are open, a new
 * connection replaces the idle connection whose last request is the oldest. If no connection is idle, or if one address
 * has too many connections, the new connection is refused. It then normally stays open for a short time, so that the
 * server can answer its request with an error.
 */
export class Connections {
  readonly #server: Server;
  readonly #maxPerAddress: number | null;
  readonly #perAddress = new NetworkCounts();
  readonly #refused = new Set<Socket>();
  /** The open connections within the limits, in the order of their last requests, oldest first. */
  readonly #served = new Set<Socket>();
  /** The incomplete responses of each connection. */
  readonly #unfinished = new WeakMap<Socket, Set<ServerResponse>>();
  #running = 0;
  #isEnding = false;
  /** The connections that were opened after {@link Connections.startEnding}. */
  readonly #late = new WeakSet<Socket>();

  /** @param maxPerAddress null for no limit. Loopback addresses are never limited. */
  constructor(server: Server, maxPerAddress: number | null) {
    this.#server = server;
    this.#maxPerAddress = maxPerAddress;
    server.on("connection", (socket) => {
      this.#admit(socket);
    });
    server.on("request", ({ socket }, response) => {
      this.#start(socket, response);
    });
  }

  /** The number of requests without a complete response. */
  get running(): number {
    return this.#running;
  }

  /** The number of open connections within the limits. */
  get served(): number {
    return this.#served.size;
  }

  /** Returns whether the connection is over a limit. Its requests must then be refused. */
  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  /** Must be called when the server begins to stop. */
  startEnding(): void {
    this.#isEnding = true;
  }

  /**
   * Returns whether a connection must close after its next response.
   * - Before the stop: no connection.
   * - During the stop, while the server still listens: connections that were opened before the stop. Newer connections
   *   stay open, because a proxy would replace each of them at once.
   * - After the server stopped listening: every connection.
   */
  isLast(socket: Socket): boolean {
    return this.#isEnding && !(this.#server.listening && this.#late.has(socket));
  }

  #admit(socket: Socket): void {
    if (this.#isEnding) this.#late.add(socket);
    const { remoteAddress = "" } = socket;
    const isLimited = remoteAddress !== "" && !isLoopbackAddress(remoteAddress);
    const max = isLimited ? this.#maxPerAddress : null;
    if (this.#served.size >= MAX_SERVED && !this.#closeIdle()) this.#refuse(socket);
    else if (max === null) this.#serve(socket);
    else this.#serveUpTo(max, socket, remoteAddress);
  }

  #start(socket: Socket, response: ServerResponse): void {
    const unfinished = this.#unfinished.get(socket) ?? new Set();
    if (!this.#unfinished.has(socket)) {
      this.#unfinished.set(socket, unfinished);
      // When a connection closes, Node emits no event for responses that wait behind another response.
      socket.once("close", () => {
        this.#running -= unfinished.size;
        unfinished.clear();
      });
    }
    unfinished.add(response);
    this.#running += 1;
    this.#touch(socket);
    response.once("close", () => {
      if (unfinished.delete(response)) this.#running -= 1;
    });
  }

  #serve(socket: Socket): void {
    this.#served.add(socket);
    socket.once("close", () => this.#served.delete(socket));
  }

  /** Moves the connection to the end of `#served`, because it has the latest request. */
  #touch(socket: Socket): void {
    if (this.#served.delete(socket)) this.#served.add(socket);
  }

  /** Closes the idle connection whose last request is the oldest. Returns false if no connection is idle. */
  #closeIdle(): boolean {
    for (const socket of this.#served) {
      if (this.#isAwaited(socket)) continue;
      this.#served.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  /**
   * Returns whether the client waits for a response. A client that has not sent its whole request yet does not count.
   */
  #isAwaited(socket: Socket): boolean {
    return [...(this.#unfinished.get(socket) ?? [])].some(({ req }) => req.complete);
  }

  /** Serves the connection, or refuses it if its address already has `max` connections. */
  #serveUpTo(max: number, socket: Socket, address: string): void {
    const networks = networksOf(address);
    if (!this.#perAddress.add(networks, max)) {
      this.#refuse(socket);
      return;
    }
    this.#serve(socket);
    socket.once("close", () => {
      this.#perAddress.remove(networks);
    });
  }

  #refuse(socket: Socket): void {
    if (this.#refused.size >= MAX_REFUSED) {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    const timer = setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT);
    socket.once("close", () => {
      clearTimeout(timer);
      this.#refused.delete(socket);
    });
  }
}

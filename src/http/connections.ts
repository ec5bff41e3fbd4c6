import type { Server } from "node:http";
import type { Socket } from "node:net";
import { isLoopback } from "../config/server-config.js";
import { addressKey } from "../throttling/address-key.js";

/** How many connections are served at the same time at most. */
const MAX_SERVED = 1_000;
/** How many connections over a limit may wait for a refusal. Further connections are closed at once. */
const MAX_REFUSED = 1_000;
/** How long a connection over a limit stays open at most, in milliseconds. */
const REFUSAL_TIMEOUT = 2_000;

/**
 * Counts the connections and the running requests of a server. A connection over a limit stays open for a short time,
 * so the server can say why it refuses the request.
 */
export class Connections {
  readonly #server: Server;
  readonly #maxPerAddress: number | null;
  readonly #perAddress = new Map<string, number>();
  readonly #refused = new Set<Socket>();
  #served = 0;
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
    server.on("request", (_request, response) => {
      this.#running += 1;
      response.once("close", () => (this.#running -= 1));
    });
  }

  /** The number of requests without a complete response. */
  get running(): number {
    return this.#running;
  }

  /** The number of open connections, without the connections over a limit. */
  get served(): number {
    return this.#served;
  }

  /** Returns whether the connection is over a limit, so its requests must be refused. */
  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  /** Called when the server starts to stop. */
  startEnding(): void {
    this.#isEnding = true;
  }

  /**
   * Returns whether a connection must close after its next response.
   * - Before the stop: no connection.
   * - During the stop, while the server still listens: the connections that were opened before the stop. A proxy would
   *   replace a newer connection at once, again and again, so the newer ones stay open.
   * - After the server stopped listening: every connection.
   */
  isLast(socket: Socket): boolean {
    return this.#isEnding && !(this.#server.listening && this.#late.has(socket));
  }

  #admit(socket: Socket): void {
    if (this.#isEnding) this.#late.add(socket);
    const { remoteAddress = "" } = socket;
    const isLimited = remoteAddress !== "" && !isLoopback(remoteAddress.replace(/^::ffff:/, ""));
    const max = isLimited ? this.#maxPerAddress : null;
    if (this.#served >= MAX_SERVED) this.#refuse(socket);
    else if (max === null) this.#serve(socket);
    else this.#serveOneOf(socket, addressKey(remoteAddress), max);
  }

  #serve(socket: Socket): void {
    this.#served += 1;
    socket.once("close", () => (this.#served -= 1));
  }

  #serveOneOf(socket: Socket, key: string, max: number): void {
    const count = this.#perAddress.get(key) ?? 0;
    if (count >= max) {
      this.#refuse(socket);
      return;
    }
    this.#serve(socket);
    this.#perAddress.set(key, count + 1);
    socket.once("close", () => {
      const remaining = (this.#perAddress.get(key) ?? 1) - 1;
      if (remaining === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, remaining);
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

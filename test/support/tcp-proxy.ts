import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A proxy that can make a server unreachable. */
export class TcpProxy {
  readonly #server = createServer((socket) => {
    this.#accept(socket);
  });
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #mode: "pass" | "cut" | "hang" | "silence" = "pass";
  #hangsAt: string | undefined;
  /** Sockets that stay silent for ever. */
  readonly #silenced = new WeakSet<Socket>();
  #answered = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  /** @param target the URL of the server */
  static async open(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** The URL of the server through the proxy. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return Object.assign(new URL(this.#target), { hostname: "127.0.0.1", port }).href;
  }

  /** The number of bytes that the server has sent so far. */
  get answered(): number {
    return this.#answered;
  }

  /** The number of open sockets. A connection has two, one on each side of the proxy. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /** Closes every connection, and refuses new ones. */
  cut(): void {
    this.#mode = "cut";
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Keeps every connection open, but forwards nothing. */
  hang(): void {
    this.#mode = "hang";
    for (const socket of this.#sockets) socket.pause();
  }

  /**
   * Stops forwarding on the connection that sends this text next, but keeps it open. Other connections still work.
   */
  hangAt(text: string): void {
    this.#hangsAt = text;
  }

  /** Whether a connection hangs because of {@link TcpProxy.hangAt}. */
  get hasHung(): boolean {
    return this.#hangsAt === "";
  }

  /**
   * Accepts connections, but drops everything that is sent on old and new ones. They stay silent even after {@link
   * TcpProxy.pass}.
   */
  silence(): void {
    this.#mode = "silence";
    for (const socket of this.#sockets) this.#silenced.add(socket);
  }

  /** Forwards everything again. */
  pass(): void {
    this.#mode = "pass";
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    const { hostname, port } = this.#target;
    if (this.#mode === "cut") {
      client.destroy();
      return;
    }
    if (this.#mode === "silence") {
      this.#silenced.add(client);
      this.#sockets.add(client);
      client.on("error", () => undefined).resume();
      return;
    }
    const upstream = connect(Number(port), hostname);
    upstream.on("data", (chunk) => (this.#answered += chunk.length));
    this.#join(client, upstream);
    this.#join(upstream, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (chunk) => {
      if (this.#silenced.has(from)) return;
      if (!this.#hangsAt || !chunk.includes(this.#hangsAt)) {
        to.write(chunk);
        return;
      }
      this.#hangsAt = "";
      from.pause();
      from.unshift(chunk);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.#silenced.has(from) || this.#mode === "cut") to.destroy();
    });
    if (this.#mode === "hang") from.pause();
  }
}

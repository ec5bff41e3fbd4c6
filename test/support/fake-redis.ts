import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A reply of Redis. A text becomes a bulk string, and an `Error` an error reply. */
export type Reply = string | number | Error | readonly Reply[];

/** Returns the reply to a command. @param name in lower case */
type Answer = (name: string, parameters: readonly string[]) => Reply | Promise<Reply>;

/** The replies of a server that is no replica, and whose counters never block a key. */
export const MASTER: Readonly<Record<string, Reply>> = {
  auth: "OK",
  select: "OK",
  info: "redis_version:5.0.0\r\nloading:0\r\nrole:master\r\n",
  eval: 0,
  evalsha: 0,
};

/** A server that speaks the protocol of Redis, and whose replies a test chooses. */
export class FakeRedis {
  /** The commands that were received, with their parameters. */
  readonly commands: string[][] = [];
  port = 0;
  /** The number of connections so far. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #answer: Answer;

  private constructor(answer: Answer, tls: TlsOptions | undefined) {
    const accept = (socket: Socket) => {
      this.#accept(socket);
    };
    this.#server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
    this.#answer = answer;
  }

  /** @param answer without it, the replies are {@link MASTER} */
  static async open(answer?: Answer, tls?: TlsOptions): Promise<FakeRedis> {
    const redis = new FakeRedis(answer ?? ((name) => MASTER[name] ?? unknown(name)), tls);
    redis.#server.on("tlsClientError", () => undefined).listen(0, "127.0.0.1");
    await once(redis.#server, "listening");
    redis.port = (redis.#server.address() as AddressInfo).port;
    return redis;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The names of the received commands, each once. */
  get names(): string[] {
    return [...new Set(this.commands.map(([name = ""]) => name))];
  }

  /** The keys of the attempts that were to be counted. */
  get keys(): string[] {
    const counted = this.commands.filter(([name = ""]) => name.startsWith("eval"));
    return counted.map(([, , , key = ""]) => key);
  }

  /** Sends a message of a channel to every connection. */
  publish(channel: string, message: string): void {
    for (const socket of this.#sockets) socket.write(encode(["message", channel, message]));
  }

  /** Ends every connection. */
  end(): void {
    for (const socket of this.#sockets) socket.end();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
    let pending = "";
    let answered = Promise.resolve();
    socket.setEncoding("latin1").on("data", (text) => {
      pending += String(text);
      for (let next = readCommand(pending); next !== null; next = readCommand(pending)) {
        pending = pending.slice(next.length);
        const [name = "", ...parameters] = next.parts;
        this.commands.push([name.toLowerCase(), ...parameters]);
        const reply = this.#answer(name.toLowerCase(), parameters);
        answered = answered.then(async () => {
          const text = encode(await reply);
          if (socket.writable) socket.write(text);
        });
      }
    });
  }
}

function unknown(name: string): Error {
  return new Error(`ERR unknown command '${name}'`);
}

/** Returns the first command in the text, and the length of its text. Returns null if the command is not complete. */
function readCommand(text: string): { parts: string[]; length: number } | null {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return null;
  let length = head[0].length;
  const parts: string[] = [];
  for (let count = Number(head[1]); count > 0; count -= 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(length));
    if (size === null) return null;
    const start = length + size[0].length;
    const end = start + Number(size[1]);
    if (text.length < end + 2) return null;
    parts.push(text.slice(start, end));
    length = end + 2;
  }
  return { parts, length };
}

function encode(reply: Reply): string {
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (reply instanceof Error) return `-${reply.message}\r\n`;
  if (typeof reply === "string") return `$${reply.length}\r\n${reply}\r\n`;
  return `*${reply.length}\r\n${reply.map(encode).join("")}`;
}

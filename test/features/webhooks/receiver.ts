import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { eventually } from "../../support/eventually.js";

/** An event as the receiver got it. */
export interface Received {
  readonly id: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** The secrets of the receiver that verify the signature. */
  readonly verifiedBy: readonly string[];
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, any>;
  readonly status: number | undefined;
}

/** The answer of a {@link Receiver} to an event: a status, or a function that answers. */
type Answer = number | ((response: ServerResponse) => void);

/** A real HTTP server on loopback that verifies the signatures of webhooks. */
export class Receiver {
  /** All events that arrived, including those that the receiver refused. */
  readonly received: Received[] = [];
  /** The paths of all requests. */
  readonly paths: (string | undefined)[] = [];
  answer: (event: Pick<Received, "id" | "type" | "data">) => Answer = () => 204;
  readonly #secrets: readonly string[];
  readonly #now: () => number;
  #server: Server | undefined;
  #port = 0;

  private constructor(secrets: readonly string[], now: () => number) {
    this.#secrets = secrets;
    this.#now = now;
  }

  /** @param now the time by which signatures are verified */
  static async start(
    secrets: readonly string[],
    now: () => number = () => Date.now(),
  ): Promise<Receiver> {
    const receiver = new Receiver(secrets, now);
    await receiver.listen();
    return receiver;
  }

  /** Listens, after {@link Receiver.close} on the same port. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        this.paths.push(request.url);
        const { headers } = request;
        const id = String(headers["webhook-id"]);
        const event = JSON.parse(body) as Pick<Received, "type" | "timestamp" | "data">;
        const verifiedBy = this.#secrets.filter((secret) => this.#verifies(secret, body, headers));
        const answer = this.answer({ ...event, id });
        const status = typeof answer === "number" ? answer : undefined;
        this.received.push({ ...event, id, headers, verifiedBy, status });
        if (typeof answer === "number") response.writeHead(answer).end();
        else answer(response);
      });
    });
    this.#server = server;
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks?key=canary`;
  }

  /** The events that were accepted, in the order of their arrival. */
  get accepted(): readonly Received[] {
    return this.received.filter(({ status }) => status === 204);
  }

  /** Forgets the events, and accepts all later ones. */
  reset(): void {
    this.received.length = this.paths.length = 0;
    this.answer = () => 204;
  }

  /** Waits until an event of this type was accepted, and returns it. */
  async accepts(type: string): Promise<Received> {
    const find = () => this.accepted.find((event) => event.type === type);
    await eventually(() => find() !== undefined, 30_000);
    return find()!;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #verifies(secret: string, body: string, headers: NodeJS.Dict<string | string[]>): boolean {
    const { now } = Date;
    const at = this.#now();
    // The library compares the timestamp with the system's clock, so that clock must show the time of the test.
    Date.now = () => at;
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    } finally {
      Date.now = now;
    }
  }
}

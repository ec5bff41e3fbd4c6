import { randomBytes } from "node:crypto";
import { createAuth } from "../../src/index.js";
import { serveBeside, type Serving } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { findFreePort } from "../support/free-port.js";
import { PASSWORD } from "../support/gate.js";
import { type Ask, Client, expectNothingLost, type Habits } from "./client.js";

export interface SiteOptions {
  /** The number of clients. @default 16 */
  readonly clients?: number;
  readonly habits?: Partial<Habits>;
  /** Further settings of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** In milliseconds. */
const HOUR = 3_600_000;

/**
 * A database with users, a `gatehouse serve`, and clients. A test can kill the server and start it again on the same
 * port.
 */
export class Site {
  readonly clients: readonly Client[];
  readonly #databaseUrl: string;
  readonly #secretKey: string;
  readonly #env: Readonly<Record<string, string>>;
  #server: Serving | undefined;

  private constructor(databaseUrl: string, secretKey: string, options: SiteOptions, port: number) {
    this.#databaseUrl = databaseUrl;
    this.#secretKey = secretKey;
    this.#env = { ...options.env, PORT: String(port) };
    this.clients = Array.from(
      { length: options.clients ?? 16 },
      (_, index) => new Client(this.ask, `user${index}`, options.habits),
    );
  }

  /** Creates a user for each client, and one more, ada. Starts the server. */
  static async open(databaseUrl: string, options: SiteOptions = {}): Promise<Site> {
    const secretKey = randomBytes(32).toString("base64url");
    const site = new Site(databaseUrl, secretKey, options, await findFreePort());
    const auth = await createAuth({ secretKey, databaseUrl });
    for (const username of ["ada", ...site.clients.map((client) => client.username)]) {
      await auth.accounts.createUser({ username, password: PASSWORD });
    }
    await auth.close();
    await site.start();
    return site;
  }

  get server(): Serving {
    if (this.#server === undefined) throw new Error("The server is not running.");
    return this.#server;
  }

  readonly ask: Ask = async (query, authorization) => this.server.ask(query, authorization);

  async start(): Promise<void> {
    const running = { timeout: HOUR, isOptimized: true };
    this.#server = await serveBeside(
      { databaseUrl: this.#databaseUrl },
      this.#secretKey,
      this.#env,
      running,
    );
  }

  /** Kills the server with SIGKILL. */
  async kill(): Promise<void> {
    await this.server.stop("SIGKILL");
  }

  /** Starts the clients, and waits until each has an answer. */
  async load(): Promise<void> {
    for (const client of this.clients) client.start();
    await this.answersAll(0);
  }

  /** Waits until each client has an answer that came after `time`. Returns how long that took, in milliseconds. */
  async answersAll(time = performance.now()): Promise<number> {
    await eventually(() => this.clients.every((client) => client.hasAnswerSince(time)), 60_000);
    return Math.round(performance.now() - time);
  }

  /** Returns how long the slowest operation since `time` took, repetitions included, in milliseconds. */
  longest(time: number): number {
    const took = this.clients.flatMap((client) =>
      client.took.filter((_, index) => client.acknowledged[index]! > time),
    );
    return Math.round(Math.max(0, ...took));
  }

  /** Stops the clients, and expects that nothing was lost. Returns a line with the counts. */
  expectNothingLost(): Promise<string> {
    return expectNothingLost([this], this.clients);
  }

  async close(): Promise<void> {
    await this.#server?.stop("SIGKILL");
  }
}

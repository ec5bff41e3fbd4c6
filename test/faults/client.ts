import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "@jest/globals";
import type { Serving } from "../support/command.js";
import { PASSWORD } from "../support/gate.js";

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** Sends a GraphQL request, and returns the response's body. Rejects if there is none. */
export type Ask = Serving["ask"];

export interface Habits {
  /** The number of refreshes before a logout and the next login. */
  readonly refreshes: number;
  /** Milliseconds between two requests. */
  readonly pause: number;
}

const HABITS: Habits = { refreshes: 40, pause: 20 };

/**
 * The server's reuse window, in milliseconds. A client that got no answer must repeat its request within this time.
 */
const REUSE_WINDOW = 10_000;

const FIELDS = "{ access refresh }";
export const ME = "{ me { username } }";

/** The codes of answers after which a client repeats its request. */
const REPEATED = ["SERVICE_UNAVAILABLE", "TOO_MANY_REQUESTS"];

/**
 * A client that refreshes, logs out and logs in all the time. It remembers every acknowledged operation. It repeats a
 * request that gets no answer or SERVICE_UNAVAILABLE.
 */
export class Client {
  readonly username: string;
  readonly #ask: Ask;
  readonly #habits: Habits;
  #tokens: Tokens | undefined;
  #isStopped = false;
  #running: Promise<void> | undefined;
  /** The time of each acknowledgement, on the monotonic clock. */
  readonly acknowledged: number[] = [];
  /** The time that each acknowledged operation took with its repetitions, in milliseconds. */
  readonly took: number[] = [];
  /** Access tokens whose logout was acknowledged. */
  readonly loggedOut: string[] = [];
  /** Refusals that no client should get. */
  readonly refused: string[] = [];
  /**
   * The number of refusals because the server rotated the token, and was then away for longer than the reuse window.
   */
  late = 0;

  constructor(ask: Ask, username = "ada", habits: Partial<Habits> = {}) {
    this.#ask = ask;
    this.username = username;
    this.#habits = { ...HABITS, ...habits };
  }

  /** The current tokens, or undefined between a logout and the next login. */
  get lastTokens(): Tokens | undefined {
    return this.#tokens;
  }

  get tokens(): Tokens {
    if (this.#tokens === undefined) throw new Error("The client has no session.");
    return this.#tokens;
  }

  /** Whether an operation was acknowledged after this time of the monotonic clock. */
  hasAnswerSince(time: number): boolean {
    return (this.acknowledged.at(-1) ?? -Infinity) > time;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops the client. Resolves when it has a session, and waits for no answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Refreshes once. */
  async refresh(): Promise<void> {
    const mutation = `mutation { refreshToken(refresh: "${this.tokens.refresh}") ${FIELDS} }`;
    const answer = await this.#repeat(mutation);
    if (answer !== null) this.#tokens = answer.refreshToken;
  }

  async #run(): Promise<void> {
    for (let count = 1; !this.#isStopped || this.#tokens === undefined; count += 1) {
      if (this.#tokens === undefined) await this.#logIn();
      else if (count % this.#habits.refreshes === 0) await this.#logOut();
      else await this.refresh();
      await sleep(this.#habits.pause);
    }
  }

  async #logIn(): Promise<void> {
    const mutation = `mutation { login(username: "${this.username}", password: "${PASSWORD}") ${FIELDS} }`;
    this.#tokens = (await this.#repeat(mutation))?.login;
  }

  async #logOut(): Promise<void> {
    const { access, refresh } = this.tokens;
    if ((await this.#repeat(`mutation { logout(refresh: "${refresh}") { message } }`)) === null) {
      return;
    }
    this.loggedOut.push(access);
    this.#tokens = undefined;
  }

  /** Repeats a request until it is answered. Returns null if it was refused. */
  async #repeat(query: string): Promise<any> {
    const begin = performance.now();
    for (;;) {
      const { data, errors } = await this.#ask(query).catch(() => NO_ANSWER);
      const now = performance.now();
      if (errors === undefined) {
        this.acknowledged.push(now);
        this.took.push(now - begin);
        return data;
      }
      const { code, reason } = errors[0].extensions;
      if (!REPEATED.includes(code)) {
        if (reason === "token_reused" && now - begin > REUSE_WINDOW) this.late += 1;
        else this.refused.push(`${code} ${reason}`);
        this.#tokens = undefined;
        return null;
      }
      await sleep(20);
    }
  }
}

const NO_ANSWER = { data: undefined, errors: [{ extensions: { code: "SERVICE_UNAVAILABLE" } }] };

/**
 * Stops the clients. Expects on each instance that their newest tokens work, and that ended sessions stay ended.
 * @returns a line with the counts
 */
export async function expectNothingLost(
  instances: readonly { ask: Ask }[],
  clients: readonly Client[],
): Promise<string> {
  await Promise.all(clients.map((client) => client.stop()));
  expect(clients.flatMap(({ refused }) => refused)).toEqual([]);
  const loggedOut = clients.flatMap((client) => client.loggedOut);
  for (const { ask } of instances) {
    for (const { tokens, username } of clients) {
      const { data } = await ask(ME, `Bearer ${tokens.access}`);
      expect(data?.me).toEqual({ username });
    }
    for (const access of loggedOut) {
      const { errors } = await ask(ME, `Bearer ${access}`);
      expect(errors?.[0].extensions.code).toBe("UNAUTHENTICATED");
    }
  }
  await Promise.all(clients.map((client) => client.refresh()));
  expect(clients.flatMap(({ refused }) => refused)).toEqual([]);
  const count = clients.flatMap(({ acknowledged }) => acknowledged).length;
  const late = clients.reduce((sum, client) => sum + client.late, 0);
  return `${count} operations were acknowledged, ${loggedOut.length} of them logouts; none was lost${late === 0 ? "" : `, and ${late} retries came after the reuse window`}`;
}

/** Returns the longest time without an acknowledged operation, in milliseconds. */
export function gapOf(clients: readonly Client[], since = -Infinity): number {
  const times = clients
    .flatMap(({ acknowledged }) => acknowledged)
    .filter((time) => time >= since)
    .sort((a, b) => a - b);
  const start = Number.isFinite(since) ? [since] : [];
  const all = [...start, ...times];
  return Math.round(Math.max(0, ...all.slice(1).map((time, index) => time - all[index]!)));
}

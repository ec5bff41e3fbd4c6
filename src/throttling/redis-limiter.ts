import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, type Redis, ReplyError, type Result } from "ioredis";
import { WrongSettings } from "../config/problems.js";
import { parseRedisUrl } from "../config/redis-url.js";
import { withinTime } from "../within-time.js";
import type { Limiter, LimiterStore } from "./limiter.js";
import { COUNT_ATTEMPT_LUA, type LimiterRule } from "./limiter-rule.js";
import { MemoryLimiter } from "./memory-limiter.js";
import { openRedisClient } from "./redis-client.js";
import { findRedisFault } from "./redis-fault.js";

// All times are in milliseconds.

/** How long a request waits for a reply. After that, the attempt is counted in memory. */
const REPLY_TIMEOUT = 500;
/** How long to count in memory after a missing reply, so that few requests wait for a frozen server. */
const PAUSE = 1000;
/** How long the start waits for the first replies. */
const START_TIMEOUT = 1000;
const START_INTERVAL = 20;
/** The shortest time between two reports of a fault. */
const REPORT_INTERVAL = 60_000;

/** Each command has one key, so that it works in a Cluster. */
const SCRIPTS = { countAttempt: { lua: COUNT_ATTEMPT_LUA, numberOfKeys: 1 } };

/** When Gatehouse starts, it counts attempts by this rule, to check that Redis answers and allows the script. */
const START_RULE: LimiterRule = { name: "start", limit: 1_000_000, window: 60 };
/** The keys of the attempts that {@link START_RULE} counts. There are several, to reach several nodes of a Cluster. */
const START_KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];

declare module "ioredis" {
  interface RedisCommander<Context> {
    /** Runs {@link COUNT_ATTEMPT_LUA}. */
    countAttempt(key: string, ...numbers: number[]): Result<number, Context>;
  }
}

/**
 * Opens a {@link LimiterStore} in Redis, which all instances share. While Redis is unreachable, each instance counts in
 * its own memory.
 * @param url `REDIS_URL`
 * @param now the clock for counting in memory. Redis uses its own clock.
 * @param onFault called with an error when Redis fails, at most once a minute
 * @throws {@link WrongSettings} when the server answers, but the settings are wrong
 */
export async function openRedisStore(
  url: string,
  now: () => number,
  onFault: (error: unknown) => void,
): Promise<LimiterStore> {
  const client = openRedisClient(parseRedisUrl(url), SCRIPTS);
  const redis = new GuardedRedis(client, onFault);
  try {
    await redis.start();
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return {
    createLimiter: (rule) => new RedisLimiter(rule, redis, new MemoryLimiter(rule, now)),
    close: () => {
      client.disconnect();
      return Promise.resolve();
    },
  };
}

/** Sends commands to Redis, and limits how long requests wait for a reply. */
class GuardedRedis {
  readonly #client: Redis | Cluster;
  readonly #onFault: (error: unknown) => void;
  /** The latest error of a connection. It says more than the error of a command. */
  #cause: unknown;
  #pausedUntil = -Infinity;
  #reportedAt = -Infinity;

  constructor(client: Redis | Cluster, onFault: (error: unknown) => void) {
    this.#client = client;
    this.#onFault = onFault;
    client.on("error", (error: { lastNodeError?: unknown }) => {
      this.#cause = error.lastNodeError ?? error;
    });
    // Emitted when a node of a Cluster is unreachable or refuses the password.
    client.on("node error", (error: unknown) => (this.#cause = error));
  }

  /**
   * Waits for the first replies. Does not fail if Redis is unreachable.
   * @throws {@link WrongSettings} when the server answers, but the settings are wrong
   */
  async start(): Promise<void> {
    const end = performance.now() + START_TIMEOUT;
    for (;;) {
      const counting = Promise.all(START_KEYS.map((key) => this.#count(key, START_RULE)));
      const error: unknown = await withinTime(counting, START_TIMEOUT, throwNoReply).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error instanceof ReplyError) this.#cause = error;
      const fault = findRedisFault([error, this.#cause]);
      if (fault !== undefined) {
        throw new WrongSettings([{ option: "redisUrl", message: `the server ${fault}` }]);
      }
      if (error === null) return;
      if (performance.now() > end) {
        this.#report(error);
        return;
      }
      await sleep(START_INTERVAL);
    }
  }

  /** @throws when Redis fails or does not reply in time */
  async count(key: string, rule: LimiterRule): Promise<number> {
    return this.#run(() => this.#count(key, rule));
  }

  /** @throws when Redis fails or does not reply in time */
  async delete(key: string, { name }: LimiterRule): Promise<void> {
    await this.#run(() => this.#client.del(idOf(name, key)));
  }

  #count(key: string, { name, limit, window, delay }: LimiterRule): Promise<number> {
    const numbers = delay === undefined ? [limit, window] : [limit, window, delay.first, delay.max];
    return this.#client.countAttempt(idOf(name, key), ...numbers);
  }

  async #run<Reply>(send: () => Promise<Reply>): Promise<Reply> {
    if (performance.now() < this.#pausedUntil) throw new Error("Redis is unreachable");
    try {
      const reply = await withinTime(send(), REPLY_TIMEOUT, throwNoReply);
      this.#cause = undefined;
      return reply;
    } catch (error) {
      if (error instanceof NoReply) this.#pausedUntil = performance.now() + PAUSE;
      this.#report(error);
      throw error;
    }
  }

  #report(error: unknown): void {
    const cause = error instanceof ReplyError ? error : (this.#cause ?? new Error("no reply"));
    if (performance.now() < this.#reportedAt + REPORT_INTERVAL) return;
    this.#reportedAt = performance.now();
    const message =
      "Redis is unreachable, or REDIS_URL is wrong: until Redis answers, this process counts in memory";
    this.#onFault(new Error(message, { cause }));
  }
}

/** Counts with `fallback` if Redis fails or does not reply in time. */
class RedisLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #redis: GuardedRedis;
  readonly #fallback: Limiter;

  constructor(rule: LimiterRule, redis: GuardedRedis, fallback: Limiter) {
    this.#rule = rule;
    this.#redis = redis;
    this.#fallback = fallback;
  }

  async consume(key: string): Promise<number> {
    try {
      return await this.#redis.count(key, this.#rule);
    } catch {
      return this.#fallback.consume(key);
    }
  }

  async reset(key: string): Promise<void> {
    await this.#fallback.reset(key);
    await this.#redis.delete(key, this.#rule).catch(() => undefined);
  }
}

function idOf(rule: string, key: string): string {
  return `gatehouse:${rule}:${key}`;
}

class NoReply extends Error {}

function throwNoReply(): never {
  throw new NoReply("Redis did not reply in time");
}

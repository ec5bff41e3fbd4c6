import { setTimeout as sleep } from "node:timers/promises";
import { type CommandParser, createClient, defineScript } from "redis";
import type { Limiter, LimiterStore } from "./limiter.js";
import { COUNT_ATTEMPT_LUA, type LimiterRule } from "./limiter-rule.js";
import { MemoryLimiter } from "./memory-limiter.js";

/** Milliseconds to wait for a reply. After that, the attempt is counted in memory. */
const REPLY_TIMEOUT = 500;
/** How many commands may wait for a reply. Further attempts are counted in memory. */
const MAX_PENDING = 1000;
/** The longest wait for a connection, in milliseconds. */
const CONNECT_TIMEOUT = 1000;
/** The delay between two attempts to connect, in milliseconds. It doubles from `first` up to `max`. */
const RECONNECT_DELAY = { first: 50, max: 1000 };
/** Milliseconds between pings, which detect a lost connection. */
const PING_INTERVAL = 5000;

const countAttempt = defineScript({
  SCRIPT: COUNT_ATTEMPT_LUA,
  NUMBER_OF_KEYS: 1,
  parseCommand: (parser: CommandParser, key: string, { limit, window, delay }: LimiterRule) => {
    parser.pushKey(key);
    const numbers = delay === undefined ? [limit, window] : [limit, window, delay.first, delay.max];
    parser.push(...numbers.map(String));
  },
  transformReply: (wait: number) => wait,
});

/**
 * Opens a store in Redis, which all instances share. While Redis is unreachable, each instance counts in its own
 * memory.
 * @param url `redis://…` or `rediss://…`
 * @param now the clock for counting in memory. Redis uses its own clock
 * @param onFault called each time Redis becomes unreachable
 */
export async function openRedisStore(
  url: string,
  now: () => number,
  onFault: (error: unknown) => void,
): Promise<LimiterStore> {
  const client = createClient({
    url,
    scripts: { countAttempt },
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_PENDING,
    pingInterval: PING_INTERVAL,
    socket: {
      connectTimeout: CONNECT_TIMEOUT,
      reconnectStrategy: (retries) =>
        Math.min(RECONNECT_DELAY.first * 2 ** retries, RECONNECT_DELAY.max),
    },
  });
  let isUnreachable = false;
  client.on("ready", () => (isUnreachable = false));
  client.on("error", (error: unknown) => {
    const message = "Redis is unreachable: until it is back, this process counts in memory";
    if (!isUnreachable) onFault(new Error(message, { cause: error }));
    isUnreachable = true;
  });
  const connecting = client.connect().catch(() => undefined);
  await Promise.race([connecting, sleep(CONNECT_TIMEOUT, undefined, { ref: false })]);
  return {
    createLimiter: (rule) => new RedisLimiter(rule, client, new MemoryLimiter(rule, now)),
    close: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

interface Commands {
  countAttempt(key: string, rule: LimiterRule): Promise<number>;
  del(key: string): Promise<number>;
}

/** Counts with `fallback` if Redis fails or does not reply in time. */
class RedisLimiter implements Limiter {
  readonly #rule: LimiterRule;
  readonly #commands: Commands;
  readonly #fallback: Limiter;

  constructor(rule: LimiterRule, commands: Commands, fallback: Limiter) {
    this.#rule = rule;
    this.#commands = commands;
    this.#fallback = fallback;
  }

  async consume(key: string): Promise<number> {
    try {
      return await inTime(this.#commands.countAttempt(this.#idOf(key), this.#rule));
    } catch {
      return this.#fallback.consume(key);
    }
  }

  async reset(key: string): Promise<void> {
    await this.#fallback.reset(key);
    await inTime(this.#commands.del(this.#idOf(key))).catch(() => undefined);
  }

  #idOf(key: string): string {
    return `gatehouse:${this.#rule.name}:${key}`;
  }
}

/** Rejects if there is no reply within {@link REPLY_TIMEOUT}. */
function inTime<T>(reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, REPLY_TIMEOUT, new Error("Redis did not reply in time"));
    void reply.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

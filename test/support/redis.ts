import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";

/** The Redis server that all tests share. Their keys differ, because each gate hashes its keys with its own secret. */
export const REDIS_URL = process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379";

const fault = await findRedisFault();
if (fault !== null && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Redis is required, but cannot be reached: ${fault}`);
}

/** Whether Redis can be reached here. */
const HAS_REDIS = fault === null;

/** `describe` if Redis can be reached; otherwise it skips the tests and says why. */
export const describeRedis = HAS_REDIS ? describe : describe.skip;

if (!HAS_REDIS) {
  describe.skip(`over redis: it cannot be reached (${fault})`, () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

/** Runs one command, such as `["PTTL", key]`, on a separate connection. */
export async function runRedis(url: string, ...command: string[]): Promise<any> {
  const client = new Redis(url, {
    ...{ lazyConnect: true, connectTimeout: 5000, commandTimeout: 5000, retryStrategy: null },
    ...{ protocol: 2, disableClientInfo: true, enableReadyCheck: false },
  });
  let fault: unknown;
  client.on("error", (error: unknown) => (fault = error));
  try {
    await client.connect();
    const [name = "", ...parameters] = command;
    return await client.call(name, ...parameters);
  } catch (error) {
    // The error of the connection says more than the command's.
    throw fault ?? error;
  } finally {
    client.disconnect();
  }
}

/** Returns the messages, with their causes, of the faults of Redis that a server has logged. */
export function faultsOf({ log }: { log: readonly Record<string, any>[] }): string[] {
  return log
    .map(({ err }) => String(err?.message))
    .filter((message) => message.startsWith("Redis is unreachable, or REDIS_URL is wrong"));
}

/** Returns why Redis cannot be used, or null if it can. */
async function findRedisFault(): Promise<string | null> {
  return runRedis(REDIS_URL, "PING").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

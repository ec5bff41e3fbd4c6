import { describe, test } from "@jest/globals";
import { createClient } from "redis";

/** The Redis server that all tests share. Their keys differ, because each gate hashes its keys with its own secret. */
export const REDIS_URL = process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379";

const fault = await findRedisFault();
if (fault !== null && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Redis is required, but cannot be reached: ${fault}`);
}

/** Whether Redis can be reached here. */
export const HAS_REDIS = fault === null;

/** `describe` if Redis can be reached; otherwise it skips the tests and says why. */
export const describeRedis = HAS_REDIS ? describe : describe.skip;

if (!HAS_REDIS) {
  describe.skip(`over redis: it cannot be reached (${fault})`, () => {
    test("the same rules", () => undefined);
  });
}

/** Runs one command, such as `["PTTL", key]`, on a separate connection. */
export async function runRedis(url: string, ...command: string[]): Promise<any> {
  const client = createClient({
    url,
    socket: { connectTimeout: 5000, reconnectStrategy: false },
  });
  // A failed command rejects with the same error.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Returns why Redis cannot be used, or null if it can. */
async function findRedisFault(): Promise<string | null> {
  return runRedis(REDIS_URL, "PING").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

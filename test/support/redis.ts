import { describe, test } from "@jest/globals";
import { createClient } from "redis";

/** The server that tests count on. Its keys are hashed with a secret of each gate's own, and expire by themselves. */
export const REDIS_URL = process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379";

const fault = await findRedisFault();
if (fault !== null && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`Redis is required, and cannot be reached: ${fault}`);
}

/** Whether Redis can be reached here. */
export const HAS_REDIS = fault === null;

/** `describe` where Redis can be reached; elsewhere it skips, and says why. */
export const describeRedis = HAS_REDIS ? describe : describe.skip;

if (!HAS_REDIS) {
  describe.skip(`over redis: it cannot be reached (${fault})`, () => {
    test("the same rules", () => undefined);
  });
}

/** Runs one command, such as `["PTTL", key]`, over a connection of its own. */
export async function runRedis(url: string, ...command: string[]): Promise<any> {
  const client = createClient({
    url,
    socket: { connectTimeout: 5000, reconnectStrategy: false },
  });
  // What fails is told by the command.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Why Redis cannot be used, or null where it can. */
async function findRedisFault(): Promise<string | null> {
  return runRedis(REDIS_URL, "PING").then(
    () => null,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
}

import { withinTime } from "../../within-time.js";
import { ExternalLoginFailed } from "./errors.js";

/** How long a provider may take to answer all requests of one operation, in milliseconds. */
const TIMEOUT = 10_000;

/**
 * Waits for a provider.
 * @throws {@link ExternalLoginFailed} when the provider cannot be reached, takes too long or gives a wrong answer
 */
export async function ask<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await withinTime(asking, TIMEOUT, () => {
      throw new ExternalLoginFailed("ETIMEDOUT");
    });
  } catch (error) {
    throw error instanceof ExternalLoginFailed ? error : new ExternalLoginFailed(codeOf(error));
  }
}

/** Returns a code of an error or of its cause, such as `ECONNREFUSED`. */
function codeOf(error: unknown): string {
  const { name, code, cause } = error as { name?: unknown; code?: unknown; cause?: unknown };
  if (name === "TimeoutError") return "ETIMEDOUT";
  // The library's own code says little about some errors, such as a failed request.
  const inner = typeof cause === "object" && cause !== null ? codeOf(cause) : "unknown";
  if (inner !== "unknown") return inner;
  return typeof code === "string" ? code : "unknown";
}

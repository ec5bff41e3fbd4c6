import { types } from "node:util";
import { withinTime } from "../../within-time.js";
import { ExternalLoginFailed } from "./errors.js";

/**
 * How long a provider may take to answer all requests of one operation, in milliseconds. This is shorter than the time
 * limit of an operation, because an operation that has timed out must not change anything later.
 */
const TIMEOUT = 8_000;

/**
 * Waits for a provider's answer.
 * @throws {@link ExternalLoginFailed} when the provider cannot be reached, takes too long or gives a wrong answer
 */
export type Ask = <Answer>(asking: Promise<Answer>) => Promise<Answer>;

/** Returns the {@link Ask} of one operation. Its time limit begins now. */
export function beginToAsk(): Ask {
  const end = performance.now() + TIMEOUT;
  return async (asking) => {
    try {
      return await withinTime(asking, Math.max(0, end - performance.now()), () => {
        throw new ExternalLoginFailed("ETIMEDOUT");
      });
    } catch (error) {
      throw error instanceof ExternalLoginFailed ? error : new ExternalLoginFailed(codeOf(error));
    }
  };
}

/**
 * Returns the innermost code in an error's chain of causes, such as `ECONNREFUSED`. The outermost code is from the
 * library, and says little about some errors, such as a failed request. Returns `ETIMEDOUT` for a timeout, and
 * `unknown` if there is no code.
 */
function codeOf(error: unknown): string {
  let found = "unknown";
  // Ignore a cause that is not an error. It may be the provider's answer, whose texts must not be in the audit trail.
  for (let inner = error; isError(inner); inner = (inner as Error).cause) {
    const { name, code } = inner as { name?: unknown; code?: unknown };
    if (name === "TimeoutError") return "ETIMEDOUT";
    if (typeof code === "string") found = code;
  }
  return found;
}

function isError(value: unknown): boolean {
  return types.isNativeError(value) || value instanceof DOMException;
}

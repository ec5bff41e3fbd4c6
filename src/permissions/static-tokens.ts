import { BadUserInput } from "../errors.js";
import type { Principal } from "../sessions/principal.js";

/**
 * Refuses a session of a static token, because a script often holds such a token.
 * @param action what the token cannot do, such as `administer users`
 * @throws {@link BadUserInput}
 */
export function refuseStaticToken({ session }: Principal, action: string): void {
  if (session.scheme !== "TOKEN") return;
  throw new BadUserInput(`A static token cannot ${action}. Log in by JWT or SLIDING instead.`);
}

import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput } from "../../errors.js";
import type { Principal } from "../../sessions/principal.js";

/**
 * Returns the signed-in user.
 * @throws {@link BadUserInput} for a static token, which is often in the hands of a script
 */
export async function requireSignIn(context: AuthContext): Promise<Principal> {
  const user = await context.loadUser();
  if (user.session.scheme !== "TOKEN") return user;
  throw new BadUserInput("A static token cannot change or delete its account. Log in instead.");
}

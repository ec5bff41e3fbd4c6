import { BadUserInput } from "../errors.js";
import type { Principal } from "./principal.js";

/**
 * Returns the signed-in user. Use this function for requests that need the user's own session.
 * @throws {@link Unauthenticated} when nobody is signed in
 * @throws the errors of {@link requireOwnSession}
 */
export async function loadOwner(context: { loadUser(): Promise<Principal> }): Promise<Principal> {
  const user = await context.loadUser();
  requireOwnSession(user);
  return user;
}

/**
 * Refuses a static token, and an administrator who acts as the user. Neither may change the user's credentials. Call
 * this function before you check a password, so that a static token cannot be used to guess passwords.
 * @throws {@link BadUserInput} for a static token, because a script may hold the token
 * @throws {@link BadUserInput} for the session of an administrator who acts as the user
 */
export function requireOwnSession({ session }: Principal): void {
  if (session.scheme === "TOKEN") {
    throw new BadUserInput("A static token cannot do this. Log in instead.");
  }
  if (session.impersonatorId !== null) {
    throw new BadUserInput("An administrator who acts as a user cannot do this.");
  }
}

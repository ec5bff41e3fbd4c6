/**
 * How a user proved who they are. All values but `fed` are from RFC 8176:
 * - `pwd`: the password
 * - `otp`: a one-time code, from an authenticator app, a mail or the list of recovery codes
 * - `hwk`: a passkey whose key never leaves its device
 * - `swk`: a passkey that is synced to other devices
 * - `user`: the device checked its user, for example with a fingerprint or a PIN
 * - `fed`: an account at another provider
 * - `mfa`: at least two of the three kinds of proof: something that the user knows, has, or is
 * @see RFC 8176 2
 */
export type AuthMethod = "pwd" | "otp" | "hwk" | "swk" | "user" | "fed" | "mfa";

/** Returns the methods as the database stores them, such as `pwd otp mfa`. */
export function joinMethods(methods: readonly AuthMethod[]): string {
  return [...new Set(methods)].join(" ");
}

/** @param stored the result of {@link joinMethods}; null for a session that an older Gatehouse opened */
export function splitMethods(stored: string | null): readonly AuthMethod[] {
  return stored ? [...new Set(stored.split(" ") as AuthMethod[])] : [];
}

/** SQL assignment: adds methods to a session. {@link methodsToAdd} returns the parameters. */
export const ADD_METHODS = `methods = CASE WHEN methods IS NULL OR methods = '' THEN ?
  WHEN methods LIKE ? THEN methods ELSE methods || ' ' || ? END`;

/** Returns the parameters of {@link ADD_METHODS}. */
export function methodsToAdd(methods: readonly AuthMethod[]): string[] {
  const added = joinMethods(methods);
  return [added, `%${added}%`, added];
}

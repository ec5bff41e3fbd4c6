import { BadUserInput } from "../errors.js";

/** A user, named by id or by any object that has the id, such as `context.user`. */
export type UserRef = string | { readonly id: string };

/** 128 bits in hex. */
const USER_ID = /^[0-9a-f]{32}$/;

/**
 * The id of a user.
 * @throws {@link BadUserInput} when it cannot be the id of any user
 */
export function idOf(user: UserRef): string {
  const id: unknown = typeof user === "object" ? user.id : user;
  if (typeof id !== "string" || !USER_ID.test(id)) throw new BadUserInput("There is no such user.");
  return id;
}

import { NoSuchUser } from "./errors.js";
import { isId } from "./id.js";

/** A user's id, or an object with the id, such as `context.user`. */
export type UserRef = string | { readonly id: string };

/**
 * Returns the id of a user. Does not check that the user exists.
 * @throws {@link NoSuchUser} when the id is missing or malformed
 */
export function idOf(user: UserRef): string {
  const given: unknown = user;
  const id = typeof given === "object" && given !== null && "id" in given ? given.id : given;
  if (!isId(id)) throw new NoSuchUser();
  return id;
}

import type { Accounts } from "../accounts/accounts.js";
import type { AuthContext } from "../authentication/context.js";
import { NoSuchUser } from "../errors.js";
import { requireRole } from "../permissions/guards.js";
import { toUserType, type UserType } from "./user.type.js";

/** The key of a user in another subgraph: `type User @key(fields: "id")`. */
interface UserReference {
  readonly id: string;
}

/**
 * Returns the function that loads the users that a federation gateway asks for. Users see themselves, and administrators
 * see everyone, as in the rest of the schema. The refusal does not depend on whether the user exists.
 */
export function createUserReferenceResolver(accounts: Accounts) {
  return async ({ id }: UserReference, context: AuthContext): Promise<UserType | null> => {
    await requireRole(context, "USER");
    const caller = await context.loadUser();
    if (caller.id === id) return toUserType(caller);
    await requireRole(context, "ADMIN");
    try {
      return toUserType(await accounts.getUser(id));
    } catch (error) {
      if (error instanceof NoSuchUser) return null;
      throw error;
    }
  };
}

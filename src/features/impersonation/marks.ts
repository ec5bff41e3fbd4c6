import type { AccountService } from "../../accounts/account.service.js";
import type { AuthContext } from "../../authentication/context.js";
import type { SchemaExtension } from "../../graphql/schema.js";
import type { SessionType } from "../../graphql/session.type.js";
import { toUserType, type UserType } from "../../graphql/user.type.js";

const typeDefs = `
  extend type Session {
    "Whether an administrator acts as the user in this session."
    isImpersonated: Boolean!
  }
  extend type User {
    "The administrator who acts as this user in the session of the request. Otherwise null."
    impersonatedBy: User
  }`;

/** Returns the fields that show whether an administrator acts as the user. */
export function marks(accounts: AccountService): SchemaExtension {
  const impersonatedBy = async ({ id }: UserType, _args: unknown, context: AuthContext) => {
    if (context.user?.id !== id) return null;
    const { session } = await context.loadUser();
    if (session.impersonatorId === null) return null;
    return toUserType(await accounts.getUser(session.impersonatorId));
  };
  const isImpersonated = ({ impersonatorId }: SessionType) => impersonatorId !== null;
  return { typeDefs, resolvers: { Session: { isImpersonated }, User: { impersonatedBy } } };
}

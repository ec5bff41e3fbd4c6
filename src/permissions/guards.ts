import { mapSchema, MapperKind } from "@graphql-tools/utils";
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema } from "graphql";
import { isAtLeast, type Role, ROLES } from "../accounts/role.js";
import type { AuthContext } from "../authentication/context.js";
import { NoCredentials, RoleRequired } from "../errors.js";
import { Principal } from "../sessions/principal.js";
import { TokenUser } from "../sessions/token-user.js";
import { type GuardOptions, readGuards } from "./guard-map.js";

/**
 * A copy of a schema, ours or somebody else's, in which `@auth` and `@public` are enforced.
 * Every root field needs a signed-in user unless it carries `@public`.
 * @throws TypeError that lists each guard which is missing, weakened, contradictory, or stands where it cannot run
 */
export function guardSchema(schema: GraphQLSchema, options: GuardOptions = {}): GraphQLSchema {
  const guards = readGuards(schema, options);
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field, fieldName, typeName) => {
      const role = guards.get(`${typeName}.${fieldName}`);
      if (role === undefined || role === "PUBLIC") return undefined;
      const { resolve = defaultFieldResolver, subscribe = defaultFieldResolver } = field;
      const guarded = { ...field, resolve: withGuard(resolve, role) };
      // Without a `subscribe` of its own, a subscription takes its source from the root value.
      const isSubscription = typeName === schema.getSubscriptionType()?.name;
      return isSubscription ? { ...guarded, subscribe: withGuard(subscribe, role) } : guarded;
    },
  });
}

type Resolver = GraphQLFieldResolver<unknown, Partial<AuthContext> | undefined>;

function withGuard(resolve: Resolver, role: Role): Resolver {
  return (source, args, context, info) => {
    const isLoading = requireRole(context, role);
    if (isLoading === undefined) return resolve(source, args, context, info);
    return isLoading.then(() => resolve(source, args, context, info));
  };
}

/**
 * Lets pass a signed-in user whose role is at least `role`, and nobody else. Only a context that `createContext` made
 * counts: another object that happens to be called `user` does not.
 * @returns a promise where the role has to be asked for first, because `bearerCheck` is `stateless`
 * @throws the context's own {@link AuthContext.authError}, {@link NoCredentials}, or {@link RoleRequired}
 */
export function requireRole(
  context: Partial<AuthContext> | undefined,
  role: Role,
): Promise<void> | undefined {
  const user = context?.user;
  if (user instanceof TokenUser && context?.loadUser !== undefined) {
    if (role === LEAST_ROLE) return undefined;
    return context.loadUser().then((loaded) => {
      requireRoleOf(loaded, role, context);
    });
  }
  if (!(user instanceof Principal)) throw context?.authError ?? new NoCredentials();
  requireRoleOf(user, role, context);
  return undefined;
}

const [LEAST_ROLE] = ROLES;

function requireRoleOf(user: Principal, role: Role, context?: Partial<AuthContext>): void {
  if (isAtLeast(user.role, role)) return;
  context?.onRoleDenied?.(role);
  throw new RoleRequired(role);
}

import { mapSchema, MapperKind } from "@graphql-tools/utils";
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema } from "graphql";
import type { Role, Roles } from "../accounts/role.js";
import type { AuthContext } from "../authentication/context.js";
import { NoCredentials, RoleRequired } from "../errors.js";
import { requireOneGraphql } from "../graphql-package.js";
import { PUBLIC } from "./directives.js";
import { entitiesLimit, isEntitiesField } from "./federation.js";
import { guardEvents, renewalOf } from "./guarded-events.js";
import { PendingCheck } from "./pending-check.js";
import { Principal } from "../sessions/principal.js";
import { TokenUser } from "../sessions/token-user.js";
import { type GuardOptions, readGuards } from "./guard-map.js";

/**
 * Returns a copy of a schema that enforces `@auth` and `@public`. A root field without a directive needs a signed-in
 * user.
 * @param roles the roles that `@auth` can require. @default USER and ADMIN
 * @throws TypeError that lists all wrong guards
 */
export function guardSchema(
  schema: GraphQLSchema,
  options: GuardOptions = {},
  roles?: Roles,
): GraphQLSchema {
  requireOneGraphql(schema, "the schema to guard");
  const guards = readGuards(schema, options, roles);
  const limit = entitiesLimit(options);
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (unlimited, fieldName, typeName) => {
      const isEntities = isEntitiesField(schema, typeName, fieldName);
      const field = isEntities ? { ...unlimited, resolve: limit(unlimited.resolve) } : unlimited;
      const role = guards.get(`${typeName}.${fieldName}`);
      if (role === undefined || role === PUBLIC) return field;
      // graphql-js has the same defaults.
      const { resolve = defaultFieldResolver, subscribe = defaultFieldResolver } = field;
      const guarded = { ...field, resolve: withGuard(resolve, role) };
      const isSubscription = typeName === schema.getSubscriptionType()?.name;
      return isSubscription ? { ...guarded, subscribe: withEventGuard(subscribe, role) } : guarded;
    },
  });
}

type Resolver = GraphQLFieldResolver<unknown, Partial<AuthContext> | undefined>;

function withGuard(resolve: Resolver, role: Role): Resolver {
  return (source, args, context, info) => {
    const pending = checkRole(context, role);
    if (pending === undefined) return resolve(source, args, context, info);
    return pending.then(() => resolve(source, args, context, info));
  };
}

/** Guards the start of a subscription and each of its events. */
function withEventGuard(subscribe: Resolver, role: Role): Resolver {
  return async (source, args, context, info) => {
    await checkRole(context, role);
    const renew = renewalOf(context);
    return guardEvents(await subscribe(source, args, context, info), async () => {
      await renew();
      return isAllowed(context, role);
    });
  };
}

/** Reports nothing to the audit trail. */
async function isAllowed(context: Partial<AuthContext> = {}, role: Role): Promise<boolean> {
  try {
    await checkRole({ ...context, onRoleDenied: () => undefined }, role);
    return true;
  } catch {
    return false;
  }
}

/**
 * Requires that the signed-in user has at least `role`. Always await the call: without `await`, your code may go on
 * although the role is refused. The ESLint rule `@typescript-eslint/no-floating-promises` finds such calls.
 *
 * A user object that `createContext` did not make counts as anonymous.
 * @throws {@link RoleRequired} when the role is too low
 * @throws {@link AuthContext.authError} when the credential was refused
 * @throws {@link NoCredentials} when the request has no credential
 * @throws {@link Unauthenticated} with the reason when the credential of a {@link TokenUser} is no longer valid
 * @example
 * await requireRole(context, "ADMIN");
 */
export function requireRole(context: Partial<AuthContext> | undefined, role: Role): Promise<void> {
  const pending = checkRole(context, role);
  return pending === undefined ? Promise.resolve() : new PendingCheck(pending);
}

/** Returns a promise only if the database must be read. A promise for every guarded field would be slow. */
function checkRole(
  context: Partial<AuthContext> | undefined,
  role: Role,
): Promise<void> | undefined {
  const user = context?.user;
  if (user instanceof TokenUser) {
    return user.provesRole(role) ? undefined : checkStoredRole(context, role);
  }
  if (!(user instanceof Principal)) throw context?.authError ?? new NoCredentials();
  checkRoleOf(user, role, context);
  return undefined;
}

/** Reads the role from the database, because an access token does not contain the role. */
async function checkStoredRole(
  context: Partial<AuthContext> | undefined,
  role: Role,
): Promise<void> {
  const user = await context?.loadUser?.();
  if (user === undefined) throw new NoCredentials();
  checkRoleOf(user, role, context);
}

function checkRoleOf(user: Principal, role: Role, context?: Partial<AuthContext>): void {
  if (user.hasRole(role)) return;
  context?.onRoleDenied?.(role);
  throw new RoleRequired(role);
}

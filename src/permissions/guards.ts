import { mapSchema, MapperKind } from "@graphql-tools/utils";
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema } from "graphql";
import type { Role, Roles } from "../accounts/role.js";
import type { AuthContext } from "../authentication/context.js";
import { NoCredentials } from "../authentication/errors.js";
import { requireOneGraphql } from "../graphql-package.js";
import { PUBLIC, type UserGuard } from "./directives.js";
import { EnrolmentRequired, ReauthenticationRequired, RoleRequired } from "./errors.js";
import { entitiesLimit, isEntitiesField } from "./federation.js";
import { parseFreshness } from "./freshness.js";
import { checksOf, guardEvents } from "./guarded-events.js";
import { PendingCheck } from "./pending-check.js";
import { Principal } from "../sessions/principal.js";
import { TokenUser } from "../sessions/token-user.js";
import { type GuardOptions, readGuards } from "./guard-map.js";

/**
 * Returns a copy of the schema. The copy enforces `@auth` and `@public`. A root field without a directive requires a
 * signed-in user.
 * @param roles the roles that `@auth` can require. @default USER and ADMIN
 * @param enrolmentFields the fields open to users who must add a second factor, such as `Query.me`. @default none
 * @throws TypeError that lists all wrong guards
 */
export function guardSchema(
  schema: GraphQLSchema,
  options: GuardOptions = {},
  roles?: Roles,
  enrolmentFields: ReadonlySet<string> = new Set(),
): GraphQLSchema {
  requireOneGraphql(schema, "the schema to guard");
  const guards = readGuards(schema, options, roles);
  const limit = entitiesLimit(options);
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (unlimited, fieldName, typeName) => {
      const isEntities = isEntitiesField(schema, typeName, fieldName);
      const field = isEntities ? { ...unlimited, resolve: limit(unlimited.resolve) } : unlimited;
      const name = `${typeName}.${fieldName}`;
      const read = guards.get(name);
      if (read === undefined || read === PUBLIC) return field;
      const guard = { ...read, isForEnrolment: enrolmentFields.has(name) };
      // graphql-js has the same defaults.
      const { resolve = defaultFieldResolver, subscribe = defaultFieldResolver } = field;
      const guarded = { ...field, resolve: withGuard(resolve, guard) };
      const isSubscription = typeName === schema.getSubscriptionType()?.name;
      return isSubscription ? { ...guarded, subscribe: withEventGuard(subscribe, guard) } : guarded;
    },
  });
}

type Resolver = GraphQLFieldResolver<unknown, Partial<AuthContext> | undefined>;

function withGuard(resolve: Resolver, guard: Check): Resolver {
  return (source, args, context, info) => {
    const pending = checkGuard(context, guard);
    if (pending === undefined) return resolve(source, args, context, info);
    return pending.then(() => resolve(source, args, context, info));
  };
}

/**
 * Guards the start of a subscription and each of its events. Ends the subscription when its user is no longer allowed.
 */
function withEventGuard(subscribe: Resolver, guard: Check): Resolver {
  return async (source, args, context, info) => {
    await checkGuard(context, guard);
    const checks = checksOf(context ?? {}, () => isAllowed(context, guard));
    return guardEvents(await subscribe(source, args, context, info), checks);
  };
}

/**
 * Returns whether the user passes the guard. Does not report a refusal, because the guard of the field reports it
 * later.
 */
async function isAllowed(context: Partial<AuthContext> = {}, guard: Check): Promise<boolean> {
  try {
    const nothing = () => undefined;
    const silent = {
      onRoleDenied: nothing,
      onFreshnessDenied: nothing,
      onSecondFactorDenied: nothing,
    };
    await checkGuard({ ...context, ...silent }, guard);
    return true;
  } catch {
    return false;
  }
}

/**
 * Requires that the signed-in user has at least `role`. Always await the call, because otherwise your code continues
 * when the role is refused. The ESLint rule `@typescript-eslint/no-floating-promises` finds a missing `await`.
 *
 * Accepts only a user object of `createContext`. Any other object counts as no user.
 * @throws {@link RoleRequired} when the role is too low
 * @throws {@link EnrolmentRequired} when the user must have a second factor but has none yet
 * @throws {@link AuthContext.authError} when the credential was refused
 * @throws {@link NoCredentials} when the request has no credential
 * @throws {@link Unauthenticated} with the reason when the credential of a {@link TokenUser} is no longer valid
 * @example
 * await requireRole(context, "ADMIN");
 */
export function requireRole(context: Partial<AuthContext> | undefined, role: Role): Promise<void> {
  return asPromise(checkGuard(context, { ...ANY_USER, role }), "requireRole");
}

/**
 * Requires that the user proved who they are in this session at most `freshWithin` ago, such as by a password. Always
 * await the call, as for {@link requireRole}. Costs a database query if `bearerCheck` is `stateless`.
 * @param freshWithin a duration from `1m` to `100y`, such as `15m`
 * @throws {@link ReauthenticationRequired} when the last proof is older, or the session was opened without a proof
 * @throws the errors of {@link requireRole}, except {@link RoleRequired}
 * @throws TypeError when `freshWithin` is malformed or out of range
 * @example
 * await requireFresh(context, "15m");
 */
export function requireFresh(
  context: Partial<AuthContext> | undefined,
  freshWithin: string,
): Promise<void> {
  const freshness = parseFreshness(freshWithin);
  return asPromise(checkGuard(context, { ...ANY_USER, freshness }), "requireFresh");
}

/**
 * Requires that the user proved a second factor in this session. Always await the call, as for {@link requireRole}.
 * Costs a database query if `bearerCheck` is `stateless`.
 * @param freshWithin the longest time since the proof: a duration from `1m` to `100y`, such as `15m`. @default any time
 * @throws {@link ReauthenticationRequired} when the session has no such proof, or the proof is older than `freshWithin`
 * @throws the errors of {@link requireRole}, except {@link RoleRequired}
 * @throws TypeError when `freshWithin` is malformed or out of range
 * @example
 * await requireSecondFactor(context, { freshWithin: "15m" });
 */
export function requireSecondFactor(
  context: Partial<AuthContext> | undefined,
  { freshWithin }: { freshWithin?: string } = {},
): Promise<void> {
  const freshness = freshWithin === undefined ? null : parseFreshness(freshWithin);
  const check = { ...ANY_USER, freshness, needsSecondFactor: true };
  return asPromise(checkGuard(context, check), "requireSecondFactor");
}

function asPromise(pending: Promise<void> | undefined, name: string): Promise<void> {
  return pending === undefined ? Promise.resolve() : new PendingCheck(pending, name);
}

/** What {@link checkGuard} requires of a user. */
interface Check extends Omit<UserGuard, "role"> {
  /** Null if every role passes. */
  readonly role: Role | null;
  /** Whether the guard accepts users who must have a second factor but have none yet. */
  readonly isForEnrolment: boolean;
}

const ANY_USER: Check = {
  role: null,
  freshness: null,
  needsSecondFactor: false,
  isForEnrolment: false,
};

/**
 * Checks a guard. Returns a promise only if the database must be read, because a promise for every guarded field would
 * be slow.
 */
function checkGuard(
  given: Partial<AuthContext> | undefined,
  check: Check,
): Promise<void> | undefined {
  const context = given ?? {};
  const { user } = context;
  if (user instanceof TokenUser) {
    const isProven =
      check.freshness === null &&
      !check.needsSecondFactor &&
      (check.role === null || user.provesRole(check.role));
    return isProven ? undefined : checkStoredUser(context, check);
  }
  if (!(user instanceof Principal)) throw context.authError ?? new NoCredentials();
  checkUser(user, check, context);
  return undefined;
}

/**
 * Checks the user and the session as they are in the database, because the role and the times of the last proofs can
 * have changed since the access token was issued.
 */
async function checkStoredUser(context: Partial<AuthContext>, check: Check): Promise<void> {
  const user = await context.loadUser?.();
  if (user === undefined) throw new NoCredentials();
  checkUser(user, check, context);
}

function checkUser(
  user: Principal,
  { role, freshness, needsSecondFactor, isForEnrolment }: Check,
  context: Partial<AuthContext>,
): void {
  if (user.mustEnrol && !isForEnrolment) throw new EnrolmentRequired();
  if (role !== null && !user.hasRole(role)) {
    context.onRoleDenied?.(role);
    throw new RoleRequired(role);
  }
  const proof = { maxAge: freshness?.seconds, isSecondFactor: needsSecondFactor };
  if (needsSecondFactor && !user.hasSecondFactor(freshness?.seconds)) {
    context.onSecondFactorDenied?.();
    throw new ReauthenticationRequired(freshness?.text ?? null, proof);
  }
  if (freshness !== null && !user.isFresh(freshness.seconds)) {
    context.onFreshnessDenied?.(freshness.text);
    throw new ReauthenticationRequired(freshness.text, proof);
  }
}

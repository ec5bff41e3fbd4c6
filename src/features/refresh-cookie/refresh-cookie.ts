import { mapSchema, MapperKind } from "@graphql-tools/utils";
import {
  defaultFieldResolver,
  getNamedType,
  type GraphQLFieldConfig,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from "graphql";
import type { AuthContext } from "../../authentication/context.js";
import { NoCredentials } from "../../authentication/errors.js";
import { AuthError, Unauthenticated, Vetoed } from "../../errors.js";
import type { AuthPayload } from "../../graphql/auth-payload.type.js";
import type { Cookie } from "./cookie.js";

type Field = GraphQLFieldConfig<unknown, AuthContext>;

export interface RefreshCookieParts {
  cookieOf(this: void, context: AuthContext): Cookie;
  /** Returns whether a refresh token is active. Counts against the rate limit of `verifyToken`. */
  isUsable(this: void, token: string, context: AuthContext): Promise<boolean>;
  /** Returns true for a sliding token, even if it has expired. */
  isSliding(this: void, token: string): boolean;
}

/**
 * Returns a copy of the schema. In the copy, the refresh token of each `AuthPayload` is moved into the cookie.
 * `refreshToken` and `logout` can take the token from the cookie.
 */
export function withRefreshCookie(schema: GraphQLSchema, parts: RefreshCookieParts): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: Field, name, type) => {
      if (type === "Mutation" && name === "logout") return wrap(field, logoutWith(parts));
      if (getNamedType(field.type).name !== "AuthPayload") return undefined;
      if (type !== "Mutation" || name !== "refreshToken") {
        return wrap(
          field,
          keepIn(parts, ({ scheme = "JWT" }) => scheme === "JWT"),
        );
      }
      // The refresh of a sliding token never sets the cookie, because its response contains no refresh token.
      const kept = wrap(
        field,
        keepIn(parts, ({ refresh }) => !parts.isSliding(String(refresh))),
      );
      return withOptionalRefresh(wrap(kept, refreshFrom(parts)));
    },
  });
}

const FOREIGN =
  "Pages of this origin may not set the refresh cookie. List the origin in the setting corsOrigins.";

type Arguments = Record<string, unknown>;
type Resolver = GraphQLFieldResolver<unknown, AuthContext, Arguments>;
type Around = (resolve: Resolver) => Resolver;

function wrap(field: Field, around: Around): Field {
  return { ...field, resolve: around((field.resolve ?? defaultFieldResolver) as Resolver) };
}

/** Gives the argument `refresh` a default, so that clients can leave it out. */
function withOptionalRefresh(field: Field): Field {
  const { refresh, ...others } = field.args ?? {};
  if (refresh === undefined) return field;
  return { ...field, args: { refresh: { ...refresh, defaultValue: "" }, ...others } };
}

/**
 * Moves the refresh token of a payload into the cookie. Pages of foreign origins may not run operations that set the
 * cookie, because such a page could sign the browser in as another user.
 * @param setsCookie returns whether an operation with these arguments can set the cookie
 */
function keepIn(
  { cookieOf }: RefreshCookieParts,
  setsCookie: (args: Arguments) => boolean,
): Around {
  return (resolve) => async (source, args, context, info) => {
    if (cookieOf(context).isForeign && setsCookie(args)) throw new Vetoed(FOREIGN);
    const payload = (await resolve(source, args, context, info)) as AuthPayload | null;
    if (payload?.refresh == null || payload.refreshExpiresAt === null) return payload;
    // Keep the cookie while an administrator acts as a user, because it belongs to the administrator's own session.
    if (payload.session.impersonatorId !== null) return payload;
    cookieOf(context).set(payload.refresh, payload.refreshExpiresAt.getTime());
    payload.refresh = null;
    return payload;
  };
}

/** If `refresh` is empty, uses the cookie's token. If that token is refused, clears the cookie. */
function refreshFrom({ cookieOf }: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    if (args["refresh"] !== "") return resolve(source, args, context, info);
    const cookie = cookieOf(context);
    const refresh = requireToken(cookie, context);
    return clearIfRefused(cookie, () => resolve(source, { ...args, refresh }, context, info));
  };
}

/**
 * Chooses the session that a logout ends: the cookie's session if `refresh` is `""`, or if the request has neither
 * `refresh` nor an `Authorization` header. Any other logout clears the cookie only if the cookie's token no longer
 * works.
 */
function logoutWith(parts: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    const cookie = parts.cookieOf(context);
    const given = args["refresh"] ?? (hasHeader(context) ? null : "");
    if (given === "") {
      const refresh = requireToken(cookie, context);
      const logout = () => resolve(source, { ...args, refresh }, context, info);
      const payload = await clearIfRefused(cookie, logout);
      cookie.clear();
      return payload;
    }
    const payload = await resolve(source, { ...args, refresh: given }, context, info);
    if (await isInactive(cookie, context, parts)) cookie.clear();
    return payload;
  };
}

async function clearIfRefused(cookie: Cookie, run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Unauthenticated) cookie.clear();
    throw error;
  }
}

/**
 * Returns whether the cookie has a token that no longer works. Returns false if the token cannot be checked, for
 * example because a rate limit is reached. The next refresh then checks the token, and may clear the cookie.
 */
async function isInactive(
  { token }: Cookie,
  context: AuthContext,
  { isUsable }: RefreshCookieParts,
): Promise<boolean> {
  try {
    return token !== null && !(await isUsable(token, context));
  } catch (error) {
    if (error instanceof AuthError) return false;
    throw error;
  }
}

/** Returns the cookie's token. A request with an `Authorization` header cannot use the cookie. */
function requireToken({ token }: Cookie, context: AuthContext): string {
  if (hasHeader(context) || token === null) throw context.authError ?? new NoCredentials();
  return token;
}

function hasHeader({ credential, authError }: AuthContext): boolean {
  return credential !== null || authError !== null;
}

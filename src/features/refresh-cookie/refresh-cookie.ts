import { mapSchema, MapperKind } from "@graphql-tools/utils";
import {
  defaultFieldResolver,
  getNamedType,
  type GraphQLFieldConfig,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from "graphql";
import type { AuthContext } from "../../authentication/context.js";
import { AuthError, NoCredentials, Unauthenticated, Vetoed } from "../../errors.js";
import type { AuthPayload } from "../../graphql/auth-payload.type.js";
import type { Cookie } from "./cookie.js";

type Field = GraphQLFieldConfig<unknown, AuthContext>;

/** The functions that {@link withRefreshCookie} needs. */
export interface RefreshCookieParts {
  /** Returns the cookie of a request. */
  cookieOf(this: void, context: AuthContext): Cookie;
  /** Returns whether a refresh token is active, as `verifyToken` checks it. Counts against the same rate limit. */
  isUsable(this: void, token: string, context: AuthContext): Promise<boolean>;
  /** Returns whether a text is a sliding token of this server, even if the token has expired. */
  isSliding(this: void, token: string): boolean;
}

/**
 * Returns a copy of a schema. The copy keeps refresh tokens in the cookie, and sends every `AuthPayload` without its
 * refresh token. `refreshToken` and `logout` take the token from the cookie if `refresh` is left out or empty, and the
 * request has no `Authorization` header.
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
      // A sliding token is exchanged for another one.
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

/**
 * Lets a client leave out `refresh`, because the cookie has the token. The argument keeps its type, so documents that
 * pass it stay valid.
 */
function withOptionalRefresh(field: Field): Field {
  const { refresh, ...others } = field.args ?? {};
  if (refresh === undefined) return field;
  return { ...field, args: { refresh: { ...refresh, defaultValue: "" }, ...others } };
}

/**
 * Moves the refresh token of a payload into the cookie. Refuses the request of a foreign page ({@link
 * Cookie.isForeign}), because the page could sign the browser in as somebody else.
 * @param setsCookie returns whether an operation with these arguments can set the cookie. If it cannot, it is not
 * refused
 */
function keepIn(
  { cookieOf }: RefreshCookieParts,
  setsCookie: (args: Arguments) => boolean,
): Around {
  return (resolve) => async (source, args, context, info) => {
    if (cookieOf(context).isForeign && setsCookie(args)) throw new Vetoed(FOREIGN);
    const payload = (await resolve(source, args, context, info)) as AuthPayload | null;
    if (payload?.refresh == null || payload.refreshExpiresAt === null) return payload;
    cookieOf(context).set(payload.refresh, payload.refreshExpiresAt.getTime());
    payload.refresh = null;
    return payload;
  };
}

/** If `refresh` is empty, takes the token from the cookie, and clears the cookie if that token is refused. */
function refreshFrom({ cookieOf }: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    if (args["refresh"] !== "") return resolve(source, args, context, info);
    const cookie = cookieOf(context);
    const refresh = requireToken(cookie, context);
    return clearIfRefused(cookie, () => resolve(source, { ...args, refresh }, context, info));
  };
}

/**
 * Chooses the token whose session `logout` ends. If `refresh` holds a token, that token is used. If `refresh` is left
 * out or empty, and the request has no `Authorization` header, the cookie's token is used. If the request has this
 * header and `refresh` is left out, the header's credential is used. If the request has this header and `refresh` is
 * empty, the logout is refused. Clears the cookie if its token is refused, or is no longer active after the logout.
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
    if (await isKnownDead(cookie, context, parts)) cookie.clear();
    return payload;
  };
}

/** Runs an operation with the cookie's token, and clears the cookie if the token is refused. */
async function clearIfRefused(cookie: Cookie, run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Unauthenticated) cookie.clear();
    throw error;
  }
}

/**
 * Returns whether the cookie has a token that is no longer active. Returns false if that cannot be checked: the logout
 * has succeeded all the same, and the next refresh clears the cookie.
 */
async function isKnownDead(
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

/**
 * Returns the cookie's token. A request with an `Authorization` header must not use the cookie. Such a request is
 * treated like a request without the cookie, even if the header was accepted.
 * @throws {@link AuthContext.authError} if the `Authorization` header was refused
 * @throws {@link NoCredentials} in all other cases in which the request has no cookie or must not use it
 */
function requireToken({ token }: Cookie, context: AuthContext): string {
  if (hasHeader(context) || token === null) throw context.authError ?? new NoCredentials();
  return token;
}

function hasHeader({ credential, authError }: AuthContext): boolean {
  return credential !== null || authError !== null;
}

import { mapSchema, MapperKind } from "@graphql-tools/utils";
import {
  defaultFieldResolver,
  getNamedType,
  type GraphQLFieldConfig,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from "graphql";
import type { AuthContext } from "../../authentication/context.js";
import { NoCredentials, SchemeNotServed, Unauthenticated } from "../../errors.js";
import type { AuthPayload } from "../../graphql/auth-payload.type.js";
import type { Cookie } from "./cookie.js";

type Field = GraphQLFieldConfig<unknown, AuthContext>;

/** The functions that {@link withRefreshCookie} needs. */
export interface RefreshCookieParts {
  /** The cookie of a request. */
  cookieOf(this: void, context: AuthContext): Cookie;
  /** Returns whether the session of a refresh token is live. */
  isUsable(this: void, token: string): Promise<boolean>;
}

/**
 * A copy of a schema that keeps refresh tokens in the cookie: every `AuthPayload` goes out without its refresh token, and
 * `refreshToken(refresh: "")` and `logout(refresh: "")` take the token from the cookie.
 */
export function withRefreshCookie(schema: GraphQLSchema, parts: RefreshCookieParts): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: Field, name, type) => {
      if (type === "Mutation" && name === "logout") return wrap(field, logoutWith(parts));
      if (getNamedType(field.type).name !== "AuthPayload") return undefined;
      const kept = wrap(field, keepIn(parts));
      return type === "Mutation" && name === "refreshToken" ? wrap(kept, refreshFrom(parts)) : kept;
    },
  });
}

type Resolver = GraphQLFieldResolver<unknown, AuthContext, Record<string, unknown>>;
type Around = (resolve: Resolver) => Resolver;

function wrap(field: Field, around: Around): Field {
  return { ...field, resolve: around((field.resolve ?? defaultFieldResolver) as Resolver) };
}

/** Moves the refresh token of a payload into the cookie. */
function keepIn({ cookieOf }: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    const payload = (await resolve(source, args, context, info)) as AuthPayload | null;
    if (payload?.refresh == null || payload.refreshExpiresAt === null) return payload;
    cookieOf(context).set(payload.refresh, payload.refreshExpiresAt.getTime());
    payload.refresh = null;
    return payload;
  };
}

/** Takes the refresh token from the cookie, and clears the cookie if its token is refused. */
function refreshFrom({ cookieOf }: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    if (args["refresh"] !== "") return resolve(source, args, context, info);
    const cookie = cookieOf(context);
    const refresh = requireToken(cookie, context);
    try {
      return await resolve(source, { ...args, refresh }, context, info);
    } catch (error) {
      if (error instanceof Unauthenticated) cookie.clear();
      throw error;
    }
  };
}

/** Clears the cookie if its session has ended. Otherwise the browser keeps it. */
function logoutWith({ cookieOf, isUsable }: RefreshCookieParts): Around {
  return (resolve) => async (source, args, context, info) => {
    const cookie = cookieOf(context);
    const refresh = args["refresh"] === "" ? requireToken(cookie, context) : args["refresh"];
    try {
      return await resolve(source, { ...args, refresh }, context, info);
    } finally {
      if (cookie.token !== null && !(await isUsable(cookie.token))) cookie.clear();
    }
  };
}

/**
 * Returns the cookie's token, unless the request has an `Authorization` header of our own: a client that sends one means
 * that credential, even if it is malformed. A scheme that is not served does not count, because a proxy may ask for it.
 * @throws the header's own {@link AuthContext.authError}, or {@link NoCredentials}
 */
function requireToken({ token }: Cookie, context: AuthContext): string {
  if (hasOwnHeader(context) || token === null) throw context.authError ?? new NoCredentials();
  return token;
}

function hasOwnHeader({ credential, authError }: AuthContext): boolean {
  return credential !== null || (authError !== null && !(authError instanceof SchemeNotServed));
}

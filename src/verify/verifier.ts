import type { RequestLike } from "./request.js";

/**
 * The claims of an access token. They have no role, because the role can change before the token expires.
 * @see RFC 9068 2.2
 */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly aud: string;
  /** The id of the user. */
  readonly sub: string;
  readonly client_id: string;
  /** The id of the session. */
  readonly sid: string;
  readonly jti: string;
  /** Epoch seconds. */
  readonly iat: number;
  /** Epoch seconds. */
  readonly exp: number;
  readonly token_type: "access";
  /** The administrator who acts as the user. @see RFC 8693 4.1 */
  readonly act?: { readonly sub: string };
  /** How the user proved who they are, such as `pwd` and `mfa`. @see RFC 8176 2 */
  readonly amr?: readonly string[];
  /** When the user last proved who they are in this session. Epoch seconds. */
  readonly auth_time?: number;
  /** The claims that the application has added. */
  readonly [claim: string]: unknown;
}

/** Gatehouse's answer about a token that works. @see RFC 7662 2.2 */
export interface Introspection {
  readonly active: true;
  readonly sub: string;
  readonly username: string;
  /** The role of the user when Gatehouse answered. */
  readonly role: string;
  /** The role of the user, and all roles that it includes. */
  readonly roles: readonly string[];
  readonly [member: string]: unknown;
}

/** A verified access token. */
export interface VerifiedToken {
  readonly claims: AccessTokenClaims;
  /** The answer of Gatehouse about the token. Null without the option `introspection`. */
  readonly introspection: Introspection | null;
}

/** The requirements that a user must meet. */
export interface Requirements {
  /**
   * The lowest accepted role. Needs the option `introspection`, because access tokens have no role.
   * @default none
   */
  readonly role?: string;
}

/** The requirements for a request, which can also allow a request without a token. */
export interface RequestRequirements extends Requirements {
  /** Whether a request without a Bearer token is accepted. The result is then null. @default false */
  readonly isOptional?: boolean;
}

/** Verifies the access tokens of one Gatehouse. */
export interface Verifier {
  /**
   * Verifies an access token.
   * @throws Refusal
   */
  verify(this: void, token: string, requirements?: Requirements): Promise<VerifiedToken>;

  /**
   * Verifies the access token in the header `Authorization` of a request, such as the `Request` of a fetch handler.
   * @throws Refusal, whose `toResponse()` returns the response to send
   */
  fromRequest(
    this: void,
    request: RequestLike,
    requirements?: Requirements & { readonly isOptional?: false },
  ): Promise<VerifiedToken>;
  fromRequest(
    this: void,
    request: RequestLike,
    requirements: RequestRequirements,
  ): Promise<VerifiedToken | null>;

  /** Returns a middleware for Express, which sets `request.auth` or sends the refusal. */
  express(this: void, requirements?: RequestRequirements): ExpressMiddleware;

  /** Returns an `onRequest` hook for Fastify, which sets `request.auth` or sends the refusal. */
  fastify(this: void, requirements?: RequestRequirements): FastifyHook;

  /** Returns the option `context` of an Apollo Server. The context has `auth`. Apollo Server sends the refusal. */
  apolloContext(
    this: void,
    requirements?: Requirements & { readonly isOptional?: false },
  ): ApolloContext<VerifiedToken>;
  apolloContext(this: void, requirements: RequestRequirements): ApolloContext<VerifiedToken | null>;
}

export type ExpressMiddleware = (
  request: RequestLike,
  response: ResponseLike,
  next: (error?: unknown) => void,
) => void;

interface ResponseLike {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

export type FastifyHook = (request: RequestLike, reply: ReplyLike) => Promise<unknown>;

interface ReplyLike {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body: string): unknown;
}

/** @param request what the integration of Apollo Server passes: a request, or an object whose `req` is the request */
export type ApolloContext<Auth> = (
  request: RequestLike | { readonly req: RequestLike },
) => Promise<{ auth: Auth }>;

import { GraphQLError } from "graphql";

/**
 * The HTTP status for each error code. A refused persisted query has the status 200, because clients expect that.
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes
 */
export const HTTP_STATUS = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
  TOO_MANY_REQUESTS: 429,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
  GRAPHQL_PARSE_FAILED: 400,
  GRAPHQL_VALIDATION_FAILED: 400,
  OPERATION_RESOLUTION_FAILURE: 400,
  PERSISTED_QUERY_NOT_SUPPORTED: 200,
  BAD_REQUEST: 400,
} as const;

/** The error codes of Gatehouse, in `extensions.code`. */
export type ErrorCode = keyof typeof HTTP_STATUS;

/**
 * The value of the `WWW-Authenticate` header: the schemes that a client may use.
 * @see RFC 9110 11.6.1
 */
export const CHALLENGES = 'Bearer realm="gatehouse", Token realm="gatehouse"';

/**
 * Returns the value of the `WWW-Authenticate` header for an error with these extensions. Returns null if the error
 * needs no such header.
 * @see RFC 9470 3
 */
export function challengesOf(extensions: Readonly<Record<string, unknown>> = {}): string | null {
  const { code, reason, max_age: maxAge, acr_values: acrValues } = extensions;
  if (code === "UNAUTHENTICATED") return CHALLENGES;
  if (reason !== "reauthentication_required") return null;
  return [
    `Bearer realm="gatehouse", error="insufficient_user_authentication"`,
    `error_description="More recent or stronger authentication is required"`,
    ...(typeof maxAge === "number" ? [`max_age="${maxAge}"`] : []),
    ...(typeof acrValues === "string" ? [`acr_values="${acrValues}"`] : []),
  ].join(", ");
}

/** Every {@link Reason}. */
export const REASONS = [
  "no_credentials",
  "bad_authorization_header",
  "token_not_valid",
  "token_expired",
  "token_wrong_type",
  "token_revoked",
  "token_reused",
  "session_expired",
  "user_not_found",
  "user_inactive",
  "password_changed",
  "invalid_credentials",
  "role_required",
  "reauthentication_required",
  "enrolment_required",
  "throttled",
  "vetoed",
  "username_taken",
  "password_too_weak",
  "last_sign_in_method",
] as const;

/** The exact reason of a refusal, in `extensions.reason`. Clients may depend on reasons, but not on messages. */
export type Reason = (typeof REASONS)[number];

/**
 * A refusal. The client gets the message, code and reason, so they must not contain a secret.
 *
 * An error that is not a GraphQLError is a bug. The client then gets INTERNAL_SERVER_ERROR and a fixed message.
 */
export class AuthError extends GraphQLError {
  readonly code: ErrorCode;
  /** A {@link Reason}, or a reason that a feature defines. */
  readonly reason: string | undefined;
  /** Whole seconds after which a retry can succeed. */
  readonly retryAfter: number | undefined;

  /** @param refusal the client gets its `extensions` unchanged */
  constructor(
    message: string,
    refusal: {
      code: ErrorCode;
      reason?: string;
      retryAfter?: number;
      extensions?: Readonly<Record<string, unknown>>;
      cause?: unknown;
    },
  ) {
    const { cause, extensions, ...fixed } = refusal;
    super(message, { extensions: { ...extensions, ...fixed } });
    this.name = new.target.name;
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.retryAfter = refusal.retryAfter;
    if (cause !== undefined) this.cause = cause;
  }
}

/** The request has no credential, or its credential was refused. */
export class Unauthenticated extends AuthError {
  constructor(message: string, reason: Reason) {
    super(message, { code: "UNAUTHENTICATED", reason });
  }
}

/**
 * A feature refused the operation, for example in a hook.
 * @example
 * throw new Vetoed("Logins are closed until 6 a.m.");
 */
export class Vetoed extends AuthError {
  /** @param message shown to the client, so it must not contain a secret */
  constructor(message: string, { code = "FORBIDDEN" }: { code?: ErrorCode } = {}) {
    super(message, { code, reason: "vetoed" });
  }
}

/**
 * The request must be changed, for example because an argument is missing, malformed or impossible. The message must
 * not contain the argument's value.
 */
export class BadUserInput extends AuthError {
  constructor(
    message: string,
    refusal: { reason?: Reason; extensions?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, { code: "BAD_USER_INPUT", ...refusal });
  }
}

/** A rate limit is reached. */
export class TooManyRequests extends AuthError {
  constructor(retryAfter: number) {
    super("Too many attempts. Try again later.", {
      code: "TOO_MANY_REQUESTS",
      reason: "throttled",
      retryAfter,
    });
  }
}

/** The server cannot answer now, for example because the database is unreachable. Clients should keep their tokens. */
export class ServiceUnavailable extends AuthError {
  constructor(
    retryAfter: number,
    cause?: unknown,
    message = "The service is not available right now. Try again shortly.",
  ) {
    super(message, { code: "SERVICE_UNAVAILABLE", retryAfter, cause });
  }
}

/** `auth.close()` was called. A retry may reach another instance. */
export class Closed extends ServiceUnavailable {
  constructor() {
    super(1, undefined, "The service is closed: `auth.close()` was called.");
  }
}

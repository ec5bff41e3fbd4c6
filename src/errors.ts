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
 * The value of `acr_values` that asks for a second factor.
 * @see OpenID Provider Authentication Policy Extension 1.0, 4
 */
const SECOND_FACTOR_ACR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

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

/** The accepted credentials, as a client sends them. */
const SERVED = "`Token <key>` or `Bearer <access token>`";

/** The request has no credential that the operation accepts. */
export class NoCredentials extends Unauthenticated {
  constructor(message = "Authentication credentials were not provided.") {
    super(message, "no_credentials");
  }
}

/** The `Authorization` header has another scheme than `Token` or `Bearer`. */
export class SchemeNotServed extends NoCredentials {
  constructor() {
    super(`The scheme of the Authorization header is not served. Send ${SERVED}.`);
  }
}

/** The `Authorization` header does not have exactly one well-formed credential. */
export class BadAuthorizationHeader extends Unauthenticated {
  constructor() {
    super(
      `The Authorization header must hold one credential: ${SERVED}.`,
      "bad_authorization_header",
    );
  }
}

/** The token is not valid, for example because it is malformed or forged, or because another server issued it. */
export class TokenNotValid extends Unauthenticated {
  constructor() {
    super("Token is not valid.", "token_not_valid");
  }
}

/** This instance does not know the signing key of the token. The client sees a {@link TokenNotValid}. */
export class UnknownKey extends TokenNotValid {}

/** The token was valid, but has expired. */
export class TokenExpired extends Unauthenticated {
  constructor() {
    super("Token is expired.", "token_expired");
  }
}

/**
 * The operation needs another type of token. For example, the client sent a refresh token instead of an access token.
 */
export class TokenWrongType extends Unauthenticated {
  constructor() {
    super("Token has the wrong type for this use.", "token_wrong_type");
  }
}

/** The token no longer works, for example because a logout or an administrator has ended its session. */
export class TokenRevoked extends Unauthenticated {
  constructor() {
    super("Token has been revoked. Log in again.", "token_revoked");
  }
}

/** A refresh or sliding token of the session was used again after it was replaced, so the session was ended. */
export class TokenReused extends Unauthenticated {
  constructor() {
    super("Refresh token was used twice, so its session was ended. Log in again.", "token_reused");
  }
}

/** The lifetime of the session is over. A refresh does not extend it. */
export class SessionExpired extends Unauthenticated {
  constructor() {
    super("Session is over. Log in again.", "session_expired");
  }
}

/** The user of the token was deleted. */
export class UserNotFound extends Unauthenticated {
  constructor() {
    super("User not found.", "user_not_found");
  }
}

/** The user of the token is deactivated. */
export class UserInactive extends Unauthenticated {
  constructor() {
    super("User is inactive.", "user_inactive");
  }
}

/** The session began before the user's password was changed or removed. */
export class PasswordChanged extends Unauthenticated {
  constructor() {
    super("The password was changed. Log in again.", "password_changed");
  }
}

/**
 * The login was refused, for example because the user is unknown, the password is wrong, or the account is inactive or
 * locked. The client cannot tell which.
 */
export class InvalidCredentials extends Unauthenticated {
  constructor() {
    super("Unable to log in with the provided credentials.", "invalid_credentials");
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

/** The user is signed in, but has a role that is too low. */
export class RoleRequired extends AuthError {
  constructor(role: string) {
    super(`This needs the role ${role}.`, { code: "FORBIDDEN", reason: "role_required" });
  }
}

/** The proof that a {@link ReauthenticationRequired} asks for. */
export interface RequiredProof {
  /** How old the proof may be, in seconds. If this is missing, the error has no `max_age`. */
  readonly maxAge?: number | undefined;
  /** Whether the proof must be a second factor. @default false: any proof is enough */
  readonly isSecondFactor?: boolean;
}

/**
 * The user is signed in, but must prove again who they are. For example, the last proof was 20 minutes ago, and the
 * limit is `15m`.
 *
 * If the proof must be recent, `extensions` contains `freshWithin`, such as `15m`, and `max_age`, the same time in
 * seconds. If the proof must be a second factor, `extensions` contains `acr_values`.
 * @see RFC 9470
 */
export class ReauthenticationRequired extends AuthError {
  /** @param freshWithin how recent the proof must be, such as `15m`; null if any proof in this session counts */
  constructor(freshWithin: string | null, { maxAge, isSecondFactor = false }: RequiredProof = {}) {
    const proof = isSecondFactor ? "second factor" : "proof of who you are";
    const advice = isSecondFactor ? "Give it again." : "Prove it again, such as by your password.";
    const within = freshWithin === null ? "" : ` within the last ${freshWithin}`;
    super(`This needs a ${proof}, given in this session${within}. ${advice}`, {
      code: "FORBIDDEN",
      reason: "reauthentication_required",
      extensions: {
        ...(freshWithin !== null && { freshWithin }),
        ...(maxAge !== undefined && { max_age: maxAge }),
        ...(isSecondFactor && { acr_values: SECOND_FACTOR_ACR }),
      },
    });
  }
}

/**
 * The user must have a second factor, but has none yet. Until the user has added one, only some fields are open, such
 * as `me`, `logoutAll` and those that add a factor.
 */
export class EnrolmentRequired extends AuthError {
  constructor() {
    super("Your account needs a second factor. Add one first.", {
      code: "FORBIDDEN",
      reason: "enrolment_required",
    });
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

/**
 * Another user has the user name, or a user name that looks like it. User names are public, so strangers may see this
 * error.
 */
export class UsernameTaken extends BadUserInput {
  constructor() {
    super("A user with this user name, or with one that looks like it, exists already.", {
      reason: "username_taken",
    });
  }
}

/**
 * Another user has the e-mail address. Addresses are private. A field that is open to everyone must not send this error
 * to the client.
 */
export class EmailTaken extends BadUserInput {
  constructor() {
    super("A user with this e-mail address exists already.");
  }
}

export const PASSWORD_PROBLEMS = [
  "too_short",
  "too_long",
  "too_common",
  "contains_username",
  "contains_email",
] as const;

/**
 * Why a new password is refused:
 * - `too_short`, `too_long`: the policy does not allow the length.
 * - `contains_username`: the password is easy to guess, and contains the user name.
 * - `contains_email`: the password is easy to guess, and contains the e-mail address or one side of its `@`.
 * - `too_common`: the password is easy to guess for another reason.
 */
export type PasswordProblem = (typeof PASSWORD_PROBLEMS)[number];

/** The new password is refused. `extensions.problems` lists the reasons. See {@link PasswordProblem}. */
export class PasswordTooWeak extends BadUserInput {
  constructor(
    message: string,
    readonly problems: readonly PasswordProblem[],
  ) {
    super(message, { reason: "password_too_weak", extensions: { problems } });
  }
}

/** No user has the id, user name or e-mail address in the arguments. */
export class NoSuchUser extends BadUserInput {
  constructor() {
    super("There is no such user.");
  }
}

/** A passkey or a linked account was not removed, because the user would have no other way to log in. */
export class LastSignInMethod extends AuthError {
  constructor() {
    super(
      "This is the only way to log in to the account. Add another way first, such as a password.",
      { code: "BAD_USER_INPUT", reason: "last_sign_in_method" },
    );
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

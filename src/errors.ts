import { GraphQLError } from "graphql";

/** The closed set of `extensions.code` values that Gatehouse itself answers with. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "BAD_USER_INPUT"
  | "TOO_MANY_REQUESTS"
  | "SERVICE_UNAVAILABLE"
  | "INTERNAL_SERVER_ERROR";

/** The finer word in `extensions.reason`: stable for clients, unlike messages. */
export type Reason =
  | "no_credentials"
  | "bad_authorization_header"
  | "token_not_valid"
  | "token_expired"
  | "token_wrong_type"
  | "token_revoked"
  | "token_reused"
  | "session_expired"
  | "user_not_found"
  | "user_inactive"
  | "password_changed"
  | "invalid_credentials"
  | "role_required"
  | "throttled"
  | "vetoed";

/**
 * The HTTP status of each code, used where the answer is not 200.
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes
 */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
  TOO_MANY_REQUESTS: 429,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
};

/**
 * A refusal: something the client is told in full, with a stable code and reason.
 * Anything else that is thrown is a bug, and reaches the client as INTERNAL_SERVER_ERROR.
 * Messages never hold a token, a password, a hash or an e-mail address.
 */
export class AuthError extends GraphQLError {
  readonly code: ErrorCode;
  readonly reason: Reason | undefined;
  /** Whole seconds after which a retry can succeed. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    refusal: { code: ErrorCode; reason?: Reason; retryAfter?: number; cause?: unknown },
  ) {
    const { cause, ...extensions } = refusal;
    super(message, { extensions });
    this.name = new.target.name;
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.retryAfter = refusal.retryAfter;
    if (cause !== undefined) this.cause = cause;
  }
}

/** Who is asking is not known: no credentials, or credentials that cannot be used. */
export class Unauthenticated extends AuthError {
  constructor(message: string, reason: Reason) {
    super(message, { code: "UNAUTHENTICATED", reason });
  }
}

/** The request carried no credentials, or a scheme that is not served. */
export class NoCredentials extends Unauthenticated {
  constructor() {
    super("Authentication credentials were not provided.", "no_credentials");
  }
}

/** The `Authorization` header does not hold exactly one well-formed credential. */
export class BadAuthorizationHeader extends Unauthenticated {
  constructor() {
    super(
      "The Authorization header must hold one credential: `Token <key>` or `Bearer <access token>`.",
      "bad_authorization_header",
    );
  }
}

/** The token is malformed, forged, or not one of ours. */
export class TokenNotValid extends Unauthenticated {
  constructor() {
    super("Token is not valid.", "token_not_valid");
  }
}

/** The token names a key that we do not have, or do not have yet. To the client it is any other bad token. */
export class UnknownKey extends TokenNotValid {}

/** The token was good, and its lifetime is over. */
export class TokenExpired extends Unauthenticated {
  constructor() {
    super("Token is expired.", "token_expired");
  }
}

/** A token of another kind than the place it was sent to takes, as far as its own header says. */
export class TokenWrongType extends Unauthenticated {
  constructor() {
    super("Token has the wrong type for this use.", "token_wrong_type");
  }
}

/** The token's session was ended by a logout or by an administrator. */
export class TokenRevoked extends Unauthenticated {
  constructor() {
    super("Token has been revoked. Log in again.", "token_revoked");
  }
}

/** A rotated refresh token came back, so its session was ended. */
export class TokenReused extends Unauthenticated {
  constructor() {
    super("Refresh token was used twice, so its session was ended. Log in again.", "token_reused");
  }
}

/** The session reached its absolute or idle limit. */
export class SessionExpired extends Unauthenticated {
  constructor() {
    super("Session is over. Log in again.", "session_expired");
  }
}

/** The token's user does not exist any more. */
export class UserNotFound extends Unauthenticated {
  constructor() {
    super("User not found.", "user_not_found");
  }
}

/** The token's user is deactivated. */
export class UserInactive extends Unauthenticated {
  constructor() {
    super("User is inactive.", "user_inactive");
  }
}

/** The password was changed after this session began. */
export class PasswordChanged extends Unauthenticated {
  constructor() {
    super("The password was changed. Log in again.", "password_changed");
  }
}

/** A login was refused; unknown, wrong and inactive are alike. */
export class InvalidCredentials extends Unauthenticated {
  constructor() {
    super("Unable to log in with the provided credentials.", "invalid_credentials");
  }
}

/** A feature of the application refused the operation, with a message of its own. */
export class Vetoed extends AuthError {
  constructor(message: string, { code = "FORBIDDEN" }: { code?: ErrorCode } = {}) {
    super(message, { code, reason: "vetoed" });
  }
}

/** The user is known, but the role is too low. */
export class RoleRequired extends AuthError {
  constructor(role: string) {
    super(`This needs the role ${role}.`, { code: "FORBIDDEN", reason: "role_required" });
  }
}

/** An argument is missing, malformed or too long. The message names it and never repeats its value. */
export class BadUserInput extends AuthError {
  constructor(message: string) {
    super(message, { code: "BAD_USER_INPUT" });
  }
}

/** The user that a call names does not exist, or no longer does. */
export class NoSuchUser extends BadUserInput {
  constructor() {
    super("There is no such user.");
  }
}

/** Tried too often. */
export class TooManyRequests extends AuthError {
  constructor(retryAfter: number) {
    super("Too many attempts. Try again later.", {
      code: "TOO_MANY_REQUESTS",
      reason: "throttled",
      retryAfter,
    });
  }
}

/** A part the request needs is away or overloaded; the credential may be good, so clients keep it. */
export class ServiceUnavailable extends AuthError {
  constructor(retryAfter: number, cause?: unknown) {
    super("The service is not available right now. Try again shortly.", {
      code: "SERVICE_UNAVAILABLE",
      retryAfter,
      cause,
    });
  }
}

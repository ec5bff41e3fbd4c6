/**
 * Why an operation failed: the reason in the server's response, or else the error code in lower case. `offline` and
 * `bad_answer` mean that no usable response arrived.
 */
export type FailureReason =
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
  /** The user must give the password again, for this field of the schema. */
  | "reauthentication_required"
  | "throttled"
  /** A feature of the server refused the operation. The message can be shown to the user. */
  | "vetoed"
  /** Another user has the user name, or one that looks like it. */
  | "username_taken"
  /** The new password is refused. {@link Failure.problems} say why. */
  | "password_too_weak"
  /** The password is right, but the user must open the link of the mail first. */
  | "email_not_verified"
  /** The link of a mail was used, was replaced by a newer one, or is malformed. Request a new mail. */
  | "mail_token_not_valid"
  | "mail_token_expired"
  | "bad_user_input"
  | "service_unavailable"
  | "internal_server_error"
  /** The server cannot run this request. The mistake is in the application, or in a proxy before the server. */
  | "bad_request"
  | "graphql_parse_failed"
  | "graphql_validation_failed"
  | "operation_resolution_failure"
  | "persisted_query_not_supported"
  /** No complete response arrived in time. */
  | "offline"
  /** The response is not usable, for example a proxy's error page or incomplete JSON. */
  | "bad_answer";

/** A failed operation, as {@link AuthState} reports it. */
export interface Failure {
  readonly reason: FailureReason;
  /**
   * In English, for developers. Only the message of `vetoed` is for users. For any other reason, show a text of your
   * own.
   */
  readonly message: string;
  /** Whole seconds after which a retry can succeed. Left out if unknown. */
  readonly retryAfter?: number;
  /** The problems of the password, if the reason is `password_too_weak`. The query `passwordPolicy` lists all of them. */
  readonly problems?: readonly string[];
  /** The longest time since the last password, such as `15m`, if the reason is `reauthentication_required`. */
  readonly freshWithin?: string;
}

/** The parts of a GraphQL error that this client reads. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export const NO_SESSION: Failure = { reason: "no_credentials", message: "There is no session." };

export const NO_TOKEN: Failure = { reason: "bad_answer", message: "The response has no token." };

/**
 * Returns the failure of an error in a GraphQL response. For requests that another library sends: the methods of an
 * auth client return a {@link Failure} themselves.
 */
export function toFailure({ message, extensions = {} }: GraphQLErrorLike): Failure {
  const { code, reason = code, retryAfter, problems, freshWithin } = extensions;
  return {
    reason: (typeof reason === "string" ? reason.toLowerCase() : "bad_answer") as FailureReason,
    message,
    ...(typeof retryAfter === "number" && { retryAfter }),
    ...(Array.isArray(problems) && { problems }),
    ...(typeof freshWithin === "string" && { freshWithin }),
  };
}

/**
 * Matches reasons such as `token_expired`: the server refused the token. Does not match `invalid_credentials`, which
 * means a wrong password, or `password_too_weak`, which means a weak new one.
 */
const REFUSAL = /^(token_|session_|user_|password_changed)/;

/** Returns the failure if the server refused the credential of the request, otherwise null. */
export function asRefusal(failure: Failure | null | undefined): Failure | null {
  return failure && REFUSAL.test(failure.reason) ? failure : null;
}

/**
 * Returns the failure of the first error that refuses the request's credential. Returns null if there is no such error.
 */
export function findRefusal(errors: readonly GraphQLErrorLike[]): Failure | null {
  const refused = errors.filter(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED");
  return refused.map(toFailure).find(asRefusal) ?? null;
}

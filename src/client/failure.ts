/**
 * Why an operation failed. Usually this is the reason or the error code in the server's response. `offline` and
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
  | "throttled"
  /**
   * A feature of the server, usually one that the application added, refused the operation and wrote the message. The
   * message can be shown to the user.
   */
  | "vetoed"
  /** Another user has the user name, or one that looks like it. */
  | "username_taken"
  /** The new password is refused. The error's `extensions.problems` say why. */
  | "password_too_weak"
  /** The lower-case codes of errors that have no `reason`. */
  | "bad_user_input"
  | "service_unavailable"
  | "internal_server_error"
  /** The server could not run the request: correct the program, or the proxy in between. */
  | "bad_request"
  | "graphql_parse_failed"
  | "graphql_validation_failed"
  | "operation_resolution_failure"
  | "persisted_query_not_supported"
  /** No complete response arrived in time. */
  | "offline"
  /** The response cannot be used, for example because it is a proxy's page or truncated JSON. */
  | "bad_answer";

/** A failed operation, as {@link AuthState} reports it. */
export interface Failure {
  readonly reason: FailureReason;
  /** In English, for developers. Choose the text for users by the reason. Only `vetoed` has a message for users. */
  readonly message: string;
  /** Whole seconds after which a retry can succeed. Left out if unknown. */
  readonly retryAfter?: number;
}

/** The parts of a GraphQL error that this client reads. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** The failure when a call needs a session, but the client has no session. */
export const NO_SESSION: Failure = { reason: "no_credentials", message: "There is no session." };

/** The failure when a login or a refresh succeeds but returns no token. The server is then not Gatehouse. */
export const NO_TOKEN: Failure = { reason: "bad_answer", message: "The response has no token." };

/** Converts a GraphQL error to a failure. */
export function toFailure({ message, extensions = {} }: GraphQLErrorLike): Failure {
  const { code, reason = code, retryAfter } = extensions;
  return {
    reason: (typeof reason === "string" ? reason.toLowerCase() : "bad_answer") as FailureReason,
    message,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}

/** Matches the reasons for refusing a token, but neither `no_credentials` nor `invalid_credentials`. */
const REFUSAL = /^(token|session|user|password)_/;

/** Returns the failure if it refuses the credential of the request, otherwise null. */
export function asRefusal(failure: Failure | null | undefined): Failure | null {
  return failure && REFUSAL.test(failure.reason) ? failure : null;
}

/** Returns the failure of the first error that refuses the request's credential, or null if no error refuses it. */
export function findRefusal(errors: readonly GraphQLErrorLike[]): Failure | null {
  const refused = errors.filter(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED");
  return refused.map(toFailure).find(asRefusal) ?? null;
}

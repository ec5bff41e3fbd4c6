/** Why something failed. The server's own words, and two for when it said nothing that can be used. */
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
  | "vetoed"
  /** An error without a reason is called by its code. */
  | "bad_user_input"
  | "service_unavailable"
  | "internal_server_error"
  /** No answer came, or not in time, or only a part of one. */
  | "offline"
  /** What came is no answer of GraphQL's: a proxy's page, half a JSON. */
  | "bad_answer";

/** What went wrong, as {@link AuthState} tells it. */
export interface Failure {
  readonly reason: FailureReason;
  /** For developers, in English. Write your own by the reason. */
  readonly message: string;
  /** Whole seconds after which a retry can succeed, where the server named them. */
  readonly retryAfter?: number;
}

/** An error of a GraphQL answer, as far as it is looked at. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** The failure that a GraphQL error stands for. */
export function toFailure({ message, extensions = {} }: GraphQLErrorLike): Failure {
  const { code, reason = code, retryAfter } = extensions;
  return {
    reason: (typeof reason === "string" ? reason.toLowerCase() : "bad_answer") as FailureReason,
    message,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}

/** What is said of a credential that cannot be used any more, as against one that is missing or a wrong password. */
const REFUSAL = /^(token|session|user|password)_/;

/** The failure, where it means that the credential which was sent is no good; or null. */
export function asRefusal(failure: Failure | null | undefined): Failure | null {
  return failure && REFUSAL.test(failure.reason) ? failure : null;
}

/** The first of an answer's errors that refuses the credential which was sent, or null. */
export function findRefusal(errors: readonly GraphQLErrorLike[]): Failure | null {
  const refused = errors.filter(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED");
  return refused.map(toFailure).find(asRefusal) ?? null;
}

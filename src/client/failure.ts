/** The reason why an operation failed. If the server's error has no reason, this is its error code in lower case. */
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
  /** The operation needs a more recent, or a stronger, proof of who the user is. */
  | "reauthentication_required"
  /** The user must have a second factor, but has none. Let the user add one: most other operations are refused. */
  | "enrolment_required"
  | "throttled"
  /** A feature of the server refused the operation. The user may see the message. */
  | "vetoed"
  /** Another user has the user name, or a user name that looks like it. */
  | "username_taken"
  /** The server refused the new password. {@link Failure.problems} lists the reasons. */
  | "password_too_weak"
  /** The user must first confirm the e-mail address, with the link in the mail. */
  | "email_not_verified"
  /** The link in the mail does not work, for example because it was already used. Request a new mail. */
  | "mail_token_not_valid"
  | "mail_token_expired"
  /** The code of a mail or of an authenticator app is refused, for example because it is wrong or was used before. */
  | "code_not_valid"
  /** The password or another first step was right. The login needs a second step, `completeLogin`. */
  | "second_factor_required"
  /** The second step cannot be answered any more, for example after too many wrong answers. Log in again. */
  | "challenge_not_valid"
  /** The second step took longer than five minutes. Log in again. */
  | "challenge_expired"
  /** The server refused the passkey. Start again. */
  | "passkey_not_valid"
  /** The browser returned no passkey, for example because the user closed its dialog. */
  | "passkey_aborted"
  /** The login at another provider, such as GitHub, failed. Start it again. */
  | "external_login_failed"
  /** The provider has no confirmed e-mail address of the user. */
  | "external_email_not_verified"
  /** The account at the provider is linked to another user. */
  | "external_account_taken"
  /** An account has the user's e-mail address already. Ask the user to log in to it, and then to link the provider. */
  | "account_exists"
  /** There is no account for this login, and new accounts cannot be created. */
  | "registration_closed"
  /** This is the user's only way to log in, so it cannot be removed. */
  | "last_sign_in_method"
  | "bad_user_input"
  | "service_unavailable"
  | "internal_server_error"
  /** The server cannot run this request. The application, or a proxy before the server, made a mistake. */
  | "bad_request"
  | "graphql_parse_failed"
  | "graphql_validation_failed"
  | "operation_resolution_failure"
  | "persisted_query_not_supported"
  /** No complete response arrived in time. */
  | "offline"
  /** The response is unusable, such as a proxy's error page or incomplete JSON. */
  | "bad_answer";

export interface Failure {
  readonly reason: FailureReason;
  /**
   * An English text for developers. Only the message of `vetoed` is for users. For other reasons, show your own text.
   */
  readonly message: string;
  /** Whole seconds after which a retry can succeed. Missing if unknown. */
  readonly retryAfter?: number;
  /**
   * The problems of the password, if the reason is `password_too_weak`. The query `passwordPolicy` lists all possible
   * problems.
   */
  readonly problems?: readonly string[];
  /** How recently the user must have proved who they are, such as `15m`. Missing if the time does not matter. */
  readonly freshWithin?: string;
  /** The value `acr_values` of the error. Present only if a second factor is needed. @see RFC 9470 */
  readonly acrValues?: string;
  /** The login that waits for a second step. Still set after a failure, until the challenge itself is refused. */
  readonly challenge?: Challenge;
}

/** A login that was right so far, and needs a second step. */
export interface Challenge {
  readonly token: string;
  /** The factors that the user can answer with: `totp`, `recoveryCode`, `passkey`. */
  readonly factors: readonly string[];
  /** When the challenge expires: an ISO 8601 instant of the server's clock. */
  readonly expiresAt: string;
}

/** The parts of a GraphQL error that this client reads. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export const NO_SESSION: Failure = { reason: "no_credentials", message: "There is no session." };

export const NO_TOKEN: Failure = { reason: "bad_answer", message: "The response has no token." };

/**
 * Converts an error of a GraphQL response to a {@link Failure}. Needed only for requests that another library sends,
 * because the methods of an auth client already return a failure.
 */
export function toFailure({ message, extensions = {} }: GraphQLErrorLike): Failure {
  const { code, reason = code, retryAfter, problems, freshWithin, challenge } = extensions;
  const { acr_values: acrValues } = extensions;
  return {
    reason: (typeof reason === "string" ? reason.toLowerCase() : "bad_answer") as FailureReason,
    message,
    ...(typeof retryAfter === "number" && { retryAfter }),
    ...(Array.isArray(problems) && { problems }),
    ...(typeof freshWithin === "string" && { freshWithin }),
    ...(typeof acrValues === "string" && { acrValues }),
    ...(isChallenge(challenge) && { challenge }),
  };
}

function isChallenge(value: unknown): value is Challenge {
  return Array.isArray((value as Partial<Challenge> | null | undefined)?.factors);
}

/**
 * Matches the reasons why a server refuses a credential, such as `token_expired`. Does not match `invalid_credentials`,
 * which can mean a wrong password.
 */
const REFUSAL = /^(token_|session_|user_|password_changed)/;

/** Returns the failure if it means that the server refused the credential, otherwise null. */
export function asRefusal(failure: Failure | null | undefined): Failure | null {
  return failure && REFUSAL.test(failure.reason) ? failure : null;
}

/** Returns the failure of the first error which says that the server refused the credential, or null. */
export function findRefusal(errors: readonly GraphQLErrorLike[]): Failure | null {
  const refused = errors.filter(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED");
  return refused.map(toFailure).find(asRefusal) ?? null;
}

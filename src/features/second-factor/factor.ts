import type { AuthContext } from "../../authentication/context.js";
import type { Client } from "../../events.js";
import type { AuthMethod } from "../../sessions/methods.js";
import type { RunStatement } from "../../sql.js";

/** The name of a factor in `challenge.factors`. The argument of `completeLogin` for this factor has the same name. */
export type FactorName = "totp" | "recoveryCode" | "passkey";

/** A kind of second factor, such as the codes of an authenticator app. {@link SecondFactors.register} adds it. */
export interface Factor {
  readonly name: FactorName;
  /**
   * Whether the factor only replaces another one, like recovery codes. A user who has only such a factor logs in
   * without a second step. @default false
   */
  readonly isBackup?: boolean;
  /**
   * An SQL condition without parameters: whether the user `u.id` has this factor. Logins evaluate it. Example:
   * `EXISTS (SELECT 1 FROM totp WHERE totp.user_id = u.id)`
   */
  readonly isEnrolled: string;
  /**
   * Login methods, such as `hwk`. If the first step used one of them, this factor proves nothing new, so it cannot be
   * the second step.
   * @default none
   */
  readonly excludedBy?: readonly AuthMethod[];
  /**
   * Checks the form of an answer, before the try is counted.
   * @param answer the argument of the mutation. It comes from the client, and can have any type
   * @throws {@link BadUserInput}
   */
  requireWellFormed(answer: unknown): void;
  /**
   * Checks an answer, and uses it up: two calls with the same answer must not both accept it. The caller limits the
   * number of wrong answers, and counts them toward the lock of the account.
   * @returns the methods that the answer proves, such as `["otp"]`, without `mfa`; null for a wrong answer. A thrown
   * {@link AuthError} also counts as a wrong answer
   */
  verify(userId: string, answer: unknown, client: Client): Promise<readonly AuthMethod[] | null>;
  /**
   * Removes the factor from a user. Called when an administrator or a command removes all factors of the user. If the
   * factor is also a way to log in, like a passkey, it must stay if the user has no other way to log in.
   * @param run runs a statement of the transaction
   * @returns whether a factor was removed
   */
  remove(run: RunStatement, userId: string): Promise<boolean>;
}

/** Returns whether a factor proves more than a first step with the methods `first`. */
export function provesMore({ excludedBy = [] }: Factor, first: readonly AuthMethod[]): boolean {
  return !excludedBy.some((method) => first.includes(method));
}

/** An answer that proves a second factor. Exactly one property has a value: the one that is named after the factor. */
export type Answer = Readonly<Partial<Record<FactorName, unknown>>>;

/** A well-formed answer, with the factor that checks it. */
export interface ReadAnswer {
  readonly factor: Factor;
  readonly value: unknown;
}

/** The second factors of all users, for other features. */
export interface SecondFactors {
  /** Adds a factor. Call this in the `create` of the feature. Otherwise the first logins do not ask for the factor. */
  register(factor: Factor): void;
  /** Returns whether a user has a second factor, not counting recovery codes. */
  isEnrolled(userId: string): Promise<boolean>;
  /**
   * Requires that the user proved a second factor in this session within the last 15 minutes. Does nothing for a user
   * without a second factor. Call this before you change or remove a factor.
   * @throws {@link ReauthenticationRequired} The client then calls `reauthenticate`, and tries again
   * @throws {@link BadUserInput} for a static token, and for an administrator who acts as the user
   */
  requireProof(context: AuthContext): Promise<void>;
  /**
   * Stores a factor of the caller. Checks {@link SecondFactors.requireProof} first. A user without recovery codes, such
   * as a user with no other factor, gets codes. The user's other sign-ins then end, so that no thief stays signed in.
   * The GraphQL field that calls this needs `@auth(freshWithin: "15m")` and `OPEN_TO_ENROLMENT`.
   * @param store stores the factor in the transaction, and returns how the user has just proved it, such as `["otp"]`
   * @returns the recovery codes, which are never shown again; null if the user has codes already
   * @throws {@link TokenRevoked} when the session has ended since the request began. Nothing is then stored
   */
  enrol(
    context: AuthContext,
    name: FactorName,
    store: (run: RunStatement) => Promise<readonly AuthMethod[]>,
  ): Promise<readonly string[] | null>;
  /**
   * Removes one factor of the caller. If it was the last factor, also removes the recovery codes. Checks
   * {@link SecondFactors.requireProof} first.
   * @param remove removes the factor in the transaction
   * @returns what `remove` returns: whether there was such a factor
   * @throws {@link TokenRevoked} when the session has ended since the request began. Nothing is then removed
   */
  withdraw(
    context: AuthContext,
    name: FactorName,
    remove: (run: RunStatement) => Promise<boolean>,
  ): Promise<boolean>;
  /**
   * Checks an answer of a signed-in user, with the same rate limits and lock as the second step of a login.
   * @returns in `methods`, the login methods to add to the session, such as `otp`. They include `mfa` if the factor
   * proves more than the session's methods
   * @throws {@link CodeNotValid} or the error of the factor for a wrong answer, and for a locked account
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link BadUserInput} when the answer is malformed, or does not have exactly one factor
   */
  requireAnswer(
    user: { readonly id: string; readonly session: { readonly methods: readonly AuthMethod[] } },
    answer: Answer,
    client: Client,
  ): Promise<{ readonly methods: readonly AuthMethod[]; readonly credentialsVersion: number }>;
  /**
   * Removes all factors and recovery codes of a user, for administrators. Keeps a factor that is the user's only way to
   * log in. If no factor is removed, also keeps the recovery codes.
   * @returns whether a factor was removed
   */
  removeAll(userId: string, client: Client): Promise<boolean>;
}

/** The logins that wait for their second step, for other features. */
export interface LoginChallenges {
  /**
   * Returns the id of the user who logs in. A call does not count as a try. Only a client that completed the first step
   * has the token, so a feature may tell this client what the second step needs.
   * @throws {@link ChallengeNotValid}, {@link ChallengeExpired}
   */
  findUser(token: string): Promise<string>;
}

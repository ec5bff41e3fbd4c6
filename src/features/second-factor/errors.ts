import { AuthError } from "../../errors.js";
import type { FactorName } from "./factor.js";

/** The data that a client needs for the second step of a login. */
export interface Challenge {
  /** The argument `challenge` of `completeLogin`. Only the error {@link SecondFactorRequired} contains it. */
  readonly token: string;
  /** The factors that the user can answer with. */
  readonly factors: readonly FactorName[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** The first step of a login was right, and the user has a second factor. */
export class SecondFactorRequired extends AuthError {
  constructor({ token, factors, expiresAt }: Challenge) {
    super("This account needs a second step to log in. Answer the challenge with completeLogin.", {
      code: "UNAUTHENTICATED",
      reason: "second_factor_required",
      extensions: {
        challenge: { token, factors, expiresAt: new Date(expiresAt).toISOString() },
      },
    });
  }
}

/**
 * The challenge cannot be answered. For example, it is unknown, was already used, or got too many wrong answers, or the
 * password has changed since the first step.
 */
export class ChallengeNotValid extends AuthError {
  constructor() {
    super("This login cannot be completed any more. Log in again.", {
      code: "UNAUTHENTICATED",
      reason: "challenge_not_valid",
    });
  }
}

export class ChallengeExpired extends AuthError {
  constructor() {
    super("This login took too long. Log in again.", {
      code: "UNAUTHENTICATED",
      reason: "challenge_expired",
    });
  }
}

/** The code is refused, for example because it is wrong or was used before, or because the account is locked. */
export class CodeNotValid extends AuthError {
  constructor() {
    super("This code is not valid. Wait for the next one, and try again.", {
      code: "UNAUTHENTICATED",
      reason: "code_not_valid",
    });
  }
}

import type { AuthClient } from "./auth-client.js";
import { cancelLogin, completeLogin, type SecondFactorAnswer } from "./challenge.js";
import type {
  BeginTotpMutation,
  ConfirmTotpMutation,
  DisableTotpMutation,
  RegenerateRecoveryCodesMutation,
  SecondFactorQuery,
} from "./operations.generated.js";
import { executeSignedIn, type Result } from "./result.js";
import {
  BEGIN_TOTP,
  CONFIRM_TOTP,
  DISABLE_TOTP,
  REGENERATE_RECOVERY_CODES,
  SECOND_FACTOR,
} from "./second-factor-operations.js";
import type { AuthState } from "./state.js";

export type SecondFactorState = SecondFactorQuery["secondFactor"];
export type NewTotp = BeginTotpMutation["beginTotp"];

/** Completes logins that need a second step, and manages the signed-in user's second factors. No method rejects. */
export interface SecondFactorClient {
  /**
   * Completes the login whose challenge is in the state, as `error.challenge`. After a refusal, the `error` in the
   * state says why, as after `login`. It keeps the challenge until the server refuses the challenge itself.
   */
  readonly completeLogin: (answer: SecondFactorAnswer) => Promise<AuthState>;
  /** Drops the challenge in the state, for a user who wants to log in another way. Sends nothing. */
  readonly cancelLogin: () => void;
  /** Returns the second factors of the user. */
  readonly state: () => Promise<Result<SecondFactorState>>;
  /**
   * Creates a secret for an authenticator app. Needs a recent login or `reauthenticate`, with a second factor if the
   * user has one.
   */
  readonly beginTotp: () => Promise<Result<NewTotp>>;
  /**
   * Adds the authenticator app that got the secret of {@link SecondFactorClient.beginTotp}.
   * @param code the code that the app shows
   * @returns `recoveryCodes`, which cannot be read again; null if the user has codes already
   */
  readonly confirmTotp: (code: string) => Promise<Result<ConfirmTotpMutation["confirmTotp"]>>;
  /** Removes the authenticator app. Needs a recent second factor. */
  readonly disableTotp: () => Promise<Result<DisableTotpMutation["disableTotp"]>>;
  /** Replaces the recovery codes. Needs a recent second factor. */
  readonly regenerateRecoveryCodes: () => Promise<
    Result<RegenerateRecoveryCodesMutation["regenerateRecoveryCodes"]>
  >;
}

/** Creates a client for second factors. Sends no request. */
export function createSecondFactor(auth: AuthClient): SecondFactorClient {
  return {
    completeLogin: (answer) => completeLogin(auth, answer),
    cancelLogin() {
      cancelLogin(auth);
    },
    state: () => executeSignedIn<SecondFactorQuery>(auth, { query: SECOND_FACTOR }),
    beginTotp: () => executeSignedIn<BeginTotpMutation>(auth, { query: BEGIN_TOTP }),
    confirmTotp: (code) =>
      executeSignedIn<ConfirmTotpMutation>(auth, { query: CONFIRM_TOTP, variables: { code } }),
    disableTotp: () => executeSignedIn<DisableTotpMutation>(auth, { query: DISABLE_TOTP }),
    regenerateRecoveryCodes: () =>
      executeSignedIn<RegenerateRecoveryCodesMutation>(auth, { query: REGENERATE_RECOVERY_CODES }),
  };
}

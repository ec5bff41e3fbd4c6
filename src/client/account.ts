import {
  CHANGE_EMAIL,
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  CREATE_TOKEN,
  DELETE_ACCOUNT,
  PASSWORD_POLICY,
  REAUTHENTICATE,
  REGISTER,
  REQUEST_PASSWORD_RESET,
  RESEND_VERIFICATION,
  RESET_PASSWORD,
  VERIFY_EMAIL,
} from "./account-operations.js";
import type { AuthClient } from "./auth-client.js";
import type { User } from "./credentials.js";
import type {
  ChangeEmailMutation,
  ChangePasswordMutation,
  ConfirmEmailChangeMutation,
  CreateTokenMutation,
  CreateTokenMutationVariables,
  DeleteAccountMutation,
  PasswordPolicyQuery,
  ReauthenticateByFactorMutation,
  ReauthenticateMutation,
  RegisterMutation,
  RegisterMutationVariables,
  RequestPasswordResetMutation,
  ResendVerificationMutation,
  ResetPasswordMutation,
  VerifyEmailMutation,
} from "./operations.generated.js";
import type { SecondFactorAnswer } from "./challenge.js";
import { executePublic, executeSignedIn, type Payload, type Result, toResult } from "./result.js";
import { REAUTHENTICATE_BY_FACTOR } from "./second-factor-operations.js";

export {
  type CompletedExternalLogin,
  createExternalLogins,
  type ExternalLogins,
  type LinkedAccount,
} from "./external-logins.js";
export { createImpersonation, type Impersonation } from "./impersonation.js";
export { createLoginCodes, type LoginCodes, type PendingLoginCode } from "./login-codes.js";
export type { SecondFactorAnswer } from "./challenge.js";
export { type AddedPasskey, createPasskeys, type Passkey, type Passkeys } from "./passkeys.js";
export type { Result } from "./result.js";
export {
  createSecondFactor,
  type NewTotp,
  type SecondFactorClient,
  type SecondFactorState,
} from "./second-factor.js";
export { type AskForProof, createStepUp, type StepUp } from "./step-up.js";

export type PasswordPolicy = PasswordPolicyQuery["passwordPolicy"];

export interface Registration {
  readonly message: string;
  /** The user, who is now signed in. Null if the user must first open the link in the mail. */
  readonly user: User | null;
}

export type CreatedToken = CreateTokenMutation["createToken"];

/**
 * Lets users sign up, recover their passwords and change their accounts. The methods need no `this`. They never reject:
 * a failure is in the result. A failure changes the state of the auth client only if the tokens could not be renewed.
 * If the server lacks a field, for example because a feature is off, the reason is `graphql_validation_failed`.
 */
export interface AccountClient {
  /** Returns the rules for new passwords, so that a form can check a password. */
  readonly passwordPolicy: () => Promise<Result<PasswordPolicy>>;
  /** Creates an account. If the server also opens a session, the user is signed in. */
  readonly register: (
    account: Omit<RegisterMutationVariables, "scheme">,
  ) => Promise<Result<Registration>>;
  /** Confirms an e-mail address with the token of a mail. Does not sign the user in. */
  readonly verifyEmail: (token: string) => Promise<Result<VerifyEmailMutation["verifyEmail"]>>;
  readonly resendVerification: (
    email: string,
  ) => Promise<Result<ResendVerificationMutation["resendVerification"]>>;
  /** Sends a mail with a link to set a new password. The result does not tell whether the address has an account. */
  readonly requestPasswordReset: (
    email: string,
  ) => Promise<Result<RequestPasswordResetMutation["requestPasswordReset"]>>;
  /** Sets a new password with the token of a mail, and ends all sessions of the user. */
  readonly resetPassword: (
    token: string,
    newPassword: string,
  ) => Promise<Result<ResetPasswordMutation["resetPassword"]>>;
  /** Sets a new password, and ends all other sessions of the user. */
  readonly changePassword: (
    currentPassword: string,
    newPassword: string,
  ) => Promise<Result<ChangePasswordMutation["changePassword"]>>;
  /**
   * Checks the user's password, or a second factor. Call this after a failure with the reason
   * `reauthentication_required`.
   */
  readonly reauthenticate: (
    proof: string | SecondFactorAnswer,
  ) => Promise<Result<ReauthenticateMutation["reauthenticate"]>>;
  /**
   * Sends a link to the new address. The address changes when the user opens the link. Needs a recent login, or
   * `reauthenticate`.
   */
  readonly changeEmail: (newEmail: string) => Promise<Result<ChangeEmailMutation["changeEmail"]>>;
  /** Changes the e-mail address with the token of a mail. Works without a signed-in user. */
  readonly confirmEmailChange: (
    token: string,
  ) => Promise<Result<ConfirmEmailChangeMutation["confirmEmailChange"]>>;
  /** Deletes the user's account, and signs the user out. Needs a recent login, or `reauthenticate`. */
  readonly deleteAccount: () => Promise<Result<DeleteAccountMutation["deleteAccount"]>>;
  /**
   * Creates a named static token for a script. Needs a recent login, or `reauthenticate`.
   * @param token if `expiresInDays` is missing, the lifetime is the server's setting `staticTokenLifetime`
   */
  readonly createToken: (token: {
    readonly label: string;
    readonly expiresInDays?: CreateTokenMutationVariables["expiresInDays"];
  }) => Promise<Result<CreatedToken>>;
}

/** Creates an {@link AccountClient}. Sends no request. */
export function createAccountClient(auth: AuthClient): AccountClient {
  const { signIn } = auth.internals;

  function send<Data extends object>(
    query: string,
    variables: object = {},
  ): Promise<Result<Payload<Data>>> {
    return executePublic<Data>(auth, { query, variables });
  }

  function sendSignedIn<Data extends object>(
    query: string,
    variables: object = {},
  ): Promise<Result<Payload<Data>>> {
    return executeSignedIn<Data>(auth, { query, variables });
  }

  return {
    passwordPolicy: () => send<PasswordPolicyQuery>(PASSWORD_POLICY),
    async register(variables) {
      const operation = { query: REGISTER, variables };
      const { data, error } = toResult(await signIn<RegisterMutation>(operation));
      if (error) return { data: null, error };
      return { data: { message: data.message, user: data.auth?.user ?? null }, error: null };
    },
    verifyEmail: (token) => send<VerifyEmailMutation>(VERIFY_EMAIL, { token }),
    resendVerification: (email) => send<ResendVerificationMutation>(RESEND_VERIFICATION, { email }),
    requestPasswordReset: (email) =>
      send<RequestPasswordResetMutation>(REQUEST_PASSWORD_RESET, { email }),
    resetPassword: (token, newPassword) =>
      send<ResetPasswordMutation>(RESET_PASSWORD, { token, newPassword }),
    changePassword: (currentPassword, newPassword) =>
      sendSignedIn<ChangePasswordMutation>(CHANGE_PASSWORD, { currentPassword, newPassword }),
    reauthenticate: (proof) =>
      typeof proof === "string"
        ? sendSignedIn<ReauthenticateMutation>(REAUTHENTICATE, { password: proof })
        : sendSignedIn<ReauthenticateByFactorMutation>(REAUTHENTICATE_BY_FACTOR, proof),
    changeEmail: (newEmail) => sendSignedIn<ChangeEmailMutation>(CHANGE_EMAIL, { newEmail }),
    confirmEmailChange: (token) =>
      send<ConfirmEmailChangeMutation>(CONFIRM_EMAIL_CHANGE, { token }),
    async deleteAccount() {
      const { user } = auth.getSession();
      const result = await sendSignedIn<DeleteAccountMutation>(DELETE_ACCOUNT);
      // The session ended with the account, so the server refuses this logout. The server still removes the cookie.
      if (result.data && auth.getSession().user?.id === user?.id) await auth.logout();
      return result;
    },
    createToken: (token) => sendSignedIn<CreateTokenMutation>(CREATE_TOKEN, token),
  };
}

import { GRANT } from "./operations.js";

// Each operation is on one line, to keep the bundle small.

// prettier-ignore
export const PASSWORD_POLICY = /* GraphQL */ `query PasswordPolicy { passwordPolicy { minLength maxLength problems } }`;

// prettier-ignore
export const REGISTER = /* GraphQL */ `mutation Register($username: String!, $email: String!, $password: String!, $scheme: AuthScheme!) { register(username: $username, email: $email, password: $password, scheme: $scheme) { message auth { ...Grant } } }${GRANT}`;

// prettier-ignore
export const VERIFY_EMAIL = /* GraphQL */ `mutation VerifyEmail($token: String!) { verifyEmail(token: $token) { message } }`;

// prettier-ignore
export const RESEND_VERIFICATION = /* GraphQL */ `mutation ResendVerification($email: String!) { resendVerification(email: $email) { message } }`;

// prettier-ignore
export const REQUEST_PASSWORD_RESET = /* GraphQL */ `mutation RequestPasswordReset($email: String!) { requestPasswordReset(email: $email) { message } }`;

// prettier-ignore
export const RESET_PASSWORD = /* GraphQL */ `mutation ResetPassword($token: String!, $newPassword: String!) { resetPassword(token: $token, newPassword: $newPassword) { message sessionsEnded } }`;

// prettier-ignore
export const CHANGE_PASSWORD = /* GraphQL */ `mutation ChangePassword($currentPassword: String!, $newPassword: String!) { changePassword(currentPassword: $currentPassword, newPassword: $newPassword) { message sessionsEnded } }`;

// prettier-ignore
export const REAUTHENTICATE = /* GraphQL */ `mutation Reauthenticate($password: String!) { reauthenticate(password: $password) { message authenticatedAt } }`;

// prettier-ignore
export const CHANGE_EMAIL = /* GraphQL */ `mutation ChangeEmail($newEmail: String!) { changeEmail(newEmail: $newEmail) { message } }`;

// prettier-ignore
export const CONFIRM_EMAIL_CHANGE = /* GraphQL */ `mutation ConfirmEmailChange($token: String!) { confirmEmailChange(token: $token) { message } }`;

// prettier-ignore
export const DELETE_ACCOUNT = /* GraphQL */ `mutation DeleteAccount { deleteAccount { message } }`;

// prettier-ignore
export const CREATE_TOKEN = /* GraphQL */ `mutation CreateToken($label: String!, $expiresInDays: Int) { createToken(label: $label, expiresInDays: $expiresInDays) { token tokenType expiresAt session { id label } } }`;

// prettier-ignore
export const IMPERSONATE = /* GraphQL */ `mutation Impersonate($userId: ID!, $reason: String!) { impersonate(userId: $userId, reason: $reason) { ...Grant } }${GRANT}`;

import { GRANT } from "./operations.js";

// Each operation is on one line, to keep the bundle small.

// prettier-ignore
export const COMPLETE_LOGIN = /* GraphQL */ `mutation CompleteLogin($challenge: String!, $totp: String, $recoveryCode: String, $passkey: JSON, $scheme: AuthScheme!) { completeLogin(challenge: $challenge, totp: $totp, recoveryCode: $recoveryCode, passkey: $passkey, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const REAUTHENTICATE_BY_FACTOR = /* GraphQL */ `mutation ReauthenticateByFactor($totp: String, $recoveryCode: String, $passkey: JSON) { reauthenticate(totp: $totp, recoveryCode: $recoveryCode, passkey: $passkey) { message authenticatedAt } }`;

// prettier-ignore
export const SECOND_FACTOR = /* GraphQL */ `query SecondFactor { secondFactor { factors recoveryCodesLeft isRequired } }`;

// prettier-ignore
export const BEGIN_TOTP = /* GraphQL */ `mutation BeginTotp { beginTotp { secret uri qr expiresAt } }`;

// prettier-ignore
export const CONFIRM_TOTP = /* GraphQL */ `mutation ConfirmTotp($code: String!) { confirmTotp(code: $code) { message recoveryCodes } }`;

// prettier-ignore
export const DISABLE_TOTP = /* GraphQL */ `mutation DisableTotp { disableTotp { message } }`;

// prettier-ignore
export const REGENERATE_RECOVERY_CODES = /* GraphQL */ `mutation RegenerateRecoveryCodes { regenerateRecoveryCodes { message recoveryCodes } }`;

import { GRANT } from "./operations.js";

// Each operation is on one line, to keep the bundle small.

// prettier-ignore
export const BEGIN_PASSKEY_LOGIN = /* GraphQL */ `mutation BeginPasskeyLogin($challenge: String) { beginPasskeyLogin(challenge: $challenge) { options } }`;

// prettier-ignore
export const PASSKEY_LOGIN = /* GraphQL */ `mutation PasskeyLogin($response: JSON!, $scheme: AuthScheme!) { passkeyLogin(response: $response, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const BEGIN_PASSKEY_REGISTRATION = /* GraphQL */ `mutation BeginPasskeyRegistration { beginPasskeyRegistration { options } }`;

// prettier-ignore
export const ADD_PASSKEY = /* GraphQL */ `mutation AddPasskey($label: String!, $response: JSON!) { addPasskey(label: $label, response: $response) { message recoveryCodes passkey { id label } } }`;

// prettier-ignore
export const PASSKEYS = /* GraphQL */ `query Passkeys { passkeys { id label createdAt lastUsedAt isSynced } }`;

// prettier-ignore
export const RENAME_PASSKEY = /* GraphQL */ `mutation RenamePasskey($id: ID!, $label: String!) { renamePasskey(id: $id, label: $label) { message } }`;

// prettier-ignore
export const REMOVE_PASSKEY = /* GraphQL */ `mutation RemovePasskey($id: ID!) { removePasskey(id: $id) { message passkey { rpId userHandle } acceptedCredentialIds } }`;

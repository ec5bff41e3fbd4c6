import { GRANT } from "./operations.js";

// Each operation is on one line, to keep the bundle small.

// prettier-ignore
export const REQUEST_LOGIN_CODE = /* GraphQL */ `mutation RequestLoginCode($email: String!, $proof: String) { requestLoginCode(email: $email, proof: $proof) { message proof expiresAt } }`;

// prettier-ignore
export const LOGIN_WITH_CODE = /* GraphQL */ `mutation LoginWithCode($email: String!, $code: String!, $proof: String, $scheme: AuthScheme!) { loginWithCode(email: $email, code: $code, proof: $proof, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const EXTERNAL_PROVIDERS = /* GraphQL */ `query ExternalProviders { externalProviders }`;

// prettier-ignore
export const BEGIN_EXTERNAL_LOGIN = /* GraphQL */ `mutation BeginExternalLogin($provider: String!, $redirectTo: String!) { beginExternalLogin(provider: $provider, redirectTo: $redirectTo) { url proof } }`;

// prettier-ignore
export const COMPLETE_EXTERNAL_LOGIN = /* GraphQL */ `mutation CompleteExternalLogin($code: String!, $state: String!, $proof: String!, $iss: String, $scheme: AuthScheme!) { completeExternalLogin(code: $code, state: $state, proof: $proof, iss: $iss, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const LINKED_ACCOUNTS = /* GraphQL */ `query LinkedAccounts { linkedAccounts { id provider name linkedAt lastUsedAt } }`;

// prettier-ignore
export const UNLINK_ACCOUNT = /* GraphQL */ `mutation UnlinkAccount($id: ID!) { unlinkAccount(id: $id) { message } }`;

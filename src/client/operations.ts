// Each operation is on one line, to keep the bundle small.

/** The fields that the client reads after every login and refresh. */
// prettier-ignore
export const GRANT = /* GraphQL */ `fragment Grant on AuthPayload { tokenType token access refresh session { id } user { id username email profile { role } } }`;

// prettier-ignore
export const LOGIN = /* GraphQL */ `mutation Login($username: String!, $password: String!, $scheme: AuthScheme!) { login(username: $username, password: $password, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const EMAIL_LOGIN = /* GraphQL */ `mutation EmailLogin($email: String!, $password: String!, $scheme: AuthScheme!) { emailLogin(email: $email, password: $password, scheme: $scheme) { ...Grant } }${GRANT}`;

// prettier-ignore
export const REFRESH = /* GraphQL */ `mutation Refresh($refresh: String!) { refreshToken(refresh: $refresh) { ...Grant } }${GRANT}`;

// prettier-ignore
export const LOGOUT = /* GraphQL */ `mutation Logout($refresh: String) { logout(refresh: $refresh) { message } }`;

// prettier-ignore
export const LOGOUT_ALL = /* GraphQL */ `mutation LogoutAll { logoutAll { message } }`;

import type { Login } from "../accounts/accounts.js";
import type { UserRef } from "../accounts/user-ref.js";
import type { AuthScheme, Client } from "../events.js";
import type { Issued } from "./token-issuer.js";
import type { Verification } from "./token-verifier.js";

/**
 * The operations behind the GraphQL API, for an application's own resolvers, routes and scripts.
 *
 * Pass `context.client` as `client`. Rate limits use the client's IP address, and the audit trail records the client. A
 * call without a client has no rate limit by address. All clients whose `ipAddress` is null share one rate limit.
 */
export interface Authentication {
  /**
   * Logs a user in by password, and opens a session.
   * @param scheme @default "JWT"
   * @throws {@link InvalidCredentials} for an unknown user, a wrong password, or an inactive or locked account
   * @throws {@link AuthError} with the reason `second_factor_required` when the login needs a second step
   * @throws {@link ServiceUnavailable} when the server is overloaded, or when a hook or the option `claims` takes too
   * long
   * @throws {@link BadUserInput} when an argument is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link Vetoed} or another {@link AuthError} when a feature refuses the login
   * @example
   * const login = { email: "ada@example.com" };
   * const { access, refresh } = await auth.authentication.login(login, password, "JWT", context.client);
   */
  login(login: Login, password: string, scheme?: AuthScheme, client?: Client): Promise<Issued>;

  /**
   * Exchanges a refresh token for a new access token and refresh token, or a sliding token for a new sliding token.
   * @throws {@link Unauthenticated} when the token is refused. The error's `reason` says why
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link Vetoed} when a feature refuses the refresh
   * @throws {@link ServiceUnavailable} when the server is overloaded, or when a hook or the option `claims` takes too
   * long
   * @example
   * const { access, refresh } = await auth.authentication.refresh(token, context.client);
   */
  refresh(token: string, client?: Client): Promise<Issued>;

  /**
   * Verifies a token of any kind, and returns its user, session and expiry. Returns null if the token cannot be used,
   * also if its user must first add a second factor.
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @example
   * const verification = await auth.authentication.verifyToken(token, context.client);
   * if (verification?.tokenType === "Bearer") console.log(verification.principal.username);
   */
  verifyToken(token: string, client?: Client): Promise<Verification | null>;

  /**
   * Ends the session of a token of any kind. The token may have expired.
   * @returns false if the session does not exist or was already over
   * @throws {@link TokenNotValid} when the token is malformed or forged, or its signing key is unknown or revoked
   * @throws {@link TokenWrongType} when the token is a JWT of a kind that Gatehouse does not issue
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @see RFC 7009 2
   * @example
   * await auth.authentication.logout(token, context.client);
   */
  logout(token: string, client?: Client): Promise<boolean>;

  /**
   * Creates a static token for a user, without a password check. Only this result contains the `token`, because
   * Gatehouse stores only a hash.
   * @param label the name of the token in the user's list of sessions: 1 to 100 characters. @default null: no name
   * @throws {@link NoSuchUser} when the user does not exist
   * @throws {@link BadUserInput} when the user is inactive, or the label is malformed
   * @example
   * const { token } = await auth.authentication.createStaticToken(user, "backup script");
   */
  createStaticToken(user: UserRef, label?: string | null): Promise<Issued>;
}

import { type AuthScheme, type Client, holderOf } from "../events.js";
import { TokenNotValid } from "../tokens/errors.js";
import type { TokenSession } from "../tokens/token-kinds.js";
import type { AuthenticationParts } from "./authentication-parts.js";
import type { AuthContext } from "./context.js";
import { NoCredentials } from "./errors.js";

type Parts = Pick<AuthenticationParts, "sessions" | "throttle" | "verifier">;

export type Requester = Pick<AuthContext, "credential" | "user" | "authError" | "client">;

export interface RequestLogout {
  readonly scheme: AuthScheme;
  /** Whether the logout ended the session. False if there is no such session, or if it had already ended. */
  readonly hasEnded: boolean;
}

/** Ends the session of a token of any kind. @returns false if the session does not exist or had already ended */
export async function logout(parts: Parts, token: string, client: Client): Promise<boolean> {
  await parts.throttle.request(client);
  return end(parts, await parts.verifier.findSession(token), client);
}

/**
 * Ends the session of the refresh or sliding token in `refresh`. If `refresh` is null, ends the session of the
 * request's credential. Accepts an expired token.
 * @throws {@link TokenNotValid} when the token is not valid, or its user is not the signed-in user
 * @throws {@link TokenWrongType} when the token is of the wrong kind
 * @throws {@link TooManyRequests} when no user is signed in, and the client has sent too many requests
 * @throws {@link NoCredentials} when `refresh` is null, and the request has no credential
 * @throws the request's `authError`, such as {@link BadAuthorizationHeader}, when `refresh` is null, and no token could
 * be read from the `Authorization` header
 * @see RFC 7009 2
 */
export async function logoutRequest(
  parts: Parts,
  { credential, user, authError, client }: Requester,
  refresh: string | null,
): Promise<RequestLogout> {
  const { throttle, verifier } = parts;
  if (user === null) await throttle.request(client);
  if (refresh !== null) {
    const { session } = await verifier.verifyRotating(refresh);
    if (user !== null && user.id !== session.userId) throw new TokenNotValid();
    return { scheme: session.scheme, hasEnded: await end(parts, session, client) };
  }
  if (credential === null) throw authError ?? new NoCredentials();
  const session = await verifier.findSessionOf(credential);
  return { scheme: session?.scheme ?? "TOKEN", hasEnded: await end(parts, session, client) };
}

async function end(
  { sessions }: Parts,
  session: TokenSession | null,
  client: Client,
): Promise<boolean> {
  if (session === null) return false;
  const { id, userId } = session;
  return sessions.end(id, userId, "logout", holderOf(session, client));
}

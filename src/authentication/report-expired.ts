import { type AuthEvent, type Client, holderOf } from "../events.js";
import { KnownSessionExpired, KnownTokenExpired } from "../tokens/expired.js";

/** Publishes `token_expired` if a request was refused because a known session or its token has expired. */
export function reportExpired(
  refusal: unknown,
  client: Client,
  onEvent: (event: AuthEvent, client: Client) => unknown,
): void {
  const isExpired = refusal instanceof KnownTokenExpired || refusal instanceof KnownSessionExpired;
  if (!isExpired) return;
  const { session } = refusal;
  const { id: sessionId, userId, scheme } = session;
  onEvent({ type: "token_expired", userId, sessionId, scheme }, holderOf(session, client));
}

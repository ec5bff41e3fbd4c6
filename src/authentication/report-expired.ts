import type { AuthEvent, Client } from "../events.js";
import { KnownSessionExpired, KnownTokenExpired } from "../tokens/expired.js";

/** Publishes `token_expired` if a token or its session has expired. */
export function reportExpired(
  refusal: unknown,
  client: Client,
  onEvent: (event: AuthEvent, client: Client) => unknown,
): void {
  const isExpired = refusal instanceof KnownTokenExpired || refusal instanceof KnownSessionExpired;
  if (!isExpired) return;
  const { id: sessionId, userId, scheme } = refusal.session;
  onEvent({ type: "token_expired", userId, sessionId, scheme }, client);
}

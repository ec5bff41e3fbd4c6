import { Unauthenticated } from "../../errors.js";
import { holderOf } from "../../events.js";
import type { TokenSession } from "../../tokens/token-kinds.js";
import type { CoreServices } from "../feature.js";
import type { TokenRequest } from "./client-endpoint.js";

type Services = Pick<CoreServices, "verifier" | "sessions" | "onEvent">;

/**
 * Ends the session of a token, and so all tokens of that session. Does nothing if the token is unknown or not valid.
 * @see RFC 7009 2.1, 2.2
 */
export async function revoke(
  { verifier, sessions, onEvent }: Services,
  { token, clientId, client }: TokenRequest,
): Promise<void> {
  const session = await verifier.findSession(token).catch(ignoreUnknown);
  if (session === null) return;
  const { id, userId } = session;
  const holder = holderOf(session, client);
  if (!(await sessions.end(id, userId, "logout", holder))) return;
  onEvent({ type: "oauth:revoked", userId, details: { clientId, sessionId: id } }, holder);
}

function ignoreUnknown(error: unknown): TokenSession | null {
  if (error instanceof Unauthenticated) return null;
  throw error;
}

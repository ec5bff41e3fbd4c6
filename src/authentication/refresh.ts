import { type Client, holderOf } from "../events.js";
import type { TokenType } from "../tokens/token-kind.js";
import type { AuthenticationParts } from "./authentication-parts.js";
import { hookUserOf } from "./hooks.js";
import { reportExpired } from "./report-expired.js";
import type { Issued } from "./token-issuer.js";

export interface RefreshOptions {
  /** The accepted types of token. @default refresh and sliding tokens */
  readonly types?: readonly TokenType[];
  /** Whether the token is replaced by a new one. Otherwise it can be exchanged again. @default true */
  readonly isRotating?: boolean;
}

/** Exchanges a refresh or sliding token. */
export async function refresh(
  { hooks, issuer, sessions, settings, throttle, verifier }: AuthenticationParts,
  token: string,
  client: Client,
  { types, isRotating = true }: RefreshOptions = {},
): Promise<Issued> {
  await throttle.request(client);
  const verified = await verifier.verifyRotating(token, types);
  const { id: sessionId, userId } = verified.session;
  await throttle.refresh(sessionId, client);
  await hooks.before("beforeRefresh", { id: userId }, client);
  const isPair = verified.kind.type === "refresh";
  const claims = isPair ? await issuer.claimsFor(userId, verified) : {};
  const exchanging = isRotating
    ? sessions.rotate(verified, client)
    : sessions.requireCurrent(verified, client);
  const row = await exchanging.catch((error: unknown) => {
    reportExpired(error, client, settings.onEvent);
    throw error;
  });
  const holder = holderOf(verified.session, client);
  settings.onEvent({ type: "token_refreshed", userId, sessionId }, holder);
  const issued = issuer.issue(row, { claims, predecessor: verified });
  await hooks.after("afterRefresh", hookUserOf(issued), client);
  return issued;
}

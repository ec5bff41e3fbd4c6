import { Principal } from "../sessions/principal.js";
import type { SessionRow } from "../sessions/session-reader.js";
import type { RotationGrant } from "../tokens/rotating-token.js";
import type { TokenKinds } from "../tokens/token-kinds.js";

/** The tokens that a login or a refresh gives. Instants are epoch milliseconds. */
export interface Issued {
  /** The user and the session. */
  readonly principal: Principal;
  /** A static or sliding token; null for the scheme JWT. */
  readonly token: string | null;
  /** An access token; null for the other schemes. */
  readonly access: string | null;
  /** A refresh token; null for the other schemes. */
  readonly refresh: string | null;
  /** When `token` or `access` expires; null means never. */
  readonly expiresAt: number | null;
  /** When `refresh` expires, or when a sliding token can no longer be refreshed; null for static tokens. */
  readonly refreshExpiresAt: number | null;
}

const NOTHING = { token: null, access: null, refresh: null, refreshExpiresAt: null };

/**
 * Issues the tokens of a session's current generation.
 * @param staticToken the token of a session that was just opened with the scheme TOKEN
 */
export function issueTokens(
  kinds: TokenKinds,
  row: SessionRow,
  staticToken: string | null = null,
): Issued {
  const principal = new Principal(row);
  const { expiresAt, refreshExpiresAt } = row;
  switch (row.scheme) {
    case "TOKEN":
      return { ...NOTHING, principal, token: staticToken, expiresAt };
    case "SLIDING": {
      const token = kinds.sliding.issue(grantOf(row));
      const times = { expiresAt: refreshExpiresAt, refreshExpiresAt: expiresAt };
      return { ...NOTHING, principal, token, ...times };
    }
    case "JWT": {
      const { userId, id: sessionId } = row;
      const access = kinds.access.issue({ userId, sessionId, sessionExpiresAt: expiresAt });
      const refresh = kinds.refresh.issue(grantOf(row));
      return { ...NOTHING, principal, ...access, refresh, refreshExpiresAt };
    }
  }
}

function grantOf(row: SessionRow): RotationGrant {
  const { userId, id: sessionId, generation, rotatedAt: issuedAt } = row;
  const sessionExpiresAt = row.expiresAt ?? issuedAt;
  const expiresAt = row.refreshExpiresAt ?? issuedAt;
  return { userId, sessionId, generation, issuedAt, expiresAt, sessionExpiresAt };
}

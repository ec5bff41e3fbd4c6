import { Principal, type SessionRow } from "../sessions/principal.js";
import type { AccessTokens } from "../tokens/access-token.js";
import type { RotatingTokens, RotationGrant } from "../tokens/rotating-token.js";

/** The kinds of JWT that we issue. */
export interface TokenKinds {
  readonly access: AccessTokens;
  readonly refresh: RotatingTokens;
  readonly sliding: RotatingTokens;
}

/** What a login or a refresh gives. Instants are epoch milliseconds. */
export interface Issued {
  readonly principal: Principal;
  /** A static or sliding token. */
  readonly token: string | null;
  readonly access: string | null;
  readonly refresh: string | null;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
}

const NOTHING = { token: null, access: null, refresh: null, refreshExpiresAt: null };

/**
 * The tokens of a session's present generation.
 * @param staticToken of a session that was just opened with one
 */
export function issueTokens(
  kinds: TokenKinds,
  row: SessionRow,
  staticToken: string | null,
): Issued {
  const principal = new Principal(row);
  const { expiresAt, refreshExpiresAt } = row;
  switch (row.scheme) {
    case "TOKEN":
      return { ...NOTHING, principal, token: staticToken, expiresAt };
    case "SLIDING": {
      const token = kinds.sliding.issue(grantOf(row));
      return {
        ...NOTHING,
        principal,
        token,
        expiresAt: refreshExpiresAt,
        refreshExpiresAt: expiresAt,
      };
    }
    case "JWT": {
      const access = kinds.access.issue({
        userId: row.userId,
        sessionId: row.id,
        sessionExpiresAt: expiresAt,
      });
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

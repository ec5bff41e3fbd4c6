import type { User } from "../accounts/user.js";
import type { AuthConfig } from "../config/auth-config.js";
import { Principal } from "../sessions/principal.js";
import type { SessionRow } from "../sessions/session-reader.js";
import { type ApplicationClaims, applicationClaimsOf } from "../tokens/claims.js";
import type { RotationGrant } from "../tokens/rotating-token.js";
import type { TokenKinds, VerifiedToken } from "../tokens/token-kinds.js";
import { readClaims } from "./application-claims.js";

/** The tokens of a new or refreshed session. Instants are epoch milliseconds. */
export interface Issued {
  /** The user and the session. */
  readonly principal: Principal;
  /** A static or sliding token; null for the scheme JWT. */
  readonly token: string | null;
  /** An access token; null if the scheme is not JWT. */
  readonly access: string | null;
  /** A refresh token; null if the scheme is not JWT. */
  readonly refresh: string | null;
  /** When `token` or `access` expires; null for never. */
  readonly expiresAt: number | null;
  /** When `refresh` expires. For a sliding token, when it can no longer be refreshed. Null for a static token. */
  readonly refreshExpiresAt: number | null;
}

/** The tokens that a login may leave out. */
export const NO_TOKENS = { token: null, access: null, refresh: null, refreshExpiresAt: null };

export interface Issuing {
  /** The token of a new session with the scheme TOKEN. @default none */
  readonly staticToken?: string | null;
  /** The claims to add to the access token. @default none */
  readonly claims?: ApplicationClaims;
  /** The refresh or sliding token that the issued token replaces. @default none */
  readonly predecessor?: VerifiedToken;
}

export type IssuerSettings = Pick<AuthConfig, "claims" | "now" | "roles">;

interface UserFinder {
  findById(id: string): Promise<User | null>;
}

/** Returns claims to add to a user's next access token. */
export type ClaimsOf = (userId: string) => Promise<ApplicationClaims>;

export class TokenIssuer {
  readonly #kinds: TokenKinds;
  readonly #accounts: UserFinder;
  readonly #settings: IssuerSettings;
  #addedClaims: ClaimsOf = () => Promise.resolve({});

  constructor(kinds: TokenKinds, accounts: UserFinder, settings: IssuerSettings) {
    this.#kinds = kinds;
    this.#accounts = accounts;
    this.#settings = settings;
  }

  /** Adds claims of a feature to all access tokens. The application's claims cannot replace them. */
  addClaims(claimsOf: ClaimsOf): void {
    this.#addedClaims = claimsOf;
  }

  /**
   * Returns the claims of the application and of features for a user's next access token. Call this method before any
   * write, so that a failure changes nothing.
   * @param predecessor the refresh token to replace. The result keeps its application claims, except those that the
   * option `claims` gives a new value
   * @throws Error when the option `claims` fails, or returns claims that cannot be used
   * @throws {@link ServiceUnavailable} when the option `claims` takes too long
   */
  async claimsFor(userId: string, predecessor?: VerifiedToken): Promise<ApplicationClaims> {
    const claims = await this.#readApplicationClaims(userId, predecessor);
    return { ...claims, ...(await this.#addedClaims(userId)) };
  }

  async #readApplicationClaims(
    userId: string,
    predecessor?: VerifiedToken,
  ): Promise<ApplicationClaims> {
    const carried = applicationClaimsOf(predecessor?.claims ?? {});
    const { claims: claimsOf } = this.#settings;
    if (claimsOf === undefined) return carried;
    const user = await this.#accounts.findById(userId);
    // A missing or inactive user will get no token, so do not call the application's function.
    if (!user?.isActive) return carried;
    return readClaims(claimsOf, user, carried);
  }

  issue(row: SessionRow, { staticToken = null, claims = {}, predecessor }: Issuing = {}): Issued {
    const principal = new Principal(row, this.#settings);
    const { expiresAt, refreshExpiresAt } = row;
    const grant = grantOf(row, predecessor);
    switch (row.scheme) {
      case "TOKEN":
        return { ...NO_TOKENS, principal, token: staticToken, expiresAt };
      case "SLIDING": {
        const token = this.#kinds.sliding.issue(grant);
        const times = { expiresAt: refreshExpiresAt, refreshExpiresAt: grant.slidesUntil };
        return { ...NO_TOKENS, principal, token, ...times };
      }
      case "JWT": {
        const { userId, id: sessionId, impersonatorId } = row;
        const { authenticatedAt, methods } = principal.session;
        const session = {
          ...{ userId, sessionId, sessionExpiresAt: expiresAt, impersonatorId },
          ...{ authenticatedAt, methods },
        };
        const access = this.#kinds.access.issue({ ...session, claims });
        const refresh = this.#kinds.refresh.issue(grant);
        return { ...NO_TOKENS, principal, ...access, refresh, refreshExpiresAt };
      }
    }
  }
}

function grantOf(row: SessionRow, predecessor?: VerifiedToken): RotationGrant {
  const { userId, id: sessionId, impersonatorId, generation, rotatedAt: issuedAt } = row;
  const claimed = predecessor?.kind.slidesUntil(predecessor.claims) ?? Infinity;
  return {
    ...{ userId, sessionId, impersonatorId, generation, issuedAt },
    expiresAt: row.refreshExpiresAt ?? issuedAt,
    slidesUntil: Math.min(row.expiresAt ?? issuedAt, claimed),
    predecessor: predecessor?.claims,
  };
}

import type { Role } from "../accounts/role.js";
import type { User } from "../accounts/user.js";
import type { AuthConfig } from "../config/auth-config.js";
import type { AuthScheme } from "../events.js";
import { type AuthMethod, splitMethods } from "./methods.js";

/** A session as the API shows it. Instants are epoch milliseconds. */
export interface SessionInfo {
  readonly id: string;
  readonly scheme: AuthScheme;
  readonly label: string | null;
  readonly createdAt: number;
  /**
   * When the user last proved who they are in this session, such as by a password. Null if no proof is recorded, as
   * with a token of `createStaticToken`, or with a session that an older Gatehouse opened.
   */
  readonly authenticatedAt: number | null;
  readonly lastUsedAt: number | null;
  /** Null means that the session does not expire. */
  readonly expiresAt: number | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** The id of the administrator who opened the session to act as the user. Null for the user's own sessions. */
  readonly impersonatorId: string | null;
  /**
   * How the user proved who they are. Empty if no proof is recorded, as with a token of `createStaticToken`, or with a
   * session that an older Gatehouse opened.
   */
  readonly methods: readonly AuthMethod[];
  /** When the user last proved a second factor in this session. Null if the user never did. */
  readonly secondFactorAt: number | null;
}

/** Returns a session as its user may see it: without the address and user agent of an administrator who opened it. */
export function asSeenByUser(session: SessionInfo): SessionInfo {
  return session.impersonatorId === null
    ? session
    : { ...session, ipAddress: null, userAgent: null };
}

/** A session with its user and role. */
export interface PrincipalRow extends Omit<SessionInfo, "methods"> {
  /** The stored form of {@link SessionInfo.methods}. See {@link splitMethods}. */
  readonly methods: string | null;
  readonly userId: string;
  readonly username: string;
  readonly email: string | null;
  /** A number in SQLite, which has no booleans. */
  readonly isActive: boolean | number;
  readonly userCreatedAt: number;
  readonly lastLoginAt: number | null;
  /** Null for a user without a Profile. */
  readonly role: Role | null;
  /** See {@link Principal.mustEnrol}. A number in SQLite. @default false */
  readonly mustEnrol?: boolean | number;
}

export const PRINCIPAL_COLUMNS = `
  session.id, session.scheme, session.label, session.created_at AS "createdAt",
  session.authenticated_at AS "authenticatedAt", session.last_used_at AS "lastUsedAt", session.expires_at AS "expiresAt", session.ip_address AS "ipAddress",
  session.user_agent AS "userAgent", session.impersonator_id AS "impersonatorId", session.methods,
  session.second_factor_at AS "secondFactorAt", u.id AS "userId", u.username, u.email, u.is_active AS "isActive",
  u.created_at AS "userCreatedAt", u.last_login_at AS "lastLoginAt", p.role`;

export const PRINCIPAL_TABLES = `
  session JOIN "user" u ON u.id = session.user_id LEFT JOIN profile p ON p.user_id = u.id`;

/** A user with one session, as stored in the database. `context.user` has the session of the request. */
export class Principal implements User {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  /** A user without a Profile has the lowest role. */
  readonly role: Role;
  readonly isActive: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly lastLoginAt: number | null;
  readonly session: SessionInfo;
  /** Whether the user must have a second factor but has none yet. Most fields then refuse the user. */
  readonly mustEnrol: boolean;
  readonly #settings: Pick<AuthConfig, "now" | "roles">;

  constructor(row: PrincipalRow, settings: Pick<AuthConfig, "now" | "roles">) {
    this.#settings = settings;
    this.id = row.userId;
    this.username = row.username;
    this.email = row.email;
    this.role = row.role ?? settings.roles.lowest;
    this.isActive = Boolean(row.isActive);
    this.createdAt = row.userCreatedAt;
    this.lastLoginAt = row.lastLoginAt;
    this.mustEnrol = Boolean(row.mustEnrol);
    const { id, scheme, label, createdAt, authenticatedAt, lastUsedAt, expiresAt } = row;
    const { ipAddress, userAgent, impersonatorId, secondFactorAt } = row;
    this.session = {
      ...{ id, scheme, label, createdAt, authenticatedAt, lastUsedAt, expiresAt },
      ...{ ipAddress, userAgent, impersonatorId, methods: splitMethods(row.methods) },
      secondFactorAt,
    };
  }

  /** Whether the user has the role of administrators. */
  get isAdmin(): boolean {
    return this.hasRole(this.#settings.roles.admin);
  }

  /**
   * Returns whether the user's role is at least `required`.
   * @throws TypeError when there is no such role
   */
  hasRole(required: Role): boolean {
    return this.#settings.roles.isAtLeast(this.role, required);
  }

  /**
   * Returns whether the user proved who they are in this session at most `seconds` ago, such as by a password.
   * @see OpenID Connect Core 3.1.2.1, max_age
   */
  isFresh(seconds: number): boolean {
    const { authenticatedAt } = this.session;
    return authenticatedAt !== null && this.#settings.now() - authenticatedAt <= seconds * 1000;
  }

  /**
   * Returns whether the user proved a second factor in this session.
   * @param seconds the longest time since the proof. @default any time
   */
  hasSecondFactor(seconds = Infinity): boolean {
    const { secondFactorAt } = this.session;
    return secondFactorAt !== null && this.#settings.now() - secondFactorAt <= seconds * 1000;
  }
}

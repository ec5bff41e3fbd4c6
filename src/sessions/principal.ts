import type { Role } from "../accounts/role.js";
import {
  type AuthError,
  PasswordChanged,
  SessionExpired,
  TokenExpired,
  TokenReused,
  TokenRevoked,
  UserInactive,
} from "../errors.js";
import type { AuthScheme } from "../events.js";
import type { Claims } from "../tokens/jwt.js";
import type { EndReason } from "./session.entity.js";

/** A session as the API shows it. Instants are epoch milliseconds. */
export interface SessionInfo {
  readonly id: string;
  readonly scheme: AuthScheme;
  readonly label: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly expiresAt: number | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** One row of session, user and profile: all that a request's authentication needs, read in one statement. */
export interface SessionRow extends SessionInfo {
  readonly userId: string;
  readonly secretHash: string | null;
  readonly generation: number;
  readonly rotatedAt: number;
  readonly refreshExpiresAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: EndReason | null;
  readonly credentialsVersion: number;
  readonly userCredentialsVersion: number;
  readonly username: string;
  readonly email: string | null;
  /** SQLite's booleans are numbers. */
  readonly isActive: boolean | number;
  readonly userCreatedAt: number;
  readonly lastLoginAt: number | null;
  /** Null for a user without a Profile. */
  readonly role: Role | null;
}

/** The columns of a {@link SessionRow} that a {@link Principal} shows. */
export type PrincipalRow = Omit<
  SessionRow,
  | "secretHash"
  | "generation"
  | "rotatedAt"
  | "refreshExpiresAt"
  | "endedAt"
  | "endReason"
  | "credentialsVersion"
  | "userCredentialsVersion"
>;

/** Reads a {@link PrincipalRow}, and what comes before `FROM`. */
export const PRINCIPAL_COLUMNS = `
  session.id, session.scheme, session.label, session.created_at AS "createdAt",
  session.last_used_at AS "lastUsedAt", session.expires_at AS "expiresAt", session.ip_address AS "ipAddress",
  session.user_agent AS "userAgent", u.id AS "userId", u.username, u.email, u.is_active AS "isActive",
  u.created_at AS "userCreatedAt", u.last_login_at AS "lastLoginAt", p.role`;
export const PRINCIPAL_TABLES = `
  session JOIN "user" u ON u.id = session.user_id LEFT JOIN profile p ON p.user_id = u.id`;

/** Who is asking: a user, by one of the user's sessions, as the database has them for this request. Read only. */
export class Principal {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  /** From the Profile; a user without one counts as USER. */
  readonly role: Role;
  readonly isActive: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly lastLoginAt: number | null;
  readonly session: SessionInfo;

  constructor(row: PrincipalRow) {
    this.id = row.userId;
    this.username = row.username;
    this.email = row.email;
    this.role = row.role ?? "USER";
    this.isActive = Boolean(row.isActive);
    this.createdAt = row.userCreatedAt;
    this.lastLoginAt = row.lastLoginAt;
    const { scheme, label, createdAt, lastUsedAt, expiresAt, ipAddress, userAgent } = row;
    this.session = {
      id: row.id,
      scheme,
      label,
      createdAt,
      lastUsedAt,
      expiresAt,
      ipAddress,
      userAgent,
    };
  }
}

/** Who is asking, as an access token alone tells, where `bearerCheck` is `stateless`: an id, and the least role. */
export class TokenUser extends Principal {
  constructor({ sub, sid, iat, exp }: Pick<Claims, "sub" | "sid" | "iat" | "exp">) {
    super({
      id: sid,
      userId: sub,
      scheme: "JWT",
      createdAt: iat * 1000,
      expiresAt: exp * 1000,
      username: "",
      isActive: true,
      userCreatedAt: 0,
      ...NOTHING_KNOWN,
    });
  }
}

const NOTHING_KNOWN = {
  label: null,
  lastUsedAt: null,
  ipAddress: null,
  userAgent: null,
  email: null,
  lastLoginAt: null,
  role: null,
};

/** Why nothing of this session is accepted at `now` any more, or null while it lives. */
export function findRefusal(row: SessionRow, now: number): AuthError | null {
  if (row.endedAt !== null)
    return row.endReason === "reused" ? new TokenReused() : new TokenRevoked();
  if (!row.isActive) return new UserInactive();
  if (row.credentialsVersion !== row.userCredentialsVersion) return new PasswordChanged();
  if (row.expiresAt !== null && row.expiresAt <= now) {
    return row.scheme === "TOKEN" ? new TokenExpired() : new SessionExpired();
  }
  return null;
}

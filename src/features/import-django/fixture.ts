import { randomBytes } from "node:crypto";
import type { Role, Roles } from "../../accounts/role.js";
import type { Sql } from "../../sql.js";
import type { Imported } from "./django-user.js";

/** A user to export. Instants are epoch milliseconds. */
export interface ExportedUser {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string | null;
  readonly isActive: boolean | number;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
  readonly role: Role;
  /** The primary key in Django. Null for a user who was not imported. */
  readonly djangoId: string | null;
  /** What the last import read about the user: {@link Imported} as JSON. Null for a user who was not imported. */
  readonly imported: string | null;
}

/** A token of simplejwt that Gatehouse refuses. */
export interface RefusedToken {
  readonly id: string;
  /** When the token was first refused, in epoch milliseconds. Null if the time is not stored. */
  readonly refusedAt: number | null;
  readonly outstandingId: string;
}

/** The users whom the import has renamed, for example to `Ada#17`, because another user had the name. */
const RENAMED = `
  SELECT imported FROM django_user JOIN "user" ON id = user_id WHERE username LIKE '%#' || django_id`;

/** Returns a function that converts a user to an object of a Django fixture. */
export async function userFixture(sql: Sql, roles: Roles): Promise<(user: ExportedUser) => object> {
  const renamed = await sql.readOnce<{ imported: string }>(RENAMED, []);
  const namesInDjango = new Set(
    renamed.map(({ imported }) => (JSON.parse(imported) as Imported).username),
  );
  return (user) => {
    const imported = user.imported === null ? null : (JSON.parse(user.imported) as Imported);
    return {
      model: "auth.user",
      ...primaryKeyOf(user),
      fields: {
        username: nameInDjango(user, imported, namesInDjango),
        email: emailInDjango(user, imported),
        first_name: imported?.firstName ?? "",
        last_name: imported?.lastName ?? "",
        password: passwordInDjango(user.passwordHash),
        is_active: Boolean(user.isActive),
        ...rightsOf(user, imported, roles),
        date_joined: toIso(user.createdAt),
        last_login: toIso(user.lastLoginAt),
      },
    };
  };
}

/** @param now epoch milliseconds */
export function blacklistedFixture(
  { refusedAt, outstandingId }: RefusedToken,
  now: number,
): object {
  return {
    model: "token_blacklist.blacklistedtoken",
    fields: { token: Number(outstandingId), blacklisted_at: toIso(refusedAt ?? now) },
  };
}

export function toIso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}

/**
 * Returns an object with the primary key, or an empty object for a user who was not imported. When Django loads a row
 * without a primary key, Django overwrites the user of the same name, or adds a user.
 */
function primaryKeyOf({ djangoId }: ExportedUser): object {
  if (djangoId === null) return {};
  return { pk: /^\d{1,15}$/.test(djangoId) ? Number(djangoId) : djangoId };
}

function nameInDjango(
  { id, username, djangoId }: ExportedUser,
  imported: Imported | null,
  namesInDjango: ReadonlySet<string>,
): string {
  if (imported !== null && username.endsWith(`#${djangoId}`)) return imported.username;
  // Without the suffix, this row would replace the user who has the name in Django.
  return imported === null && namesInDjango.has(username) ? `${username}#${id}` : username;
}

/**
 * Returns the user's address. A user without an address may have one in Django, which the import left out, for example
 * because another user had it. Then returns that address. Returns an empty text if the user has neither.
 */
function emailInDjango({ email }: ExportedUser, imported: Imported | null): string {
  return email ?? imported?.email ?? "";
}

/** Django writes `argon2` before a hash of Argon2, and `!` for a password that never matches. */
function passwordInDjango(hash: string | null): string {
  if (hash === null) return `!${randomBytes(30).toString("base64url")}`;
  return hash.startsWith("$argon2") ? `argon2${hash}` : hash;
}

/**
 * Returns the rights that the user had in Django at the import. If the user's role has changed in Gatehouse since then,
 * returns the rights of the new role.
 */
function rightsOf({ role }: ExportedUser, imported: Imported | null, roles: Roles): object {
  if (imported !== null && imported.role === role) {
    return { is_staff: imported.isStaff, is_superuser: imported.isSuperuser };
  }
  const isAdmin = role === roles.admin;
  return { is_staff: isAdmin, is_superuser: isAdmin };
}

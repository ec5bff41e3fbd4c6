import { createHash } from "node:crypto";
import {
  canonicalUsername,
  requireNewEmail,
  requireNewUsername,
} from "../../accounts/identifiers.js";
import { type Skeletons, skeletonsOf } from "../../accounts/look-alikes.js";
import { requireOneScript } from "../../accounts/one-script.js";
import type { Role } from "../../accounts/role.js";
import type { TextRow } from "../../database/read-only.js";
import { BadUserInput } from "../../errors.js";
import { userIdOf } from "./identity.js";
import { readHash } from "./password-hashes.js";

/** A user name, in all forms that Gatehouse stores. */
export interface Name extends Skeletons {
  readonly username: string;
  /** The canonical form, for comparison. */
  readonly key: string;
}

/** A user of Django, with the values that Gatehouse stores. Instants are epoch milliseconds. */
export interface DjangoUser {
  /** The primary key in Django. */
  readonly djangoId: string;
  /** The user's id in Gatehouse. */
  readonly id: string;
  readonly name: Name;
  /** Null if the user has no address, or if Gatehouse does not accept the address. */
  readonly email: { readonly address: string; readonly key: string } | null;
  /** Null if the user cannot log in by password. */
  readonly passwordHash: string | null;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
  readonly facts: Facts;
  /** Problems to report. They do not prevent the import of the user. */
  readonly remarks: readonly Remark[];
}

interface Remark {
  readonly about: "username" | "email" | "password" | "date";
  readonly text: string;
}

/** A user's values in Django's table of users. An import stores them, so that the next import can find changes. */
export interface Facts {
  readonly username: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly isActive: boolean;
  readonly isStaff: boolean;
  readonly isSuperuser: boolean;
  /** The SHA-256 of the password hash; null if the user cannot log in by password. */
  readonly password: string | null;
  readonly lastLoginAt: number | null;
}

/** A user's values at the last import. The next import compares the values in Django with them. */
export interface Imported extends Facts {
  /** The role of the user's Profile; null if Profiles were not imported. */
  readonly profile: string | null;
  readonly role: Role;
  /** The id of the session that was imported for the user's `rest_framework.authtoken` key. Null if there is none. */
  readonly key: string | null;
}

/**
 * Reads a row of Django's table of users.
 * @param now the time of creation for a user without a date, in epoch milliseconds
 * @throws {@link BadUserInput} when the user cannot be imported
 */
export function parseUser(row: TextRow, now: number): DjangoUser {
  const djangoId = row["id"] ?? "";
  const username = row["username"] ?? "";
  const remarks: Remark[] = [];
  const name = toName(username);
  const strange = findFault(() => {
    requireOneScript(requireNewUsername(username));
  });
  if (strange !== null) remarks.push({ about: "username", text: `${strange} The name stays.` });
  const passwordHash = parsePassword(row["password"] ?? "", remarks);
  const lastLoginAt = parseInstant(row["last_login"]);
  const joinedAt = parseInstant(row["date_joined"]);
  if (joinedAt === null && row["date_joined"] != null) {
    remarks.push({ about: "date", text: "date_joined is not a date." });
  }
  return {
    djangoId,
    id: userIdOf(djangoId),
    name,
    email: parseEmail(row["email"] ?? "", remarks),
    passwordHash,
    createdAt: joinedAt ?? lastLoginAt ?? now,
    lastLoginAt,
    facts: {
      username,
      email: row["email"] ?? "",
      firstName: row["first_name"] ?? "",
      lastName: row["last_name"] ?? "",
      isActive: isTrue(row["is_active"]),
      isStaff: isTrue(row["is_staff"]),
      isSuperuser: isTrue(row["is_superuser"]),
      password: passwordHash && createHash("sha256").update(passwordHash).digest("hex"),
      lastLoginAt,
    },
    remarks,
  };
}

/** @throws {@link BadUserInput} when Gatehouse cannot store the name */
function toName(username: string): Name {
  return { username, key: canonicalUsername(username), ...skeletonsOf(username) };
}

/**
 * Returns another name for a user whose name is taken. The other name contains a `#`, which users cannot choose, so it
 * is rarely taken.
 */
export function otherName({ djangoId, name }: DjangoUser): Name {
  const suffix = `#${djangoId}`;
  const letters = Array.from(name.username);
  // A name has at most 150 characters.
  return toName(letters.slice(0, 150 - suffix.length).join("") + suffix);
}

function parseEmail(text: string, remarks: Remark[]): DjangoUser["email"] {
  const address = text.trim();
  if (address === "") return null;
  let key = "";
  const fault = findFault(() => {
    key = requireNewEmail(address);
  });
  if (fault === null) return { address, key };
  remarks.push({ about: "email", text: `${fault} The user is imported without an address.` });
  return null;
}

function parsePassword(hash: string, remarks: Remark[]): string | null {
  // Django writes `!` and random text for an unusable password.
  if (hash === "" || hash.startsWith("!")) return null;
  if (readHash(hash) !== null) return hash;
  const text = "Gatehouse cannot verify the password. The user is imported without a password.";
  remarks.push({ about: "password", text });
  return null;
}

/** Returns the message of the error that a check throws, or null. */
function findFault(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof BadUserInput) return error.message;
    throw error;
  }
}

/** PostgreSQL prints true as `t`. The other databases print it as `1`. */
function isTrue(text: string | null | undefined): boolean {
  return text === "t" || text === "1";
}

/** Parses an instant in UTC, as a database prints it, such as `2026-11-27 12:00:00.123456+00`. */
export function parseInstant(text: string | null | undefined): number | null {
  const [, date, time, fraction = ""] =
    /^(\d{4,}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00(?::?00)?|Z)?$/.exec(text ?? "") ??
    [];
  if (date === undefined || time === undefined) return null;
  const instant = Date.parse(`${date}T${time}.${fraction.padEnd(3, "0").slice(0, 3)}Z`);
  return Number.isNaN(instant) ? null : instant;
}

/** Returns the values that identify the user in a report. */
export function toNamed({ djangoId, name }: DjangoUser) {
  return { djangoId, username: name.username };
}

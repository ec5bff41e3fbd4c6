import type { RunStatement } from "../sql.js";
import { EmailTaken, UsernameTaken } from "./errors.js";
import { requireNewEmail, requireNewUsername } from "./identifiers.js";
import type { Skeletons } from "./look-alikes.js";

/** A new user name, in the forms that are stored. */
export interface StoredName extends Skeletons {
  readonly username: string;
  /** The canonical form of `username`, for comparison. */
  readonly key: string;
}

/** A new e-mail address, in the forms that are stored. Null removes the address. */
export interface StoredEmail {
  readonly email: string | null;
  /** The canonical form of `email`, for comparison. */
  readonly key: string | null;
}

/** @throws {@link BadUserInput} when the name is malformed, or mixes letters of several scripts */
export async function toStoredName(username: string): Promise<StoredName> {
  const key = requireNewUsername(username);
  // Load the tables of scripts and look-alikes on first use, because only new names need them.
  const { requireOneScript } = await import("./one-script.js");
  const { skeletonsOf } = await import("./look-alikes.js");
  requireOneScript(key);
  return { username, key, ...skeletonsOf(username) };
}

/** @throws {@link BadUserInput} when the address is malformed */
export function toStoredEmail(email: string | null): StoredEmail {
  return { email, key: email === null ? null : requireNewEmail(email) };
}

/**
 * Requires that no other user has this name, a name that looks like it, or this e-mail address.
 * @throws {@link UsernameTaken}, {@link EmailTaken}
 */
export async function requireFree(
  run: RunStatement,
  id: string,
  name: StoredName | undefined,
  email: StoredEmail | undefined,
): Promise<void> {
  if (name !== undefined) {
    const skeletons = [name.folded, name.shown ?? name.folded];
    // SQLite uses all three indexes for a UNION, but not for an OR.
    const holders = await run<{ id: string }>(
      `SELECT id FROM "user" WHERE username_key = ?
       UNION SELECT id FROM "user" WHERE username_skeleton IN (?, ?)
       UNION SELECT id FROM "user" WHERE shown_skeleton IN (?, ?) LIMIT 2`,
      [name.key, ...skeletons, ...skeletons],
    );
    if (holders.some((holder) => holder.id !== id)) throw new UsernameTaken();
  }
  if (email?.key != null) {
    const holders = await run(`SELECT id FROM "user" WHERE id <> ? AND email_key = ?`, [
      id,
      email.key,
    ]);
    if (holders.length > 0) throw new EmailTaken();
  }
}

import type { RunStatement, Sql } from "../../sql.js";
import type { DjangoUser, Imported } from "./django-user.js";
import type { StoredName, TakenNames } from "./names.js";
import { IS_FROM_DJANGO } from "./openable-tokens.js";
import { storeCosts } from "./password-costs.js";
import type { Report } from "./report.js";
import { insertRows, runWithPairs, selectIn } from "../../database/rows.js";

/** A user whom an earlier import has created. */
export interface KnownUser {
  /** The values that the last import read. Null if the user was deleted in Gatehouse. */
  readonly imported: Imported | null;
  /** `imported` as JSON. */
  readonly text: string;
}

/** A user, and the values that the next import compares. */
export interface ImportedUser extends DjangoUser {
  readonly imported: Imported;
}

export interface NewUser {
  readonly user: ImportedUser;
  readonly name: StoredName;
  readonly email: DjangoUser["email"];
}

/** A user who has changed in Django since the last import. */
export interface ChangedUser {
  readonly user: ImportedUser;
  readonly before: Imported;
}

interface RenamedUser extends ChangedUser {
  /** Null if the name stays. */
  readonly name: StoredName | null;
  /** Null if the user has no address, or if another user has the address; undefined if the address stays. */
  readonly email: DjangoUser["email"] | undefined;
}

/** Returns the users whom earlier imports have created, by their Django id. */
export async function readKnown(
  sql: Sql,
  djangoIds: readonly string[],
): Promise<Map<string, KnownUser>> {
  const rows = await selectIn<{ djangoId: string; userId: string | null; imported: string }>(
    (statement, values) => sql.readOnce(statement, values),
    `SELECT django_id AS "djangoId", user_id AS "userId", imported FROM django_user WHERE django_id IN`,
    djangoIds,
  );
  return new Map(
    rows.map(({ djangoId, userId, imported: text }) => {
      const imported = userId === null ? null : (JSON.parse(text) as Imported);
      return [djangoId, { imported, text }];
    }),
  );
}

/** Returns the users who have changed in Django since the last import. */
export function findChanged(
  users: readonly ImportedUser[],
  known: ReadonlyMap<string, KnownUser>,
): ChangedUser[] {
  return users.flatMap((user) => {
    const { imported: before = null, text } = known.get(user.djangoId) ?? {};
    return before === null || text === JSON.stringify(user.imported) ? [] : [{ user, before }];
  });
}

/** Chooses a new name or address for each user whose name or address has changed in Django. */
export function chooseNewNames(changed: readonly ChangedUser[], taken: TakenNames): RenamedUser[] {
  return changed.map(({ user, before }) => {
    const { username, email } = user.imported;
    return {
      user,
      before,
      name: username === before.username ? null : taken.chooseName(user),
      email: email === before.email ? undefined : taken.chooseEmail(user),
    };
  });
}

export async function insertUsers(run: RunStatement, given: readonly NewUser[]): Promise<void> {
  // Sort by id, so that the database does not load the same page of the index again and again.
  const users = [...given].sort((a, b) => (a.user.id < b.user.id ? -1 : 1));
  await insertRows(run, {
    table: "user",
    columns: [
      ...["id", "username", "username_key", "username_skeleton", "shown_skeleton"],
      ...["email", "email_key", "password_hash", "is_active", "created_at", "last_login_at"],
    ],
    rows: users.map(({ user, name, email }) => [
      user.id,
      ...columnsOf(name),
      ...[email?.address ?? null, email?.key ?? null],
      user.passwordHash,
      user.imported.isActive,
      user.createdAt,
      user.lastLoginAt,
    ]),
  });
  await storeCosts(
    run,
    users.map(({ user }) => user.passwordHash),
  );
  await insertRows(run, {
    table: "profile",
    columns: ["user_id", "role"],
    rows: users.map(({ user }) => [user.id, user.imported.role]),
  });
  await insertRows(run, {
    table: "django_user",
    columns: ["django_id", "user_id", "imported"],
    rows: users.map(({ user }) => [user.djangoId, user.id, JSON.stringify(user.imported)]),
  });
}

/**
 * Applies the changes in Django since the last import. A password that was changed in Gatehouse stays. The class
 * `Rights` applies roles and activations.
 */
export async function updateUsers(
  run: RunStatement,
  users: readonly RenamedUser[],
  report: Report,
): Promise<void> {
  for (const { user, before, name, email } of users) {
    const { id, djangoId, imported, passwordHash } = user;
    if (name !== null) {
      await run(
        `UPDATE "user" SET username = ?, username_key = ?, username_skeleton = ?, shown_skeleton = ?
         WHERE id = ? RETURNING id`,
        [...columnsOf(name), id],
      );
    }
    if (email !== undefined) {
      const values = [email?.address ?? null, email?.key ?? null, id];
      await run(`UPDATE "user" SET email = ?, email_key = ? WHERE id = ? RETURNING id`, values);
    }
    if (imported.password === before.password) continue;
    const changed = await run(
      `UPDATE "user" SET password_hash = ? WHERE id = ? AND ${IS_FROM_DJANGO} RETURNING id`,
      [passwordHash, id],
    );
    if (changed.length > 0) continue;
    const text =
      "The password has changed in Django. The user got a new password, was activated or was deactivated in Gatehouse, so the password of Gatehouse stays.";
    report.remark({ djangoId, username: imported.username }, "password", text);
  }
  await storeCosts(
    run,
    users.map(({ user }) => user.passwordHash),
  );
  const logins = users.flatMap(({ user: { id, lastLoginAt } }) =>
    lastLoginAt === null ? [] : [[id, lastLoginAt] as const],
  );
  await runWithPairs(
    run,
    logins,
    `UPDATE "user" SET last_login_at = CAST(given.value AS BIGINT) FROM given
     WHERE "user".id = given.id AND COALESCE("user".last_login_at, 0) < CAST(given.value AS BIGINT)`,
  );
  await runWithPairs(
    run,
    users.map(({ user }) => [user.djangoId, JSON.stringify(user.imported)]),
    "UPDATE django_user SET imported = given.value FROM given WHERE django_id = given.id AND user_id IS NOT NULL",
  );
}

function columnsOf({ username, key, skeleton, shownSkeleton }: StoredName) {
  return [username, key, skeleton, shownSkeleton];
}

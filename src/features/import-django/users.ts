import type { RunStatement, Sql } from "../../sql.js";
import type { DjangoUser, Imported } from "./django-user.js";
import type { StoredName } from "./names.js";
import type { Report } from "./report.js";
import { insertRows, runWithPairs, selectIn } from "./rows.js";

/** A user who came with an earlier import. */
export interface KnownUser {
  /** What was last imported. Null if the user was deleted here. */
  readonly imported: Imported | null;
  /** `imported` as JSON. */
  readonly text: string;
}

/** A user with all that Django says. */
export interface ImportedUser extends DjangoUser {
  readonly imported: Imported;
}

export interface NewUser {
  readonly user: ImportedUser;
  readonly name: StoredName;
  readonly email: DjangoUser["email"];
}

/** A user who has changed in Django. */
export interface ChangedUser {
  readonly user: ImportedUser;
  readonly before: Imported;
  /** The new name. Null: the name stays. */
  readonly name: StoredName | null;
  /** The new address, or null if the new one cannot come. Undefined: the address stays. */
  readonly email: DjangoUser["email"] | undefined;
}

/** Returns those who came earlier, by their Django id. */
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

export async function insertUsers(run: RunStatement, users: readonly NewUser[]): Promise<void> {
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
 * Applies what has changed in Django since the last import, and nothing else. A password that was changed here stays,
 * because its user may have changed it for a reason. Roles and activations are applied elsewhere.
 */
export async function updateUsers(
  run: RunStatement,
  users: readonly ChangedUser[],
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
      `UPDATE "user" SET password_hash = ? WHERE id = ? AND credentials_version = 0 RETURNING id`,
      [passwordHash, id],
    );
    if (changed.length > 0) continue;
    const text = "The password has changed in Django, but also here. The one from here stays.";
    report.remark({ djangoId, username: imported.username }, "password", text);
  }
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
    "UPDATE django_user SET imported = given.value FROM given WHERE django_id = given.id",
  );
}

function columnsOf({ username, key, skeleton, shownSkeleton }: StoredName) {
  return [username, key, skeleton, shownSkeleton];
}

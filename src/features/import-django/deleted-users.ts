import type { Progress } from "../../progress.js";
import type { Sql } from "../../sql.js";
import type { Report } from "./report.js";
import type { DjangoSource } from "./source.js";

/** The number of users that are looked up at a time. */
const PAGE_SIZE = 1000;

interface User {
  readonly djangoId: string;
  readonly username: string;
}

/** Reports the imported users whom Django has deleted. They stay in Gatehouse. */
export async function reportDeleted(
  sql: Sql,
  source: DjangoSource,
  report: Report,
  progress: Progress,
): Promise<void> {
  for await (const users of importedUsers(sql)) {
    const existing = await source.existing(users.map(({ djangoId }) => djangoId));
    for (const user of users.filter(({ djangoId }) => !existing.has(djangoId))) {
      report.remark(user, "user", "Django no longer has this user. The user stays in Gatehouse.");
    }
    progress.add(users.length);
  }
}

async function* importedUsers(sql: Sql): AsyncGenerator<User[]> {
  let last = "";
  for (;;) {
    const users = await sql.readOnce<User>(
      `SELECT django_id AS "djangoId", username FROM django_user JOIN "user" ON id = user_id
       WHERE django_id > ? ORDER BY django_id LIMIT ${PAGE_SIZE}`,
      [last],
    );
    if (users.length === 0) return;
    last = users.at(-1)?.djangoId ?? "";
    yield users;
  }
}

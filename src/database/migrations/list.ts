import type { Migration } from "../../sql.js";
import { accountsKeysSessions } from "./2026-11-22-accounts-keys-sessions.js";
import { throttling } from "./2026-11-25-throttling.js";
import { profileRole } from "./2026-11-26-profile-role.js";
import { userNames } from "./2026-11-27-user-names.js";

/** A feature with its tables, if it has any. */
export interface TableOwner {
  readonly name: string;
  readonly entities?: readonly (abstract new () => object)[];
  readonly migrations?: readonly Migration[];
}

/** The core's migrations, oldest first. They are the same on every database, and never change after a release. */
const CORE: readonly Migration[] = [accountsKeysSessions, throttling, profileRole, userNames];

/**
 * Returns the migrations of the core, then those of `features`, in the order of application. Each has the name that the
 * database records. For a feature's migration, this is `feature:name`, because two features may use the same `name`.
 */
export function listMigrations(features: readonly TableOwner[]): Migration[] {
  const added = features.flatMap(({ name: feature, migrations = [] }) =>
    migrations.map(({ name, statements }) => ({ name: `${feature}:${name}`, statements })),
  );
  return [...CORE, ...added];
}

/**
 * Returns the recorded migrations that this version does not know, because a newer version has applied them. Migrations
 * of features that are off or removed do not count, because nothing uses their tables.
 * @param recorded the names that the database records
 */
export function findNewerMigrations(
  recorded: readonly string[],
  features: readonly TableOwner[],
): string[] {
  const known = new Set(listMigrations(features).map(({ name }) => name));
  const isInUse = (name: string) =>
    !name.includes(":") || features.some((feature) => name.startsWith(`${feature.name}:`));
  return recorded.filter((name) => isInUse(name) && !known.has(name));
}

import type { Migration } from "../../sql.js";
import { accountsKeysSessions } from "./2026-11-22-accounts-keys-sessions.js";
import { throttling } from "./2026-11-25-throttling.js";
import { profileRole } from "./2026-11-26-profile-role.js";
import { sessionAuthenticatedAt } from "./2026-11-27-session-authenticated-at.js";
import { userNames } from "./2026-11-27-user-names.js";
import { sessionImpersonator } from "./2026-11-28-session-impersonator.js";
import { sessionMethods } from "./2026-11-28-session-methods.js";
import { sessionSecondFactor } from "./2026-11-28-session-second-factor.js";

export interface TableOwner {
  readonly name: string;
  readonly loadEntities?: (this: void) => Promise<readonly (abstract new () => object)[]>;
  readonly migrations?: readonly Migration[];
}

/** The core's migrations, oldest first. A released migration never changes. */
const CORE: readonly Migration[] = [
  accountsKeysSessions,
  throttling,
  profileRole,
  sessionAuthenticatedAt,
  userNames,
  sessionImpersonator,
  sessionMethods,
  sessionSecondFactor,
];

/**
 * Returns all migrations in the order of application. A feature's migration is named `feature:name`, because two
 * features may use the same name.
 */
export function listMigrations(features: readonly TableOwner[]): Migration[] {
  const added = features.flatMap(({ name: feature, migrations = [] }) =>
    migrations.map(({ name, statements }) => ({ name: `${feature}:${name}`, statements })),
  );
  return [...CORE, ...added];
}

/**
 * Returns the names of the recorded migrations that this version does not know. A newer version of Gatehouse or of a
 * feature has applied them. Ignores the migrations of features that are off.
 * @param recorded the names of the applied migrations
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

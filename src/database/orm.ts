import { MikroORM, type Options, UnderscoreNamingStrategy } from "@mikro-orm/core";
import type { AbstractSqlDriver } from "@mikro-orm/sqlite";
import { ProfileEntity } from "../accounts/profile.entity.js";
import { UserEntity } from "../accounts/user.entity.js";
import { SigningKeyEntity } from "../keys/signing-key.entity.js";
import { LeaseEntity } from "../maintenance/lease.entity.js";
import { SessionEntity } from "../sessions/session.entity.js";
import { ThrottleEntity } from "../throttling/throttle.entity.js";
import type { TableOwner } from "./migrations/list.js";

const CORE_ENTITIES = [
  UserEntity,
  ProfileEntity,
  SigningKeyEntity,
  SessionEntity,
  LeaseEntity,
  ThrottleEntity,
];

/**
 * Returns the SQL that would make the tables match the entities, or an empty text if they match. Ignores tables without
 * an entity, because features may create such tables.
 */
export async function findPendingChanges(
  options: Options<AbstractSqlDriver>,
  features: readonly TableOwner[],
): Promise<string> {
  const loaders = features.flatMap(({ loadEntities }) => loadEntities ?? []);
  const loaded = await Promise.all(loaders.map((load) => load()));
  const orm = await MikroORM.init<AbstractSqlDriver>({
    ...options,
    entities: [...CORE_ENTITIES, ...loaded.flat()],
    namingStrategy: UnderscoreNamingStrategy,
    metadataCache: { enabled: false },
    // With `true`, MikroORM would create a new database for a misspelt name.
    ensureDatabase: false,
    logger: () => undefined,
  });
  try {
    return await orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  } finally {
    await orm.close();
  }
}

import type { TableOwner } from "./list.js";

const NAME = "copy-database";
const MIGRATION = "unfinished";

/**
 * Creates the table in which `gatehouse copy-database` records its progress. While this migration is recorded, the copy
 * is not complete, and no server may use the database.
 *
 * Each row describes one table of the copy. `last_row` is the SQLite `rowid` of the last row that was copied. `digest`
 * is the digest of all rows that were copied.
 */
export const UNFINISHED_COPY: TableOwner = {
  name: NAME,
  migrations: [
    {
      name: MIGRATION,
      statements: [
        `create table "database_copy" (
          "table_name" text not null primary key,
          "last_row" bigint not null,
          "row_count" bigint not null,
          "digest" text not null)`,
      ],
    },
  ],
};

/** The name under which the migration is recorded. */
export const UNFINISHED_COPY_NAME = `${NAME}:${MIGRATION}`;

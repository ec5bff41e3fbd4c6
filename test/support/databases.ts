import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "@jest/globals";
import { findPostgresFault, runPostgres, takePostgresDatabase } from "./postgresql.js";
import { runSql } from "./sqlite.js";

export type DatabaseKind = "sqlite" | "postgresql";

/** An empty database for one test, or for the tests of one block. */
export interface TestDatabase {
  readonly url: string;
  /** Runs one statement, with `?` for its parameters, on a separate connection. */
  sql(statement: string, parameters?: unknown[]): Promise<any[]>;
  drop(): Promise<void>;
}

const postgresFault = await findPostgresFault();
if (postgresFault !== null && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`PostgreSQL is required, but cannot be reached: ${postgresFault}`);
}

/** The databases that can be reached here, for `describe.each(DATABASES)("over %s", (database) => …)`. */
export const DATABASES: readonly DatabaseKind[] =
  postgresFault === null ? ["sqlite", "postgresql"] : ["sqlite"];

/** `describe` if PostgreSQL can be reached; otherwise it skips the tests and says why. */
export const describePostgres = postgresFault === null ? describe : describe.skip;

if (postgresFault !== null) {
  describe.skip(`over postgresql: it cannot be reached (${postgresFault})`, () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

export function createDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === "sqlite" ? createSqlite() : createPostgres();
}

async function createSqlite(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "gate-"));
  const path = join(folder, "gate.sqlite");
  return {
    url: `sqlite:${path}`,
    sql: (statement, parameters) => runSql(path, statement, parameters),
    drop: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createPostgres(): Promise<TestDatabase> {
  const { url, release } = await takePostgresDatabase();
  return {
    url,
    sql: (statement, parameters) => runPostgres(url, statement, parameters),
    drop: () => {
      release();
      return Promise.resolve();
    },
  };
}

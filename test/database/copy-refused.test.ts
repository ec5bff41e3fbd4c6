import { afterEach, describe, expect, test } from "@jest/globals";
import { ServiceUnavailable } from "../../src/errors.js";
import { describePostgres } from "../support/databases.js";
import { LOCK_TABLES } from "../support/locks.js";
import { library, setUpCopying } from "./copying.js";

describePostgres("a copy of a SQLite database to PostgreSQL", () => {
  const copying = setUpCopying();

  describe("is refused in one line, and nothing is copied:", () => {
    afterEach(async () => {
      expect(await copying.target.sql("SELECT * FROM pg_tables WHERE tablename = 'user'")).toEqual(
        [],
      );
    });

    test("the source is of a newer version, or an older one", async () => {
      await copying.source.sql("INSERT INTO mikro_orm_migrations (name) VALUES ('2099-01-01-new')");
      await expect(copying.copy()).rejects.toThrow(
        /^A newer version wrote the database sqlite:\S+: the migration 2099-01-01-new is unknown\.$/,
      );
      await copying.source.sql(
        "UPDATE mikro_orm_migrations SET name = 'library:2' WHERE name LIKE '2099%'",
      );
      await expect(copying.copy()).rejects.toThrow(
        /^A newer version .*: the migration library:2 is unknown\.$/,
      );
      await copying.source.sql(
        "DELETE FROM mikro_orm_migrations WHERE name = 'library:2' OR id = 8",
      );
      await expect(copying.copy()).rejects.toThrow(
        /^An older version wrote the database\. Run `gatehouse migrate --database sqlite:\S+` first\.$/,
      );
    });

    test("a feature of the source is not loaded", async () => {
      await expect(copying.copy([library])).rejects.toThrow(
        /has tables of the feature visits\. Set FEATURES as for the server\.$/,
      );
    });

    test("the source has no tables of Gatehouse", async () => {
      await copying.source.sql("DROP TABLE mikro_orm_migrations");
      await expect(copying.copy()).rejects.toThrow(
        /^The database sqlite:\S+ has no tables of Gatehouse\.$/,
      );
    });

    test("another program writes to the source", async () => {
      const release = await LOCK_TABLES.sqlite({
        databaseUrl: copying.source.url,
        databasePath: copying.source.url.slice("sqlite:".length),
      });
      try {
        await expect(copying.copy()).rejects.toMatchObject({
          message: expect.stringMatching(
            /^The database sqlite:\S+ cannot be locked \(SQLITE_BUSY: database is locked\)\. Stop/,
          ),
          cause: expect.any(ServiceUnavailable),
        });
      } finally {
        await release();
      }
    });
  });

  test("is refused if the tables of the source differ from those of its migrations", async () => {
    await copying.source.sql(`ALTER TABLE "user" ADD COLUMN nickname text`);
    await expect(copying.copy()).rejects.toThrow(
      /^The table user has other columns than its migrations create: \w+(, \w+)*\.$/,
    );
    await copying.source.sql("DROP TABLE visit");
    await expect(copying.copy()).rejects.toThrow(
      "The target database has the table visit, but the source database does not.",
    );
  });
});

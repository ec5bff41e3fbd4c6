import { expect, test } from "@jest/globals";
import { ServiceUnavailable } from "../../src/errors.js";
import { describePostgres } from "../support/databases.js";
import { FIRST_PAGE, setUpCopying } from "./copying.js";

describePostgres("a copy of a SQLite database to PostgreSQL", () => {
  const copying = setUpCopying();

  /** Returns the number of the transaction that wrote a row. */
  const writtenBy = (table: string, id: string) =>
    copying.target.sql(`SELECT xmin::text FROM "${table}" WHERE id = '${id}'`);

  test("that stopped continues after the rows that were already copied", async () => {
    await copying.stopHalfWay();
    const before = await writtenBy("book", "book1");
    copying.shown = "";
    await copying.expectComplete();
    expect(await writtenBy("book", "book1")).toEqual(before);
    expect(copying.shown).toContain("\x1b[KRead book again: 0 of 2,000");
    expect(copying.shown).toContain("\x1b[KRead book again: 2,000 of 2,000");
    expect(copying.shown).toContain("\x1b[KCopy book: 5,500 of 5,500");
  });

  test("that stopped starts a table again if its copied rows have changed in SQLite", async () => {
    await copying.stopHalfWay();
    await copying.source.sql("UPDATE book SET copies = 7 WHERE id = 'book1'");
    const before = await writtenBy("writer", "ada");
    await copying.expectComplete();
    expect(await writtenBy("writer", "ada")).toEqual(before);
  });

  test("that stopped starts a table and all later ones again if a copied row was deleted in SQLite", async () => {
    await copying.stopHalfWay();
    await copying.source.sql("UPDATE writer SET mentor_id = NULL");
    await copying.source.sql("DELETE FROM writer WHERE id = 'mary'");
    await copying.source.sql("INSERT INTO writer VALUES ('zoe', NULL)");
    await copying.expectComplete();
  });

  test("that stopped starts a table again if a row of the copy is missing", async () => {
    await copying.stopHalfWay();
    await copying.target.sql("DELETE FROM book WHERE id = 'book1'");
    await copying.expectComplete();
  });

  test("that stopped starts a table again if its values cannot be compared", async () => {
    await copying.source.sql(
      `INSERT INTO visit
       WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${FIRST_PAGE})
       SELECT 'visit' || i, iif(i < ${FIRST_PAGE}, '2026-11-27', 'never'), 0.1 FROM n`,
    );
    await expect(copying.copy()).rejects.toThrow(
      /^The copy stopped at the table visit: .*"never"\.$/,
    );
    expect(await copying.count("visit")).toBe(FIRST_PAGE);
    await copying.source.sql("UPDATE visit SET hours = 0.2, at = NULL");
    await copying.copy();
    expect(await copying.target.sql("SELECT DISTINCT hours, at FROM visit")).toEqual([
      { hours: 0.2, at: null },
    ]);
  });

  test("that stopped before its first table names no table", async () => {
    await copying.stopHalfWay();
    await copying.target.sql("ALTER TABLE database_copy RENAME COLUMN digest TO other");
    await expect(copying.copy()).rejects.toThrow(
      /^The copy stopped: column "digest" does not exist\.$/,
    );
  });

  test("that lost its connection says how to continue", async () => {
    await copying.stopHalfWay();
    await copying.target.sql(
      `CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql
       AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'`,
    );
    await copying.target.sql("CREATE TRIGGER cut BEFORE INSERT ON book EXECUTE FUNCTION cut()");
    await expect(copying.copy()).rejects.toMatchObject({
      message: expect.stringMatching(
        /^The copy stopped at the table book: .*[^.]\. Run the same command again to continue\.$/,
      ),
      cause: expect.any(ServiceUnavailable),
    });
    await copying.target.sql("DROP FUNCTION cut CASCADE");
    await copying.expectComplete();
  });

  test("that stopped says why in one line, without a second full stop", async () => {
    await copying.stopHalfWay();
    await copying.target.sql(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
       AS $$ BEGIN RAISE EXCEPTION E' Disk 1.5 is\\n\\n  full. '; END $$`,
    );
    await copying.target.sql(
      "CREATE TRIGGER refuse BEFORE INSERT ON book EXECUTE FUNCTION refuse()",
    );
    await expect(copying.copy()).rejects.toThrow(
      /^The copy stopped at the table book: Disk 1\.5 is full\. Run the same command again to continue\.$/,
    );
  });

  test("that differs only in a boolean differs", async () => {
    await copying.stopHalfWay();
    await copying.target.sql("UPDATE book SET is_read = true WHERE id = 'book1'");
    await expect(copying.copy()).rejects.toThrow(/^The copy of book has other values\. /);
    await copying.expectComplete();
  });

  test("that differs from its source is emptied, and the next run replaces it", async () => {
    await copying.stopHalfWay();
    await copying.target.sql("UPDATE book SET copies = 7 WHERE id = 'book1'");
    await copying.source.sql("INSERT INTO visit VALUES ('1', NULL, NULL), ('2', NULL, NULL)");
    await copying.target.sql(
      "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    );
    await copying.target.sql(
      "CREATE TRIGGER lose BEFORE INSERT ON visit FOR EACH ROW WHEN (NEW.id = '1') EXECUTE FUNCTION lose()",
    );
    await expect(copying.copy()).rejects.toThrow(
      "The copy of book has other values. The copy of visit has 1 rows instead of 2. The copy has been emptied. Run the same command again.",
    );
    for (const table of ["book", "writer", "visit", "database_copy"]) {
      expect([table, await copying.count(table)]).toEqual([table, 0]);
    }
    await copying.target.sql("DROP FUNCTION lose CASCADE");
    await copying.source.sql("DELETE FROM visit");
    await copying.expectComplete();
  });
});

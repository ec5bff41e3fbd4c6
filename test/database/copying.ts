import { afterEach, beforeEach, expect } from "@jest/globals";
import { copyDatabase } from "../../src/database/copy/copy-database.js";
import { Database } from "../../src/database/database.js";
import { Progress } from "../../src/progress.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";
import { findOpenFiles } from "../support/sqlite.js";

/** More rows than the copy reads or compares at a time. */
export const BOOKS = 5500;
/** The rows that the copy reads first. */
export const FIRST_PAGE = 2000;

/** In alphabetical order, `book` comes before the table that it refers to. */
export const library = {
  name: "library",
  migrations: [
    {
      name: "1",
      statements: [
        `create table "writer" ("id" text not null primary key, "mentor_id" text null references "writer" ("id"))`,
        `create table "book" (
          "id" text not null primary key,
          "writer_id" text not null references "writer" ("id"),
          "copies" bigint null,
          "is_read" boolean null,
          "notes" json null,
          "cover" bytea null,
          "title length" integer generated always as (length("id")) stored)`,
      ],
    },
  ],
};
/** A feature with columns whose text differs between the databases. */
export const visits = {
  name: "visits",
  migrations: [
    {
      name: "1",
      statements: [
        `create table "visit" ("id" text not null primary key, "at" timestamp null, "hours" double precision null)`,
      ],
    },
  ],
};
export const FEATURES = [library, visits];

/** A SQLite database with the tables of two features, and an empty PostgreSQL database. */
export class Copying {
  source!: TestDatabase;
  target!: TestDatabase;
  /** The lines that were printed. */
  printed: string[] = [];
  /** The progress that was shown. */
  shown = "";

  async start(): Promise<void> {
    this.source = await createDatabase("sqlite");
    this.target = await createDatabase("postgresql");
    const database = await Database.open({ databaseUrl: this.source.url }, FEATURES);
    await database.migrate().finally(() => database.close());
    this.printed = [];
    this.shown = "";
  }

  async end(): Promise<void> {
    await this.source.drop();
    await this.target.drop();
  }

  /** Copies the source to the target. Returns the number of rows of each table. */
  async copy(features = FEATURES, databaseSchema?: string): Promise<Record<string, number>> {
    const write = (text: string) => Boolean((this.shown += text));
    const counts = await copyDatabase({
      from: this.source.url,
      to: { databaseUrl: this.target.url, ...(databaseSchema && { databaseSchema }) },
      features,
      progress: new Progress({ isTTY: true, write }),
      print: (line) => this.printed.push(line),
    });
    return Object.fromEntries(counts);
  }

  async addBooks(): Promise<void> {
    await this.source.sql(`INSERT INTO writer VALUES ('ada', 'mary'), ('mary', NULL)`);
    await this.source.sql(
      `INSERT INTO book (id, writer_id, copies)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${BOOKS})
       SELECT 'book' || i, 'ada', i FROM n`,
    );
  }

  /** Makes a copy stop after the first page of books, because PostgreSQL refuses the value `many`. */
  async stopHalfWay(): Promise<void> {
    await this.addBooks();
    await this.source.sql(`UPDATE book SET copies = 'many' WHERE id = 'book${FIRST_PAGE + 1}'`);
    await expect(this.copy()).rejects.toThrow(
      /^The copy stopped at the table book: invalid input syntax for type bigint: "many"\.$/,
    );
    expect(await this.count("book")).toBe(FIRST_PAGE);
    await this.source.sql(`UPDATE book SET copies = 1 WHERE copies = 'many'`);
  }

  /** Returns which of the source's files this process has open. Only Linux can tell. */
  openFiles(): Promise<string[]> {
    return findOpenFiles(this.source.url.slice("sqlite:".length));
  }

  /** Returns how many connections the target has. */
  async countConnections(): Promise<number> {
    const [row] = await this.target.sql(`SELECT count(*)::int AS total ${OTHER_CONNECTIONS}`);
    return row.total;
  }

  /** Returns the number of a table's rows in the target. */
  async count(table: string): Promise<number> {
    const [row] = await this.target.sql(`SELECT count(*)::int AS total FROM "${table}"`);
    return row.total;
  }

  /** Copies the source, and expects that the copy is equal to it. */
  async expectComplete(): Promise<void> {
    expect(await this.copy()).toMatchObject({ book: BOOKS, writer: 2, visit: 0, user: 0 });
    const books = "SELECT id, writer_id, copies FROM book ORDER BY id";
    const copied = await this.target.sql(`${books} COLLATE "C"`);
    expect(copied.map((row) => ({ ...row, copies: Number(row.copies) }))).toEqual(
      await this.source.sql(books),
    );
    const writers = "SELECT * FROM writer ORDER BY id";
    expect(await this.target.sql(writers)).toEqual(await this.source.sql(writers));
    const marks = await this.target.sql(
      "SELECT to_regclass('database_copy') AS progress, (SELECT count(*)::int FROM mikro_orm_migrations WHERE name LIKE 'copy%') AS marks",
    );
    expect(marks).toEqual([{ progress: null, marks: 0 }]);
  }
}

export function setUpCopying(): Copying {
  const copying = new Copying();
  beforeEach(() => copying.start());
  afterEach(() => copying.end());
  return copying;
}

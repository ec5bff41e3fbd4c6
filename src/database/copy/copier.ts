import type { Progress } from "../../progress.js";
import type { Database } from "../database.js";
import { UNFINISHED_COPY_NAME } from "../migrations/unfinished-copy.js";
import { Digest } from "./digest.js";
import type { CopySource } from "./source.js";
import {
  type Column,
  comparable,
  type Copied,
  countRows,
  digestTable,
  emptyTables,
  insertPage,
  listColumns,
  listTables,
  readCopied,
  sortByReferences,
} from "./target.js";

/** Copies all tables of Gatehouse and of its features, and compares the copy with the source. */
export class Copier {
  readonly #source: CopySource;
  readonly #target: Database;
  readonly #progress: Progress;
  readonly #print: (line: string) => void;
  readonly #columns = new Map<string, readonly Column[]>();
  readonly #digests = new Map<string, Digest>();
  /** The tables that earlier runs have copied, or begun to copy. All other tables are empty in the target. */
  #copied = new Map<string, Copied>();
  #table = "";

  /** @param target has the migrations of the source, and the migration that marks an unfinished copy */
  constructor(
    source: CopySource,
    target: Database,
    progress: Progress,
    print: (line: string) => void,
  ) {
    this.#source = source;
    this.#target = target;
    this.#progress = progress;
    this.#print = print;
  }

  /** The table that is being copied or compared; an empty text before the first table. */
  get table(): string {
    return this.#table;
  }

  /** @returns the number of rows of each table */
  async run(): Promise<ReadonlyMap<string, number>> {
    const { readOnce } = this.#target;
    const tables = await sortByReferences(readOnce, await listTables(readOnce));
    await this.#checkTables(tables);
    this.#copied = await readCopied(readOnce);
    for (const [index, table] of tables.entries()) {
      this.#table = table;
      await this.#copy(table, tables.slice(index));
    }
    const differences = await this.#complete(tables);
    if (differences.length === 0) {
      return new Map(tables.map((table) => [table, this.#digestOf(table).rows]));
    }
    throw new Error(
      `${differences.join(" ")} The copy has been emptied. Run the same command again.`,
    );
  }

  async #checkTables(tables: readonly string[]): Promise<void> {
    const own = await this.#source.tables();
    const unknown = tables.find((table) => !own.includes(table));
    if (unknown !== undefined) {
      throw new Error(
        `The target database has the table ${unknown}, but the source database does not.`,
      );
    }
    for (const table of own) {
      if (table === "mikro_orm_migrations" || tables.includes(table)) continue;
      this.#print(`The table ${table} is not copied, because it is not Gatehouse's.`);
    }
    for (const table of tables) {
      const columns = await listColumns(this.#target.readOnce, table);
      const names = columns.map(({ name }) => name).sort();
      const others = (await this.#source.columnsOf(table)).sort();
      if (names.join("\n") !== others.join("\n")) {
        throw new Error(
          `The table ${table} has other columns than its migrations create: ${others.join(", ")}.`,
        );
      }
      this.#columns.set(table, columns);
    }
  }

  /** @param rest the table, and all tables after it */
  async #copy(table: string, rest: readonly string[]): Promise<void> {
    const columns = this.#columnsOf(table);
    const { lastRow, digest } = await this.#findStart(table, rest);
    this.#digests.set(table, digest);
    this.#progress.start(`Copy ${table}`, await this.#source.count(table));
    this.#progress.add(digest.rows);
    const names = columns.map(({ name }) => name);
    for await (const page of this.#source.pages(table, names, lastRow)) {
      for (const row of page.rows) digest.add(comparable(row, columns));
      await this.#target.inLongTransaction((run) => insertPage(run, table, columns, page, digest));
      this.#progress.add(page.rows.length);
    }
  }

  /**
   * Returns the part of a table that an earlier run has copied. If the source or the copy may have changed since then,
   * returns an empty part. In that case, also empties this table and all later tables in the target, because rows of
   * the later tables may refer to this table.
   */
  async #findStart(table: string, rest: readonly string[]): Promise<Copied> {
    const none = { lastRow: null, digest: new Digest() };
    const copied = this.#copied.get(table);
    if (copied === undefined) return none;
    const columns = this.#columnsOf(table);
    const names = columns.map(({ name }) => name);
    const found = new Digest();
    this.#progress.start(`Read ${table} again`, copied.digest.rows);
    for await (const { rows } of this.#source.pages(table, names, null, copied.lastRow)) {
      for (const row of rows) found.add(comparable(row, columns));
      this.#progress.add(rows.length);
    }
    // The digest leaves out columns that cannot be compared, so it would not reveal a change in such a column.
    const isWholeCompared = comparable(names, columns).length === names.length;
    const isThere = (await countRows(this.#target.readOnce, table)) === copied.digest.rows;
    if (isWholeCompared && isThere && found.equals(copied.digest)) return copied;
    await this.#target.inLongTransaction((run) => emptyTables(run, rest));
    for (const emptied of rest) this.#copied.delete(emptied);
    return none;
  }

  /**
   * Compares the copy with the rows that were read from the source. If all are equal, marks the copy as complete.
   * Otherwise empties the copy.
   * @returns a sentence for each table that differs
   */
  async #complete(tables: readonly string[]): Promise<string[]> {
    return this.#target.inLongTransaction(async (run) => {
      const differences: string[] = [];
      for (const table of tables) {
        this.#table = table;
        const total = await this.#source.count(table);
        this.#progress.start(`Compare ${table}`, total);
        const found = await digestTable(run, table, this.#columnsOf(table), (count) => {
          this.#progress.add(count);
        });
        if (found.rows !== total) {
          differences.push(`The copy of ${table} has ${found.rows} rows instead of ${total}.`);
        } else if (!found.equals(this.#digestOf(table))) {
          differences.push(`The copy of ${table} has other values.`);
        }
      }
      if (differences.length > 0) {
        await emptyTables(run, tables);
      } else {
        await run("DROP TABLE database_copy", []);
        const forget = "DELETE FROM mikro_orm_migrations WHERE name = ? RETURNING 1";
        await run(forget, [UNFINISHED_COPY_NAME]);
      }
      return differences;
    });
  }

  #columnsOf(table: string): readonly Column[] {
    return this.#columns.get(table) ?? [];
  }

  #digestOf(table: string): Digest {
    return this.#digests.get(table) ?? new Digest();
  }
}

import { findUrlFault } from "../../config/postgresql-url.js";
import { openReadOnly } from "../../database/open-read-only.js";
import type { ReadOnlyDatabase, TextRow } from "../../database/read-only.js";
import { TableChecks } from "./table-checks.js";

const URL_HINT = "--from must be sqlite:PATH, postgresql://… or mysql://….";

/** The columns that a table of users must have. */
const REQUIRED = ["id", "username", "password", "is_active"];
const OPTIONAL = [
  ...["email", "first_name", "last_name", "is_staff", "is_superuser"],
  ...["date_joined", "last_login"],
];

const KEYS = "authtoken_token";
const OUTSTANDING = "token_blacklist_outstandingtoken";
const BLACKLISTED = "token_blacklist_blacklistedtoken";

export interface Tables {
  readonly user: string;
  /** Null if Profiles are not imported. */
  readonly profile: { readonly table: string; readonly roleColumn: string } | null;
}

/** Reads the database of a Django project, a batch of rows at a time. */
export class DjangoSource {
  /** Sentences about missing tables of keys and tokens, for the report. */
  readonly missing: string[] = [];
  readonly #database: ReadOnlyDatabase;
  readonly #tables: Tables;
  readonly #batchSize: number;
  #userColumns = "";
  #hasKeys = false;
  #hasTokens = false;

  private constructor(database: ReadOnlyDatabase, tables: Tables, batchSize: number) {
    this.#database = database;
    this.#tables = tables;
    this.#batchSize = batchSize;
  }

  /**
   * Opens the database read-only, and checks its tables.
   * @throws Error whose message is one line that says what is wrong
   */
  static async open(url: string, tables: Tables, batchSize: number): Promise<DjangoSource> {
    const source = new DjangoSource(await openUrl(url), tables, batchSize);
    try {
      await source.#checkTables();
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #checkTables(): Promise<void> {
    const { user, profile } = this.#tables;
    const checks = new TableChecks(this.#database);
    const columns = await checks.requireTable(user, REQUIRED, "--user-table", "last_login");
    const select = [...REQUIRED, ...OPTIONAL].map((name) =>
      columns.includes(name) ? this.#quote(name) : `NULL AS ${name}`,
    );
    this.#userColumns = select.join(", ");
    await checks.requireType(user, "id");
    if (profile !== null) {
      await checks.requireTable(
        profile.table,
        ["user_id", profile.roleColumn],
        "--profile-table and --role-column",
        profile.roleColumn,
      );
      await checks.requireType(profile.table, "user_id");
    }
    this.#hasKeys = await this.#findTable(checks, KEYS, ["key", "user_id", "created"]);
    const outstanding = ["id", "user_id", "jti", "token", "created_at", "expires_at"];
    this.#hasTokens =
      (await this.#findTable(checks, OUTSTANDING, outstanding)) &&
      (await this.#findTable(checks, BLACKLISTED, ["id", "token_id"]));
  }

  /**
   * Returns whether a table of keys or tokens exists.
   * @throws Error when the table exists, but lacks a column, for example because another version of the Django package
   * created it
   */
  async #findTable(
    checks: TableChecks,
    table: string,
    columns: readonly string[],
  ): Promise<boolean> {
    if ((await checks.columnsOf(table)).length === 0) {
      this.missing.push(`The database has no table ${table}, so none of its tokens are imported.`);
      return false;
    }
    await checks.requireTable(table, columns, "the version of the package that made it", "id");
    return true;
  }

  async countUsers(): Promise<number> {
    const table = this.#quote(this.#tables.user);
    const [row] = await this.#database.query(`SELECT COUNT(*) AS total FROM ${table}`);
    return Number(row?.["total"] ?? 0);
  }

  /** Yields all users in the order of their ids. */
  users(): AsyncGenerator<readonly TextRow[]> {
    return this.#pages(this.#userColumns, this.#quote(this.#tables.user), "id", "1 = 1");
  }

  /** Returns which of the ids are still in the table of users. */
  async existing(ids: readonly string[]): Promise<Set<string>> {
    const table = this.#quote(this.#tables.user);
    const rows = await this.#database.query(
      `SELECT id FROM ${table} WHERE id IN ${list(ids)}`,
      ids,
    );
    return new Set(rows.flatMap(({ id }) => id ?? []));
  }

  /** Returns the roles of the users' Profiles, by the user's id. */
  async profileRoles(ids: readonly string[]): Promise<Map<string, string>> {
    const { profile } = this.#tables;
    if (profile === null) return new Map();
    const role = this.#quote(profile.roleColumn);
    const rows = await this.#database.query(
      `SELECT user_id, ${role} AS role FROM ${this.#quote(profile.table)} WHERE user_id IN ${list(ids)}`,
      ids,
    );
    return new Map(rows.map((row) => [row["user_id"] ?? "", row["role"] ?? ""]));
  }

  /** Returns the users' keys of `rest_framework.authtoken`. */
  async keys(ids: readonly string[]): Promise<readonly TextRow[]> {
    if (!this.#hasKeys) return [];
    return this.#database.query(
      `SELECT ${this.#quote("key")}, user_id, created FROM ${KEYS} WHERE user_id IN ${list(ids)}`,
      ids,
    );
  }

  /**
   * Returns the users' tokens of simplejwt whose `expires_at` is in the future, and all their blacklisted tokens. A
   * blacklisted sliding token may expire later than `expires_at`, because a refresh extends the token, but does not
   * change that column.
   * @param now such as `2026-11-27 12:00:00`
   */
  async tokens(ids: readonly string[], now: string): Promise<readonly TextRow[]> {
    if (!this.#hasTokens) return [];
    return this.#database.query(
      `SELECT ${TOKEN} FROM ${TOKEN_TABLES}
       WHERE o.user_id IN ${list(ids)} AND (b.id IS NOT NULL OR o.expires_at > ?)`,
      [...ids, now],
    );
  }

  /** Yields the blacklisted tokens without a user. simplejwt can store such a row when a refresh replaces a token. */
  async *blacklistedWithoutUser(): AsyncGenerator<readonly TextRow[]> {
    if (!this.#hasTokens) return;
    const condition = "o.user_id IS NULL AND b.id IS NOT NULL";
    yield* this.#pages(TOKEN, TOKEN_TABLES, "o.id", condition);
  }

  async *#pages(
    columns: string,
    tables: string,
    key: string,
    condition: string,
  ): AsyncGenerator<readonly TextRow[]> {
    const statement = (after: string) =>
      `SELECT ${columns} FROM ${tables} WHERE ${condition} ${after} ORDER BY ${key} LIMIT ${this.#batchSize}`;
    let rows = await this.#database.query(statement(""));
    while (rows.length > 0) {
      yield rows;
      const last = rows.at(-1)?.["id"] ?? "";
      rows = await this.#database.query(statement(`AND ${key} > ?`), [last]);
    }
  }

  #quote(name: string): string {
    return this.#database.quote(name);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

const TOKEN = "o.id, o.user_id, o.jti, o.token, o.created_at, b.id AS blacklisted";
const TOKEN_TABLES = `${OUTSTANDING} o LEFT JOIN ${BLACKLISTED} b ON b.token_id = o.id`;

function list(values: readonly string[]): string {
  return `(${values.map(() => "?").join(", ")})`;
}

async function openUrl(url: string): Promise<ReadOnlyDatabase> {
  if (url.startsWith("mysql://") && URL.canParse(url)) {
    return (await import("./mysql.js")).openMysql(url);
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const fault = findUrlFault(url);
    if (fault !== "") throw new Error(`--from ${fault}.`);
    return openReadOnly(url);
  }
  if (/^sqlite:./.test(url)) return openReadOnly(url);
  throw new Error(URL_HINT);
}

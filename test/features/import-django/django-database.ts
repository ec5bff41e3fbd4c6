import { randomBytes } from "node:crypto";
import { describe, test } from "@jest/globals";
import { createDatabase, DATABASES, type DatabaseKind } from "../../support/databases.js";
import { createMysqlDatabase, findMysqlFault, runMysql } from "../../support/mysql.js";

export type SourceKind = DatabaseKind | "mysql";

const mysqlFault = await findMysqlFault();
if (mysqlFault !== null && process.env["REQUIRE_SERVICES"] === "1") {
  throw new Error(`MySQL is required, but cannot be reached: ${mysqlFault}`);
}
if (mysqlFault !== null) {
  describe.skip(`from mysql: it cannot be reached (${mysqlFault})`, () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

/** The databases of Django projects that can be reached here. */
export const SOURCES: readonly SourceKind[] =
  mysqlFault === null ? [...DATABASES, "mysql"] : DATABASES;

/** Types of columns as Django names them in each database. */
const TYPES: Readonly<Record<SourceKind, Readonly<Record<"id" | "bool" | "instant", string>>>> = {
  sqlite: { id: "integer PRIMARY KEY AUTOINCREMENT", bool: "bool", instant: "datetime" },
  postgresql: { id: "serial PRIMARY KEY", bool: "boolean", instant: "timestamptz" },
  mysql: { id: "integer AUTO_INCREMENT PRIMARY KEY", bool: "bool", instant: "datetime(6)" },
};

/** The tables that Django, rest_framework.authtoken and simplejwt's token_blacklist create. */
const tablesOf = ({ id, bool, instant }: (typeof TYPES)[SourceKind], key: string) => [
  `CREATE TABLE auth_user (id ${id}, password varchar(128) NOT NULL, last_login ${instant} NULL,
    is_superuser ${bool} NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
    last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff ${bool} NOT NULL,
    is_active ${bool} NOT NULL, date_joined ${instant} NOT NULL)`,
  `CREATE TABLE authtoken_token (${key} varchar(40) NOT NULL PRIMARY KEY, created ${instant} NOT NULL,
    user_id integer NOT NULL UNIQUE)`,
  `CREATE TABLE token_blacklist_outstandingtoken (id ${id}, token text NOT NULL, created_at ${instant} NULL,
    expires_at ${instant} NOT NULL, user_id integer NULL, jti varchar(255) NOT NULL UNIQUE)`,
  `CREATE TABLE token_blacklist_blacklistedtoken (id ${id}, blacklisted_at ${instant} NOT NULL,
    token_id bigint NOT NULL UNIQUE)`,
  `CREATE TABLE accounts_profile (id ${id}, user_id integer NOT NULL UNIQUE, role varchar(20) NOT NULL)`,
];

interface UserColumns {
  id?: number;
  username: string;
  email?: string;
  password?: string;
  is_active?: boolean;
  is_staff?: boolean;
  is_superuser?: boolean;
  last_login?: string | null;
}

/** A database of a Django project. */
export class DjangoDatabase {
  readonly kind: SourceKind;
  readonly url: string;
  readonly drop: () => Promise<void>;
  readonly #run: (sql: string, parameters: unknown[]) => Promise<any[]>;

  private constructor(
    kind: SourceKind,
    url: string,
    run: (sql: string, parameters: unknown[]) => Promise<any[]>,
    drop: () => Promise<void>,
  ) {
    this.kind = kind;
    this.url = url;
    this.#run = run;
    this.drop = drop;
  }

  static async empty(kind: SourceKind): Promise<DjangoDatabase> {
    if (kind === "mysql") {
      const { url, drop } = await createMysqlDatabase();
      return new DjangoDatabase(kind, url, (sql, values) => runMysql(url, sql, values), drop);
    }
    const database = await createDatabase(kind);
    const { url } = database;
    return new DjangoDatabase(
      kind,
      url,
      (sql, values) => database.sql(sql, values),
      () => database.drop(),
    );
  }

  /** Creates a database with the tables of a project. */
  static async create(kind: SourceKind): Promise<DjangoDatabase> {
    const database = await DjangoDatabase.empty(kind);
    for (const statement of tablesOf(TYPES[kind], database.#key)) await database.sql(statement);
    return database;
  }

  get #key(): string {
    return this.kind === "mysql" ? "`key`" : "key";
  }

  /** Runs one statement, with `?` for its parameters. */
  sql(statement: string, parameters: unknown[] = []): Promise<any[]> {
    return this.#run(statement, parameters);
  }

  /** Adds a user. */
  async user(columns: UserColumns): Promise<void> {
    const row = {
      ...{ email: "", password: "!", is_active: true, is_staff: false, is_superuser: false },
      ...{ first_name: "", last_name: "", last_login: null },
      date_joined: "2020-02-03 04:05:06.789012",
      ...columns,
    };
    await this.#insert("auth_user", row);
  }

  /** Gives a user a key, and returns the `Authorization` header with it. */
  async key(userId: number, key = randomBytes(20).toString("hex")): Promise<string> {
    await this.sql(
      `INSERT INTO authtoken_token (${this.#key}, created, user_id) VALUES (?, ?, ?)`,
      [...[key, "2021-02-03 04:05:06", userId]],
    );
    return `Token ${key}`;
  }

  /** Adds a token of simplejwt, with the claims that simplejwt would write. It is valid for a day, unless `claims` has `exp`. */
  async token(
    id: number,
    userId: number | null,
    {
      isBlacklisted = false,
      claims = {},
    }: { isBlacklisted?: boolean; claims?: { exp?: number; [claim: string]: unknown } } = {},
  ): Promise<void> {
    const { exp = Math.floor(Date.now() / 1000) + 86_400 } = claims;
    const payload = { token_type: "refresh", exp, jti: `jti-${id}`, user_id: userId, ...claims };
    const token = `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
    const expiresAt = new Date(exp * 1000).toISOString().slice(0, 19).replace("T", " ");
    await this.#insert("token_blacklist_outstandingtoken", {
      ...{ id, token, created_at: "2026-02-03 04:05:06", expires_at: expiresAt, user_id: userId },
      jti: `jti-${id}`,
    });
    if (isBlacklisted) await this.blacklist(id);
  }

  async blacklist(id: number): Promise<void> {
    await this.#insert("token_blacklist_blacklistedtoken", {
      ...{ blacklisted_at: "2026-02-03 04:05:06", token_id: id },
    });
  }

  async #insert(table: string, row: object): Promise<void> {
    const names = Object.keys(row);
    await this.sql(
      `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      Object.values(row),
    );
  }
}

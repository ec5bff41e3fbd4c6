import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { expectOneLine } from "../../support/command.js";
import { setUpGate } from "../../support/gate.js";
import { runHere, runOver } from "./command.js";
import { DjangoDatabase, SOURCES, type SourceKind } from "./django-database.js";

const gate = setUpGate({ django: true });

/** Imports in this process, and returns the message of the error. */
function faultOf(options: Record<string, string | true>): Promise<string> {
  return runHere(gate, "import-django", options).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
}

/** Changes the URL of a database. */
function withParts(
  url: string,
  parts: Partial<Record<"pathname" | "port" | "username" | "password", string>>,
) {
  return Object.assign(new URL(url), parts).href;
}

test("a command line without --from, or with another URL, is refused in one line", async () => {
  expectOneLine(await runOver(gate, "import-django"), /required option '--from <url>'/);
  expectOneLine(
    await runOver(gate, "import-django", "--from", "oracle://db"),
    /: --from must be sqlite:PATH, postgresql:\/\/… or mysql:\/\/…\.$/m,
  );
});

describe.each(SOURCES)("from %s", (kind: SourceKind) => {
  let django: DjangoDatabase;
  let empty: DjangoDatabase;

  beforeAll(async () => {
    [django, empty] = [await DjangoDatabase.create(kind), await DjangoDatabase.empty(kind)];
    await django.user({ id: 1, username: "ada" });
    // SQLite creates the file with the first table.
    await empty.sql("CREATE TABLE other (id integer)");
  });
  afterAll(async () => {
    await Promise.all([django.drop(), empty.drop()]);
  });

  test("a database without Django's tables is refused, with the options to check", async () => {
    expect(await faultOf({ from: empty.url })).toBe(
      "The database has no table auth_user. Check --user-table.",
    );
    expect(await faultOf({ from: django.url, userTable: "accounts_user" })).toBe(
      "The database has no table accounts_user. Check --user-table. Tables with a column last_login: auth_user.",
    );
    expect(await faultOf({ from: django.url, userTable: "accounts_profile" })).toBe(
      "The table accounts_profile has no columns username, password, is_active. Check --user-table, or name a view that has them.",
    );
    expect(await faultOf({ from: django.url, profileTable: "profile" })).toBe(
      "The database has no table profile. Check --profile-table and --role-column. Tables with a column role: accounts_profile.",
    );
    expect(
      await faultOf({ from: django.url, profileTable: "accounts_profile", roleColumn: "kind" }),
    ).toMatch(
      /^The table accounts_profile has no column kind\. Check --profile-table and --role-column/,
    );
  });

  test("tables of another version are refused with the names of the columns", async () => {
    await empty.sql(
      "CREATE TABLE auth_user (id integer, username text, password text, is_active integer)",
    );
    await empty.sql(
      "CREATE TABLE token_blacklist_outstandingtoken (id integer, jti_hex text, user_id integer)",
    );
    expect(await faultOf({ from: empty.url })).toMatch(
      /^The table token_blacklist_outstandingtoken has no columns jti, token, created_at, expires_at\./,
    );
    await empty.sql("DROP TABLE token_blacklist_outstandingtoken");
    await empty.sql("DROP TABLE auth_user");
  });
});

describe.each(SOURCES.filter((kind) => kind !== "sqlite"))("from %s", (kind) => {
  let url: string;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    ({ url, drop } = await DjangoDatabase.empty(kind));
  });
  afterAll(() => drop());

  test("a server that cannot be used is named in one line without the password", async () => {
    const password = "hunter2-hunter2";
    const faults = [
      await faultOf({ from: withParts(url, { pathname: "/nowhere" }) }),
      await faultOf({ from: withParts(url, { port: "1" }) }),
      await faultOf({ from: withParts(url, { username: "nobody", password }) }),
    ];
    expect(faults[0]).toBe("The database nowhere does not exist.");
    expect(faults[1]).toMatch(/^No (database|MySQL) server listens on 127\.0\.0\.1:1/);
    expect(faults[2]).toMatch(/^The (database|MySQL) server refuses the (role|user) nobody/);
    for (const fault of faults) expect(fault).not.toMatch(/hunter2|\n/);
  });
});

describe("from sqlite", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "django-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("a missing file and another file are refused, and no file is created", async () => {
    const path = join(folder, "db.sqlite3");
    expect(await faultOf({ from: `sqlite:${path}` })).toBe(`The file ${path} does not exist.`);
    await writeFile(
      path,
      "this is not a database, although it is long enough to be read as one".repeat(20),
    );
    expect(await faultOf({ from: `sqlite:${path}` })).toBe(
      `The file ${path} is not an SQLite database.`,
    );
  });
});

test("options that go together are checked", async () => {
  expect(await faultOf({ from: "sqlite:x", roleColumn: "role" })).toBe(
    "--role-column and --admin-value need --profile-table.",
  );
  await expect(runHere(gate, "export", { format: "json" })).rejects.toThrow(
    "Pass --users, --sessions, or both.",
  );
});

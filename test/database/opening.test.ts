import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parsePostgresUrl } from "../../src/config/postgresql-url.js";
import { Database } from "../../src/database/database.js";
import { explainMissingBinding } from "../../src/database/open-dialect.js";
import { connectionOptions } from "../../src/database/postgresql-server.js";
import { describePostgres } from "../support/databases.js";
import { setUpFreshDatabase } from "../support/fresh-database.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";

const PASSWORD = "hunter2";

async function faultOf(
  databaseUrl: string,
  settings: { createDatabase?: boolean } = {},
): Promise<string> {
  const error: unknown = await Database.open({ databaseUrl, ...settings }).then(
    async (database) => {
      await database.close();
      return new Error("It opened.");
    },
    (reason: unknown) => reason,
  );
  return (error as Error).message;
}

describePostgres(
  "a PostgreSQL database that cannot be opened is refused in one line that says why:",
  () => {
    test("the database does not exist", async () => {
      const url = Object.assign(new URL(POSTGRES_URL), { pathname: "/no_such_gate" });
      expect(await faultOf(url.href)).toBe(
        'The database no_such_gate does not exist; `gatehouse migrate --create` makes it: database "no_such_gate" does not exist',
      );
    });

    test("the server is too old", async () => {
      const sql = (statement: string) => runPostgres(POSTGRES_URL, statement);
      const schema = `gate_${randomBytes(4).toString("hex")}`;
      await sql(`CREATE SCHEMA ${schema}`);
      try {
        const faults = [];
        for (const version of ["110022", "120000"]) {
          // No real old server is available, so this server is made to report an old version.
          await sql(
            `CREATE OR REPLACE VIEW ${schema}.pg_settings AS SELECT name, CASE name
               WHEN 'server_version_num' THEN '${version}' ELSE setting END AS setting FROM pg_catalog.pg_settings`,
          );
          const options = encodeURIComponent(`-c search_path=${schema},pg_catalog`);
          faults.push(await faultOf(`${POSTGRES_URL}?options=${options}`));
        }
        expect(faults).toEqual([
          "The database server is PostgreSQL 11, but Gatehouse needs 12 or newer.",
          "It opened.",
        ]);
      } finally {
        await sql(`DROP SCHEMA ${schema} CASCADE`);
      }
    });

    test("no schema can be used", async () => {
      expect(await faultOf(`${POSTGRES_URL}?options=-c%20search_path%3Dnowhere`)).toBe(
        "The role's search_path names no schema that the role can use. Set DATABASE_SCHEMA.",
      );
    });

    test("the role is refused, and the password is not printed", async () => {
      const url = Object.assign(new URL(POSTGRES_URL), {
        username: "no_such_role",
        password: PASSWORD,
      });
      const fault = await faultOf(url.href);
      expect(fault).toMatch(/^The database server refuses the role no_such_role/);
      expect(fault).not.toContain(PASSWORD);
    });
  },
);

/** The answer of PostgreSQL that refuses a connection. */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

describe("a server that cannot be used is refused in one line that says why:", () => {
  /** What the server answers to the messages of each connection, in turn. */
  let answers: readonly (string | Buffer)[];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => {
      const [answer] = answers;
      if (answer === undefined) return;
      answers = answers.slice(1);
      socket.write(answer);
    });
  });
  let port: number;

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test.each<[what: string, query: string, answers: readonly (string | Buffer)[], line: RegExp]>([
    [
      "a server without TLS",
      "sslmode=require",
      ["N"],
      /^The database server has no TLS, which sslmode=require needs: /,
    ],
    [
      "a server of another protocol",
      "sslmode=prefer",
      ["-ERR unknown command\r\n"],
      /^The database cannot be reached\. Check its URL, .*: There was an error establishing an SSL connection$/,
    ],
    [
      "a server that never answers",
      "connect_timeout=1",
      [],
      /^The database server 127\.0\.0\.1:\d+ did not answer within 1 s: timeout expired$/,
    ],
    [
      "a server without TLS that refuses the role",
      "sslmode=prefer",
      ["N", refusal("28000", "no entry")],
      /^The database server refuses the role ada: no entry$/,
    ],
  ])("%s", async (_what, query, given, line) => {
    answers = given;
    expect(await faultOf(`postgresql://ada:${PASSWORD}@127.0.0.1:${port}/a?${query}`)).toMatch(
      line,
    );
  });

  test("by default, a connection may take 5 seconds", () => {
    const timeoutOf = (query: string) =>
      connectionOptions(parsePostgresUrl(`postgresql:///shop${query}`)).connectionTimeoutMillis;
    expect(timeoutOf("")).toBe(5000);
    expect(timeoutOf("?connect_timeout=7")).toBe(7000);
    expect(timeoutOf("?connect_timeout=0")).toBe(0);
  });
});

describe("SQLite's driver that cannot be loaded is refused", () => {
  const failureOf = (cause: Error) => {
    try {
      return explainMissingBinding(cause);
    } catch (error) {
      return error as Error;
    }
  };

  test.each([
    ["missing", new Error("Could not locate the bindings file. Tried: …")],
    [
      "for another system",
      Object.assign(new Error("invalid ELF header"), { code: "ERR_DLOPEN_FAILED" }),
    ],
  ])("with the commands that compile it, if its binary is %s", (_what, cause) => {
    const failure = failureOf(cause);
    expect(failure.message).toBe(
      `SQLite's driver is not compiled for this system. Run npm rebuild sqlite3 (npm), or pnpm approve-builds (pnpm), or yarn rebuild sqlite3, with "dependenciesMeta": { "sqlite3": { "built": true } } in package.json (Yarn), or bun pm trust sqlite3 (Bun).`,
    );
    expect(failure.cause).toBe(cause);
  });

  test("with the original error in any other case", () => {
    const cause = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    expect(failureOf(cause)).toBe(cause);
  });
});

describe("a SQLite file that cannot be used is refused in one line:", () => {
  const fresh = setUpFreshDatabase("sqlite");

  test("it is missing, and may not be created", async () => {
    expect(await faultOf(fresh.url, { createDatabase: false })).toMatch(
      /^The database file \S+ does not exist\. Check the path\. If the database is new, create it/,
    );
    expect(await faultOf(fresh.url, { createDatabase: true })).toBe("It opened.");
    expect(await faultOf(fresh.url, { createDatabase: false })).toBe("It opened.");
  });

  test("its name is that of a folder", async () => {
    await mkdir(fresh.path);
    expect(await faultOf(fresh.url)).toMatch(
      /^The database file \S+ cannot be used \(SQLITE_[A-Z]+\)\.$/,
    );
  });

  test("its folder is a file", async () => {
    await writeFile(fresh.path, "");
    expect(await faultOf(`${fresh.url}/gate.sqlite`)).toBe(
      `The database file ${fresh.path}/gate.sqlite cannot be created or written (EEXIST).`,
    );
  });

  test("the error has that of SQLite or of the system as its cause", async () => {
    const open = (databaseUrl = fresh.url) => Database.open({ databaseUrl });
    await mkdir(fresh.path);
    await expect(open()).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^SQLITE_/) },
    });
    await rm(fresh.path, { recursive: true });
    await writeFile(fresh.path, "not a database, but longer than the header of one: ".repeat(10));
    await expect(open()).rejects.toMatchObject({ cause: { code: "SQLITE_NOTADB" } });
    await expect(open(`${fresh.url}/gate.sqlite`)).rejects.toMatchObject({
      cause: { code: "EEXIST" },
    });
  });

  test("it is not a database", async () => {
    await writeFile(fresh.path, "not a database, but longer than the header of one: ".repeat(10));
    expect(await faultOf(fresh.url)).toBe(`The file ${fresh.path} is not an SQLite database.`);
  });
});

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import { type Auth, createAuth, ServiceUnavailable } from "../../src/index.js";
import { serveBeside, type Serving } from "../support/command.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";
import { describePgBouncer, PgBouncer } from "../support/pgbouncer.js";
import { OTHER_CONNECTIONS, runPostgres } from "../support/postgresql.js";

describePgBouncer("behind PgBouncer in transaction mode, with Debian's configuration", () => {
  const secretKey = randomBytes(32).toString("base64url");
  let bouncer: PgBouncer;
  let database: TestDatabase;
  let databaseUrl: string;

  beforeAll(async () => {
    bouncer = await PgBouncer.start();
  });
  afterAll(() => bouncer.stop());

  beforeEach(async () => {
    database = await createDatabase("postgresql");
    databaseUrl = bouncer.urlOf(database.url);
  });
  afterEach(() => database.drop());

  const openAuth = (options = {}) => createAuth({ secretKey, databaseUrl, ...options });

  /** Holds the server connection that was used last, so that the next statement gets another one. */
  async function holdConnection(statement = "SELECT 1"): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on("error", () => undefined);
    await client.connect();
    await client.query("BEGIN");
    await client.query(statement);
    return () => client.end();
  }

  async function expectService(servers: readonly Serving[], authorization: string): Promise<void> {
    for (const server of servers) {
      const answers = [await server.ask("{ me { username } }", authorization)];
      const release = await holdConnection();
      answers.push(await server.ask("{ me { username } }", authorization));
      await server.login("ada", PASSWORD);
      await release();
      const expected = { data: { me: { username: "ada" } } };
      expect(answers).toEqual([expected, expected]);
    }
  }

  test("two processes start at once, serve, stop and start again", async () => {
    const start = () => Promise.all([1, 2].map(() => serveBeside({ databaseUrl }, secretKey)));
    const first = await start();
    const auth = await openAuth();
    await auth.accounts.createUser({ username: "ada", password: PASSWORD });
    await auth.close();
    const authorization = await first[0]!.login("ada", PASSWORD);
    await expectService(first, authorization);
    const ended = [...(await Promise.all(first.map((server) => server.stop())))];
    const second = await start();
    await expectService(second, authorization);
    ended.push(...(await Promise.all(second.map((server) => server.stop()))));
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    // Only one process has created the first admin, and says so. No other message is expected.
    const errors = ended.map(({ stderr }) => stderr).filter((stderr) => stderr !== "");
    expect(errors).toEqual([expect.stringMatching(/^Created the first admin\./)]);
  }, 120_000);

  test("leaves no setting behind for other programs of the pool", async () => {
    const auth = await openAuth();
    await auth.close();
    const shown = await Promise.all(
      ["statement_timeout", "search_path"].map((name) => runPostgres(databaseUrl, `SHOW ${name}`)),
    );
    expect(shown).toEqual([[{ statement_timeout: "0" }], [{ search_path: '"$user", public' }]]);
    expect(await runPostgres(databaseUrl, "SELECT name FROM pg_prepared_statements")).toEqual([]);
  });

  test("DATABASE_SCHEMA is refused with a message that names a statement, and works after that statement", async () => {
    await database.sql("CREATE SCHEMA elsewhere");
    const fault =
      /^DATABASE_SCHEMA cannot be set through a pooler\. Run on the server: ALTER ROLE "\w+" SET search_path = "elsewhere"$/;
    await expect(openAuth({ databaseSchema: "elsewhere" })).rejects.toThrow(fault);
    const name = new URL(database.url).pathname.slice(1);
    // The statement changes the database and not the role, because other tests use the role.
    await database.sql(`ALTER DATABASE ${name} SET search_path = elsewhere`);
    try {
      await database.sql(`SELECT pg_terminate_backend(pid, 30000) ${OTHER_CONNECTIONS}`);
      const auth = await openAuth({ databaseSchema: "elsewhere" });
      await auth.close();
    } finally {
      await database.sql(`ALTER DATABASE ${name} RESET search_path`);
    }
    expect(
      await database.sql(`SELECT schemaname FROM pg_tables WHERE tablename = 'session'`),
    ).toEqual([{ schemaname: "elsewhere" }]);
    await database.sql("DROP SCHEMA elsewhere CASCADE");
  });

  test("a missing database and the URL's options are refused, and the error quotes the message of PgBouncer or the server", async () => {
    const missing = Object.assign(new URL(databaseUrl), { pathname: "/no_such_gate" }).href;
    await expect(openAuth({ databaseUrl: missing })).rejects.toThrow(
      /^The database server, or the pooler in front of it, refuses the connection: .*no_such_gate/,
    );
    const withOptions = `${databaseUrl}?options=-c%20geqo%3Doff`;
    await expect(openAuth({ databaseUrl: withOptions })).rejects.toThrow(
      "The database server, or the pooler in front of it, refuses the connection: unsupported startup parameter: options",
    );
  });

  test("OP-8: the server ends a write that waits too long, and the next statement runs", async () => {
    const auth: Auth = await openAuth({ databasePoolSize: 1 });
    const id = await auth.accounts.createUser({ username: "ada", password: PASSWORD });
    const release = await holdConnection(`SELECT * FROM "user" FOR UPDATE`);
    const refused: unknown = await auth.accounts.unlock(id).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ServiceUnavailable);
    expect(refused).toMatchObject({ cause: { code: "57014" } });
    await release();
    expect(await auth.accounts.getUser(id)).toMatchObject({ username: "ada" });
    await auth.close();
  });
});

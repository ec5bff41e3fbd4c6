import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { type AuthOptions, createAuth, defineFeature } from "../../src/index.js";
import { expectOneLine, setUpFolders } from "../support/command.js";
import { describePostgres } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";

const secretKey = randomBytes(32).toString("base64url");
const name = `gate_${process.env["TEST_RUN"]}_schema_${randomBytes(4).toString("hex")}`;
const role = `${name}_role`;
const administer = (sql: string) => runPostgres(POSTGRES_URL, sql);

function urlOf({ user = "", query = "", database = name } = {}): string {
  const url = Object.assign(new URL(POSTGRES_URL), { pathname: `/${database}`, search: query });
  return (user === "" ? url : Object.assign(url, { username: user, password: PASSWORD })).href;
}

const sql = (statement: string) => runPostgres(urlOf(), statement);

const tables = () =>
  sql("SELECT DISTINCT schemaname AS schema FROM pg_tables WHERE tablename = 'session'");

describePostgres("over PostgreSQL", () => {
  const folders = setUpFolders({ SECRET_KEY: secretKey });

  beforeAll(async () => {
    await administer(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  });
  afterAll(async () => {
    await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await administer(`DROP ROLE ${role}`);
  });

  test("`gatehouse migrate` refuses a missing database and schema, and creates them only with `--create`", async () => {
    const folder = await folders.empty();
    const env = { DATABASE_URL: urlOf(), DATABASE_SCHEMA: 'my "own" s\\chema' };
    const missing = new RegExp(`^gatehouse: The database ${name} does not exist; `);
    expectOneLine(await folder.run(["migrate"], { env }), missing);
    expectOneLine(await folder.run(["serve"], { env }), missing);
    const created = await folder.run(["migrate", "--create"], { env });
    expect(created).toEqual({
      code: 0,
      stdout: `Created the database ${name}.\nCreated the schema my "own" s\\chema.\nThe database is up to date.\n`,
      stderr: "",
    });
    expect(await tables()).toEqual([{ schema: 'my "own" s\\chema' }]);
    const again = await folder.run(["migrate", "--create"], { env });
    expect(again).toEqual({ code: 0, stdout: "The database is up to date.\n", stderr: "" });
    const other = { ...env, DATABASE_SCHEMA: "elsewhere" };
    expectOneLine(
      await folder.run(["migrate"], { env: other }),
      /The schema elsewhere does not exist; `gatehouse migrate --create` makes it\.$/m,
    );
  }, 120_000);

  describe("a role without rights on public", () => {
    beforeEach(async () => {
      await sql("DROP SCHEMA IF EXISTS auth CASCADE");
      await sql("REVOKE ALL ON SCHEMA public FROM public");
      await sql(`CREATE SCHEMA auth AUTHORIZATION ${role}`);
      await administer(`ALTER ROLE ${role} RESET search_path`);
    });

    const open = (options: Partial<AuthOptions> = {}) =>
      createAuth({ secretKey, databaseUrl: urlOf({ user: role }), ...options });

    async function expectService(options?: Partial<AuthOptions>): Promise<void> {
      const auth = await open(options);
      await auth.accounts.createUser({ username: "ada", password: PASSWORD });
      const logins = Array.from({ length: 5 }, () =>
        auth.authentication.login({ username: "ada" }, PASSWORD),
      );
      await Promise.all(logins);
      expect(await sql("SELECT count(*)::int AS count FROM auth.session")).toEqual([{ count: 5 }]);
      await auth.close();
    }

    test("migrates and runs with DATABASE_SCHEMA, even on a single connection", async () => {
      await expectService({ databaseSchema: "auth", databasePoolSize: 1 });
    });

    test("migrates and runs with the role's search_path, or with the URL's", async () => {
      await expectService({
        databaseUrl: urlOf({ user: role, query: "options=-c%20search_path%3Dauth" }),
      });
      await sql("TRUNCATE auth.session CASCADE");
      await sql('TRUNCATE auth."user" CASCADE');
      await administer(`ALTER ROLE ${role} SET search_path = auth`);
      await expectService();
    });

    test("without a schema is refused with a message that says what is missing", async () => {
      await expect(open()).rejects.toThrow(
        "The role's search_path names no schema that the role can use. Set DATABASE_SCHEMA.",
      );
      await sql(`GRANT USAGE ON SCHEMA public TO ${role}`);
      await expect(open()).rejects.toThrow(
        "The migrations cannot be applied: permission denied for schema public",
      );
    });
  });

  describe("a role without rights on the tables", () => {
    const options = { secretKey, databaseUrl: urlOf({ user: role }), databaseSchema: "auth" };

    beforeEach(async () => {
      await sql("DROP SCHEMA IF EXISTS auth CASCADE");
      await sql("CREATE SCHEMA auth");
      await sql(`GRANT USAGE ON SCHEMA auth TO ${role}`);
      const auth = await createAuth({ ...options, databaseUrl: urlOf() });
      await auth.close();
    });

    test.each([true, false])(
      "is refused in the server's words, with createDatabase %s",
      async (createDatabase) => {
        await expect(createAuth({ ...options, createDatabase })).rejects.toThrow(
          "The recorded migrations cannot be read: permission denied for table mikro_orm_migrations",
        );
      },
    );

    test("is refused in the server's words if it can read the migrations, but not record one", async () => {
      await sql(`GRANT ALL ON SCHEMA auth TO ${role}`);
      await sql(`GRANT SELECT ON auth.mikro_orm_migrations TO ${role}`);
      const reports = defineFeature({
        name: "reports",
        migrations: [{ name: "2026-11-27-first", statements: ["CREATE TABLE report (id text)"] }],
        create: () => ({}),
      });
      await expect(createAuth({ ...options, features: [reports] })).rejects.toThrow(
        "The migrations cannot be applied: permission denied for table mikro_orm_migrations",
      );
    });
  });

  test("the URL's application_name and options reach the server, and DATABASE_POOL_SIZE limits the connections", async () => {
    const query =
      "application_name=shop+1&options=-c%20work_mem%3D5MB%20-c%20statement_timeout%3D9s";
    const database = await Database.open({ databaseUrl: urlOf({ query }), databasePoolSize: 2 });
    const rows = await Promise.all(
      Array.from({ length: 8 }, () =>
        database.read<{ pid: number }>(
          `SELECT pg_backend_pid() AS pid, pg_sleep(0.05)::text, current_setting('application_name') AS name,
            current_setting('work_mem') AS memory, current_setting('statement_timeout') AS timeout`,
          [],
        ),
      ),
    );
    await database.close();
    expect(rows.flat()[0]).toMatchObject({ name: "shop+1", memory: "5MB", timeout: "9s" });
    expect(new Set(rows.flat().map(({ pid }) => pid)).size).toBe(2);
  });
});

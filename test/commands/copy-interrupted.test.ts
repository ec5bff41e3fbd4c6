import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { CLI, ROOT, runCommand } from "../support/command.js";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { setUpFreshGate } from "../support/gate.js";
import { CREATE_HOLD_UP, lockHoldUp } from "../support/hold-up.js";
import { startNode } from "../support/node-process.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";

/** More users than the copy reads in two pages. */
const USERS = 10_000;
/** Half of the users. The copy waits until it may write this one. */
const HALF = 5000;
/** In milliseconds. Long, because several processes start one after the other. */
const TIMEOUT = 240_000;

const INCOMPLETE =
  "gatehouse: This database is a copy that is not complete. Run `gatehouse copy-database` again.\n";

/** Makes the copy wait when it writes a certain user. Its tables do not exist before the copy begins. */
const WAIT_HALF_WAY = `${CREATE_HOLD_UP};
  CREATE FUNCTION add_trigger() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF to_regclass('"user"') IS NOT NULL THEN
        CREATE OR REPLACE TRIGGER hold_up BEFORE INSERT ON "user" FOR EACH ROW
          WHEN (NEW.username = 'user${HALF}') EXECUTE FUNCTION hold_up();
      END IF;
    END $$;
  CREATE EVENT TRIGGER add_trigger ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
    EXECUTE FUNCTION add_trigger()`;

describePostgres("a copy of a SQLite database to PostgreSQL", () => {
  const gate = setUpFreshGate({}, "sqlite");
  let target: TestDatabase;
  /** Ends the wait of the copy, and lets later copies pass. */
  let letGoOn: () => Promise<void>;

  beforeEach(async () => {
    target = await createDatabase("postgresql");
    await target.sql(WAIT_HALF_WAY);
    letGoOn = await lockHoldUp(target.url);
    await gate.sql(
      `INSERT INTO "user" (id, username, username_key, created_at)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
       SELECT printf('%032x', i), 'user' || i, 'user' || i, i FROM n`,
    );
    await gate.sql(`INSERT INTO profile (user_id, role) SELECT id, 'USER' FROM "user"`);
  });
  afterEach(async () => {
    await letGoOn();
    await target.drop();
  });

  /** The first user that is copied. */
  const FIRST = "1".padStart(32, "0");

  const parameters = () => ["copy-database", "--from", gate.databaseUrl, "--to", target.url];
  const start = () => ({ cwd: ROOT, env: { SECRET_KEY: gate.secretKey } });
  const copy = () => runCommand(parameters(), start());
  const serve = () => runCommand(["serve", "--database", target.url], start());

  /** Returns the number of users in the copy. */
  async function copied(): Promise<number> {
    const [row] = await target.sql('SELECT count(*) AS total FROM "user"').catch(() => []);
    return Number(row?.total ?? 0);
  }

  /** Starts a copy, and waits until it waits half-way. */
  async function startCopy() {
    const copying = startNode([CLI, ...parameters()], start());
    const waiting = `SELECT 1 ${OTHER_CONNECTIONS} AND wait_event = 'PgSleep'`;
    await eventually(async () => (await target.sql(waiting)).length === 1, 60_000);
    expect(await copied()).toBeGreaterThan(0);
    return copying;
  }

  async function killHalfWay(): Promise<void> {
    const { child, ended } = await startCopy();
    child.kill("SIGKILL");
    await ended;
    await letGoOn();
    expect(await copied()).toBeLessThan(USERS);
  }

  async function expectComplete(): Promise<void> {
    const { code, stdout, stderr } = await copy();
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^user: 10,000 rows$/m);
    expect(stdout).toMatch(/^profile: 10,000 rows$/m);
    expect(await copied()).toBe(USERS);
    const marks = await target.sql(
      "SELECT to_regclass('database_copy') AS progress, (SELECT count(*)::int FROM mikro_orm_migrations WHERE name LIKE 'copy%') AS marks",
    );
    expect(marks).toEqual([{ progress: null, marks: 0 }]);
  }

  test(
    "that is killed is refused by every command, and continues when it runs again",
    async () => {
      await killHalfWay();
      expect(await serve()).toEqual({ code: 1, stdout: "", stderr: INCOMPLETE });
      const unlocked = await runCommand(["unlock", "user1", "--database", target.url], start());
      expect(unlocked.stderr).toBe(INCOMPLETE);
      const versions = () => target.sql(`SELECT xmin FROM "user" WHERE id = '${FIRST}'`);
      const before = await versions();
      await expectComplete();
      // PostgreSQL still has the row that the first run wrote.
      expect(await versions()).toEqual(before);
    },
    TIMEOUT,
  );

  test(
    "starts over if rows that were already copied have changed in SQLite",
    async () => {
      await killHalfWay();
      await gate.sql(`UPDATE "user" SET password_hash = 'new' WHERE id = '${FIRST}'`);
      await expectComplete();
      const rows = await target.sql(
        `SELECT password_hash AS hash FROM "user" WHERE id = '${FIRST}'`,
      );
      expect(rows).toEqual([{ hash: "new" }]);
    },
    TIMEOUT,
  );

  test(
    "stops in one line when the connection is lost, and continues when it runs again",
    async () => {
      const { ended } = await startCopy();
      await target.sql(`SELECT pg_terminate_backend(pid) ${OTHER_CONNECTIONS}`);
      const { code, stdout, stderr } = await ended;
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^gatehouse: The copy stopped at the table \w+: [^\n]+\. Run the same command again to continue\.\n$/,
      );
      await expectComplete();
    },
    TIMEOUT,
  );

  test(
    "starts over if a row of the copy was deleted",
    async () => {
      await killHalfWay();
      await target.sql(`DELETE FROM "user" WHERE id = '${FIRST}'`);
      await expectComplete();
    },
    TIMEOUT,
  );

  test(
    "that differs from its source fails, is refused, and is replaced by the next run",
    async () => {
      await killHalfWay();
      await target.sql(`UPDATE "user" SET password_hash = 'other' WHERE id = '${FIRST}'`);
      await target.sql(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      );
      await target.sql(
        `CREATE TRIGGER lose BEFORE INSERT ON profile FOR EACH ROW
         WHEN (NEW.user_id = '${FIRST}') EXECUTE FUNCTION lose()`,
      );
      const { code, stdout, stderr } = await copy();
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toBe(
        "gatehouse: The copy of user has other values. The copy of profile has 9999 rows instead of 10000. The copy has been emptied. Run the same command again.\n",
      );
      await target.sql("DROP FUNCTION lose CASCADE");
      expect((await serve()).stderr).toBe(INCOMPLETE);
      await expectComplete();
    },
    TIMEOUT,
  );

  test(
    "locks SQLite: a server still reads meanwhile, and refuses writes",
    async () => {
      const { access, refresh } = await gate.issue(FIRST);
      const { child, ended } = await startCopy();
      child.kill("SIGSTOP");
      await letGoOn();
      try {
        expect((await gate.me(`Bearer ${access}`)).data.me.username).toBe("user1");
        expect((await gate.refresh(refresh)).code).toBe("SERVICE_UNAVAILABLE");
        const { code, stderr } = await copy();
        expect([code, stderr]).toEqual([
          1,
          `gatehouse: The database ${gate.databaseUrl} cannot be locked (SQLITE_BUSY: database is locked). Stop the programs that write to it.\n`,
        ]);
      } finally {
        child.kill("SIGCONT");
      }
      expect((await ended).code).toBe(0);
      expect((await gate.refresh(refresh)).errors).toBeUndefined();
    },
    TIMEOUT,
  );
});

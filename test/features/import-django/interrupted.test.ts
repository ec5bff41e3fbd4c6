import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { CLI, ROOT } from "../../support/command.js";
import { describePostgres } from "../../support/databases.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate, setUpFreshGate } from "../../support/gate.js";
import { holdUp } from "../../support/hold-up.js";
import { startNode } from "../../support/node-process.js";
import { OTHER_CONNECTIONS } from "../../support/postgresql.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase } from "./django-database.js";

/** The number of users. It is more than three batches. */
const USERS = 3500;
/** A user of the second batch. */
const LATER = "NEW.username = 'user2000'";

let django: DjangoDatabase;

async function fill(kind: "sqlite" | "postgresql"): Promise<void> {
  django = await DjangoDatabase.create(kind);
  const [is, isNot] = kind === "sqlite" ? ["1", "0"] : ["true", "false"];
  await django.sql(
    `INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
     SELECT i, '!', ${isNot}, 'user' || i, '', '', '', ${isNot}, ${is}, '2020-01-01 00:00:00' FROM n`,
  );
  await django.sql(
    `INSERT INTO authtoken_token (key, created, user_id)
     SELECT '00000000000000000000000000000000000' || (10000 + id), '2020-01-01 00:00:00', id FROM auth_user`,
  );
}

async function count(gate: Gate, table: string): Promise<number> {
  const [row] = await gate.sql(`SELECT count(*) AS total FROM ${table}`);
  return Number(row.total);
}

/** Expects that every imported user has its key, and that a second run imports the rest. */
async function expectCompletion(gate: Gate): Promise<void> {
  const users = await count(gate, '"user"');
  expect(users).toBeGreaterThan(0);
  expect(users).toBeLessThan(USERS);
  expect(await count(gate, "session")).toBe(users);
  const { summary } = await importFrom(gate, django.url);
  expect(summary).toMatchObject({ isComplete: true, usersCreated: USERS - users });
  expect([await count(gate, '"user"'), await count(gate, "session")]).toEqual([USERS, USERS]);
}

describeFreshGates({ django: true }, (gate) => {
  beforeEach(() => fill("sqlite"));
  afterEach(() => django.drop());

  test("an import that is killed leaves only whole users, and a second run imports the rest", async () => {
    const letGoOn = await holdUp(gate, 'INSERT ON "user"', LATER);
    const { child, ended } = startNode([CLI, "import-django", "--from", django.url], {
      cwd: ROOT,
      env: { DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey, DJANGO: "on" },
    });
    await eventually(async () => (await count(gate, '"user"')) > 0, 60_000);
    child.kill("SIGKILL");
    await ended;
    await letGoOn();
    await expectCompletion(gate);
  });

  test("a server refuses no request while an import runs", async () => {
    const id = await gate.user("ada");
    let { refresh } = await gate.issue(id);
    const over = new AbortController();
    const importing = runOver(gate, "import-django", "--from", django.url).finally(() => {
      over.abort();
    });
    let refreshes = 0;
    while (!over.signal.aborted) {
      const answer = await gate.refresh(refresh);
      expect(answer.errors).toBeUndefined();
      ({ refresh } = answer.data.refreshToken);
      refreshes += 1;
    }
    expect((await importing).stdout).toContain("3,500 new");
    expect(refreshes).toBeGreaterThan(10);
  });
});

describePostgres("from postgresql", () => {
  const gate = setUpFreshGate({ django: true }, "postgresql");
  beforeEach(() => fill("postgresql"));
  afterEach(() => django.drop());

  test("a lost connection stops the import in one line, which says what to do", async () => {
    const letGoOn = await holdUp(gate, 'INSERT ON "user"', LATER);
    const importing = runOver(gate, "import-django", "--from", django.url);
    await eventually(async () => (await count(gate, '"user"')) > 0, 60_000);
    await django.sql(`SELECT pg_terminate_backend(pid) ${OTHER_CONNECTIONS}`);
    await letGoOn();
    const { code, stdout, stderr } = await importing;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Users: [\d,]+ read, [\d,]+ new/);
    expect(stderr).toMatch(
      /^gatehouse: The import stopped: [^\n]+ All users imported so far are complete\. Run the same command again to import the rest\.\n$/,
    );
    await expectCompletion(gate);
  });
});

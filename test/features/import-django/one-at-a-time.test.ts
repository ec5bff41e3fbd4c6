import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ROOT } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate } from "../../support/gate.js";
import { describeTerminal, runOnTerminal } from "../../support/terminal.js";
import { importFrom, runOver } from "./command.js";
import { DjangoDatabase } from "./django-database.js";

/** The number of users. It is so large that an import takes longer than the start of another one. */
const MANY = 30_000;
const FEW = 1500;

let django: DjangoDatabase;

beforeEach(async () => {
  django = await DjangoDatabase.create("sqlite");
});
afterEach(() => django.drop());

/** Stores users with keys in Django. */
async function storeUsers(total: number): Promise<void> {
  await django.sql(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${total})
     INSERT INTO auth_user SELECT i, '!', NULL, 0, 'user' || i, '', '', '', 0, 1, '2020-01-01 00:00:00' FROM n`,
  );
  await django.sql(
    `INSERT INTO authtoken_token
     SELECT substr('0000000000000000000000000000000000000000' || id, -40), '2020-01-01', id FROM auth_user`,
  );
}

async function count(gate: Gate, table: string): Promise<number> {
  const [row] = await gate.sql(`SELECT count(*) AS total FROM ${table}`);
  return Number(row.total);
}

describeFreshGates({ django: true }, (gate) => {
  test("of two imports at the same time, one waits and says so, and nothing is imported twice", async () => {
    await storeUsers(MANY);
    const importAll = () => runOver(gate, "import-django", "--from", django.url);
    const first = importAll();
    await eventually(
      async () => (await gate.sql("SELECT 1 FROM lease WHERE name = 'import-django'")).length > 0,
      60_000,
    );
    const both = await Promise.all([first, importAll()]);
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, "Another import is running. This one starts when the other has ended.\n"],
    ]);
    const users = both.map(({ stdout }) => /^Users: .*/m.exec(stdout)?.[0]);
    expect(users).toEqual([
      "Users: 30,000 read, 30,000 new, 0 changed, 0 as before, 0 not imported.",
      "Users: 30,000 read, 0 new, 0 changed, 30,000 as before, 0 not imported.",
    ]);
    expect([await count(gate, '"user"'), await count(gate, "session")]).toEqual([MANY, MANY]);
    expect(await gate.sql("SELECT name FROM lease WHERE name = 'import-django'")).toEqual([]);
  }, 120_000);

  test("a dry run neither waits for an import nor delays one", async () => {
    await storeUsers(FEW);
    const expiresAt = Date.now() + 600_000;
    await gate.sql("INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?)", [
      ...["import-django", "another import", expiresAt],
    ]);
    const { summary } = await importFrom(gate, django.url, { dryRun: true });
    expect(summary).toMatchObject({ usersRead: FEW });
    expect(await gate.sql("SELECT holder FROM lease WHERE name = 'import-django'")).toEqual([
      { holder: "another import" },
    ]);
  });

  describeTerminal("on a terminal", () => {
    test("one line shows the progress, and is gone at the end", async () => {
      await storeUsers(FEW);
      const { code, screen } = await runOnTerminal(
        ["import-django", "--from", django.url],
        {
          cwd: ROOT,
          env: { DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey, DJANGO: "on" },
        },
        [],
      );
      expect(code).toBe(0);
      expect(screen).toContain("\r\u001b[Kcomparing names: 0 of 3,000");
      expect(screen).toMatch(/\r\u001b\[Kimporting users: [1-9],\d{3} of 1,500/);
      // The screen keeps the text after the last return to the beginning of each line.
      const lines = screen.split(/\r*\n/).map((line) => line.split("\r\u001b[K").at(-1));
      expect(lines).toEqual([
        expect.stringMatching(/^Database: /),
        "Users: 1,500 read, 1,500 new, 0 changed, 0 as before, 0 not imported.",
        "Keys: 1,500 new, 0 ended.",
        "JWTs: 0 new, 0 ended.",
        "",
      ]);
    }, 120_000);
  });
});

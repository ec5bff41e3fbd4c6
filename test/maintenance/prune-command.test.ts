import { beforeEach, describe, expect, test } from "@jest/globals";
import { CLI, ROOT, runCommand } from "../support/command.js";
import { eventually } from "../support/eventually.js";
import { describeFreshGates } from "../support/gate.js";
import { holdUp } from "../support/hold-up.js";
import { startNode, waitForLine } from "../support/node-process.js";
import { OTHER_CONNECTIONS } from "../support/postgresql.js";
import { addSessions, countSessions, findSessionIds } from "./expired-sessions.js";

const ACTIVE = `SELECT pid ${OTHER_CONNECTIONS} AND state = 'active'`;

const SECRET_KEY = "an example of a secret that is long enough";

describeFreshGates({ secretKey: SECRET_KEY }, (gate, database) => {
  let ada: string;

  beforeEach(async () => {
    ada = await gate.user("ada");
  });

  const start = () => ({ cwd: ROOT, env: { SECRET_KEY, DATABASE_URL: gate.databaseUrl } });
  const prune = () => runCommand(["prune"], start());

  describe("gatehouse prune", () => {
    test.each([
      [0, "0 rows deleted.\n"],
      [1, "1 row deleted.\n"],
      [2, "2 rows deleted.\n"],
    ])(
      "M-04, M-05: reports the number of rows with the right plural: %d",
      async (amount, stdout) => {
        await gate.login("ada");
        if (amount > 0) await addSessions(gate, ada, amount);
        expect(await prune()).toEqual({ code: 0, stdout, stderr: "" });
        expect(await countSessions(gate)).toBe(1);
      },
    );

    test("M-04: deletes a revoked session that has expired, and reports 1 row", async () => {
      await addSessions(gate, ada, 1);
      await gate.sql(`UPDATE session SET ended_at = 1, end_reason = 'logout'`);
      expect((await prune()).stdout).toBe("1 row deleted.\n");
    });

    test("M-13: leaves an intact database when it is killed half-way, and the next run deletes the rest", async () => {
      await addSessions(gate, ada, 12_000);
      const live = await gate.login("ada");
      // The sessions that expired first are deleted first.
      const late = gate.now - 1_200_000;
      await addSessions(gate, ada, 1, late);
      await addSessions(gate, ada, 2000, gate.now - 600_000);
      const letGoOn = await holdUp(gate, "DELETE ON session", `OLD.expires_at = ${late}`);
      const { child, ended } = startNode([CLI, "prune"], start());
      await waitForLine(child, /rows deleted …/);
      child.kill("SIGKILL");
      await ended;
      expect(child.signalCode).toBe("SIGKILL");
      await letGoOn();
      // PostgreSQL may end the statement of the killed process only now.
      if (database === "postgresql") {
        await eventually(async () => (await gate.sql(ACTIVE)).length === 0);
      }
      const left = (await countSessions(gate)) - 1;
      expect(left).toBeLessThanOrEqual(4001);
      expect(left).toBeGreaterThan(0);
      expect((await gate.me(live.authorization)).status).toBe(200);
      const again = await prune();
      expect([again.code, again.stdout]).toEqual([0, `${left} rows deleted.\n`]);
      expect(await findSessionIds(gate)).toEqual([live.session.id]);
      if (database === "sqlite") {
        expect(await gate.sql("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      }
    });

    test("M-13: deletes each row once when four processes prune concurrently", async () => {
      await addSessions(gate, ada, 4000);
      const runs = await Promise.all(Array.from({ length: 4 }, prune));
      for (const { code, stderr } of runs) {
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      }
      const deleted = runs.map(({ stdout }) => parseInt(stdout));
      expect(deleted.reduce((sum, one) => sum + one)).toBe(4000);
      expect(await countSessions(gate)).toBe(0);
    });
  });
});

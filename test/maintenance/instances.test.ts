import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type Auth, createAuth, defineFeature } from "../../src/index.js";
import type { MaintenanceService } from "../../src/maintenance/maintenance.service.js";
import { eventually } from "../support/eventually.js";
import { fakeIntervals } from "../support/fake-timers.js";
import { describeFreshGates } from "../support/gate.js";
import { addSessions, countSessions, findKeyIds } from "./expired-sessions.js";

const SECRET_KEY = "an example of a secret that is long enough";
const DAY = 86_400;
/** The time between two prunes, in milliseconds. */
const INTERVAL = 600_000;

describeFreshGates({ secretKey: SECRET_KEY }, (gate) => {
  let ada: string;
  let instances: Auth[];
  let errors: unknown[];

  // Two more instances, whose timers a test moves.
  beforeEach(async () => {
    ada = await gate.user("ada");
    const { databaseUrl } = gate;
    const options = { databaseUrl, secretKey: SECRET_KEY, now: () => gate.now };
    instances = [await createAuth(options), await createAuth(options)];
    errors = [];
    fakeIntervals();
    for (const { maintenance } of instances) {
      maintenance.start((error) => errors.push(error));
    }
  });

  afterEach(async () => {
    jest.useRealTimers();
    for (const auth of instances) await auth.close();
  });

  /** Moves the clock and the timers by ten minutes, and waits for the jobs. */
  async function tick(): Promise<void> {
    gate.advance(INTERVAL / 1000);
    jest.advanceTimersByTime(INTERVAL);
    for (const { maintenance } of instances) await (maintenance as MaintenanceService).idle();
  }

  const lease = async () => {
    const rows = await gate.sql(`SELECT name, holder, expires_at AS "expiresAt" FROM lease`);
    return rows.map((row) => ({ ...row, expiresAt: Number(row.expiresAt) }));
  };

  describe("maintenance among several instances", () => {
    test("M-13: a lease of a clock that was an hour ahead does not stop the jobs when the clock is set back", async () => {
      const hour = 3_600_000;
      await gate.sql("INSERT INTO lease (name, holder, expires_at) VALUES ('prune', 'gone', ?)", [
        gate.now + hour + INTERVAL,
      ]);
      await addSessions(gate, ada, 10);
      await tick();
      expect(await countSessions(gate)).toBe(0);
    });

    test("M-13: one instance prunes, and renews its lease as long as it runs", async () => {
      await addSessions(gate, ada, 10);
      expect(await lease()).toEqual([]);
      await tick();
      const [first, ...others] = await lease();
      expect(others).toEqual([]);
      expect(first).toMatchObject({ name: "prune", expiresAt: gate.now + INTERVAL });
      expect(await countSessions(gate)).toBe(0);
      await addSessions(gate, ada, 10);
      await tick();
      const [{ name }] = await lease();
      expect([(await lease()).length, name]).toEqual([1, "prune"]);
      expect(await countSessions(gate)).toBe(0);
      expect(errors).toEqual([]);
    });

    test("M-13: the instance with the lease renews it, even a little before it expires", async () => {
      await tick();
      const [before] = await lease();
      gate.advance(-1);
      await tick();
      expect(await lease()).toEqual([{ ...before, expiresAt: gate.now + INTERVAL }]);
      expect(errors).toEqual([]);
    });

    test("M-13: another instance takes over when the lease expires, and not before", async () => {
      await addSessions(gate, ada, 10);
      const until = gate.now + INTERVAL + 1000;
      await gate.sql(`INSERT INTO lease (name, holder, expires_at) VALUES ('prune', 'x', ?)`, [
        until,
      ]);
      await tick();
      expect(await lease()).toEqual([{ name: "prune", holder: "x", expiresAt: until }]);
      expect(await countSessions(gate)).toBe(10);
      await tick();
      const [after] = await lease();
      expect(after).toMatchObject({ name: "prune", expiresAt: gate.now + INTERVAL });
      expect((after as { holder?: string }).holder).not.toBe("x");
      expect(await countSessions(gate)).toBe(0);
      expect(errors).toEqual([]);
    });

    test("J-15: rotates a due key once", async () => {
      gate.advance(90 * DAY);
      await tick();
      expect(await findKeyIds(gate)).toHaveLength(2);
      await tick();
      expect(await findKeyIds(gate)).toHaveLength(2);
      expect(errors).toEqual([]);
    });

    test("no instance starts a job while another one runs it, even if the job takes longer than the interval", async () => {
      let runs = 0;
      let finish: () => void = () => undefined;
      const first = new Promise<void>((resolve) => (finish = resolve));
      const run = () => ((runs += 1) === 1 ? first : Promise.resolve());
      const job = { name: "report", interval: INTERVAL / 1000, run };
      const reports = defineFeature({ name: "reports", create: () => ({ jobs: [job] }) });
      const { databaseUrl } = gate;
      const options = { databaseUrl, secretKey: SECRET_KEY, now: () => gate.now };
      const one = await createAuth({ ...options, features: [reports] });
      const two = await createAuth({ ...options, features: [reports] });
      instances = [...instances, one, two];
      const move = (milliseconds: number) => {
        gate.advance(milliseconds / 1000);
        jest.advanceTimersByTime(milliseconds);
      };
      one.maintenance.start();
      move(INTERVAL);
      await eventually(() => runs === 1);
      two.maintenance.start();
      for (let third = 0; third < 3; third += 1) {
        move(INTERVAL / 3);
        await eventually(async () => {
          const held = (await lease()).find(({ name }) => name === "reports:report");
          return held?.expiresAt === gate.now + INTERVAL;
        });
      }
      await (two.maintenance as MaintenanceService).idle();
      expect(runs).toBe(1);
      finish();
      await one.maintenance.stop();
      move(INTERVAL);
      await (two.maintenance as MaintenanceService).idle();
      expect(runs).toBe(2);
    });

    test("reports a failure, and runs again at the next interval", async () => {
      await gate.sql(`ALTER TABLE lease RENAME TO lease_away`);
      await tick();
      expect(errors).toHaveLength(2);
      await gate.sql(`ALTER TABLE lease_away RENAME TO lease`);
      await addSessions(gate, ada, 10);
      await tick();
      expect(await countSessions(gate)).toBe(0);
      expect(errors).toHaveLength(2);
    });

    test("does nothing after it is stopped", async () => {
      for (const { maintenance } of instances) await maintenance.stop();
      await addSessions(gate, ada, 10);
      await tick();
      expect(await lease()).toEqual([]);
      expect(await countSessions(gate)).toBe(10);
    });
  });
});

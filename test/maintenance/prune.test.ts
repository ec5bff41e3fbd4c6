import { once } from "node:events";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Database } from "../../src/database/database.js";
import { createAuth } from "../../src/index.js";
import { PUBLISH_AHEAD } from "../../src/keys/signing-key.service.js";
import { createDatabase, type DatabaseKind } from "../support/databases.js";
import { decode } from "../support/forge.js";
import { DATABASES, Gate } from "../support/gate.js";
import { runNode, startNode } from "../support/node-process.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
/** The number of migrations. */
const MIGRATIONS = 2;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SECRET_KEY = "an example of a secret that is long enough";

const DAY = 86_400;
const HOUR = 3600;
const LEEWAY = 5;
/** Seconds after expiry and leeway by which a row must be prunable. */
const SOON = 2 * HOUR;
const INTERVAL = 600_000;

describe.each(DATABASES)("over %s", (database) => {
  let gate: Gate;
  let ada: { id: string };

  beforeEach(async () => {
    gate = await Gate.open({ leeway: LEEWAY }, database);
    ada = { id: await gate.user("ada") };
  });

  afterEach(() => gate.close());

  const prune = () => gate.auth.maintenance.prune();
  const sessionIds = async (): Promise<string[]> =>
    (await gate.sql(`SELECT id FROM session ORDER BY id`)).map(({ id }) => id);
  const count = async () => (await gate.sql(`SELECT count(*) AS n FROM session`))[0].n;
  const kids = async (): Promise<string[]> =>
    (await gate.sql(`SELECT kid FROM signing_key ORDER BY kid`)).map(({ kid }) => kid);
  const env = () => ({ SECRET_KEY, DATABASE_URL: gate.databaseUrl });
  const gatehouse = (...parameters: string[]) =>
    runNode([CLI, ...parameters], { cwd: ROOT, env: env() });

  /** Inserts sessions that expired an hour ago, or expire at `expiresAt`. */
  async function addRows(amount: number, expiresAt = gate.now - HOUR * 1000): Promise<void> {
    const numbers =
      database === "sqlite"
        ? `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${amount})`
        : `WITH n AS (SELECT i FROM generate_series(1, ${amount}) AS i)`;
    await gate.sql(
      `${numbers} INSERT INTO session (id, user_id, scheme, credentials_version, created_at, rotated_at, expires_at, refresh_expires_at)
       SELECT 'row' || i || '-' || ${expiresAt}, '${ada.id}', 'JWT', 0, 1, 1, ${expiresAt}, ${expiresAt} FROM n`,
    );
  }

  describe("prune", () => {
    test.each([
      ["JWT", "M-02", 7 * DAY],
      ["SLIDING", "M-03", 7 * DAY],
      ["TOKEN", "M-02", 90 * DAY],
    ] as const)(
      "%s, %s: keeps a session until it has expired and the leeway is over, then deletes it",
      async (scheme, _id, lifetime) => {
        const { session } = await gate.login("ada", scheme);
        for (const wait of [lifetime - 1, 1, LEEWAY - 1]) {
          gate.advance(wait);
          expect(await prune()).toBe(0);
          expect(await sessionIds()).toEqual([session.id]);
        }
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect(await sessionIds()).toEqual([]);
        expect(await prune()).toBe(0);
      },
    );

    test.each(["JWT", "SLIDING"] as const)(
      "M-03, W6: keeps a %s session that is refreshed regularly until its absolute expiry",
      async (scheme) => {
        const { session, refresh, token } = await gate.login("ada", scheme);
        let current = scheme === "JWT" ? refresh : token;
        for (let day = 6; day < 30; day += 6) {
          gate.advance(6 * DAY);
          const { data } = await gate.refresh(current);
          current = data.refreshToken.refresh ?? data.refreshToken.token;
          expect(await prune()).toBe(0);
        }
        gate.advance(6 * DAY + LEEWAY - 1);
        expect(await prune()).toBe(0);
        expect(await sessionIds()).toEqual([session.id]);
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect((await gate.refresh(current)).code).toBe("UNAUTHENTICATED");
      },
    );

    test("M-02: keeps a static token that never expires", async () => {
      const lasting = await gate.another({ staticTokenLifetime: null });
      try {
        const { authorization } = await lasting.login("ada", "TOKEN");
        gate.advance(100 * 365 * DAY);
        expect(await prune()).toBe(0);
        expect((await lasting.me(authorization)).status).toBe(200);
      } finally {
        await lasting.close();
      }
    });

    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "keeps an ended %s session until its tokens would have expired",
      async (scheme) => {
        const lifetime = scheme === "TOKEN" ? 90 * DAY : 7 * DAY;
        const { authorization, session } = await gate.login("ada", scheme);
        await gate.logout({ authorization });
        gate.advance(lifetime + LEEWAY - 1);
        expect(await prune()).toBe(0);
        expect(await sessionIds()).toEqual([session.id]);
        gate.advance(SOON);
        expect(await prune()).toBe(1);
        expect((await gate.me(authorization)).code).toBe("UNAUTHENTICATED");
      },
    );

    test("keeps a revoked static token that would never expire for some time, then deletes it", async () => {
      const lasting = await gate.another({ staticTokenLifetime: null });
      try {
        const { authorization } = await lasting.login("ada", "TOKEN");
        gate.advance(365 * DAY);
        await lasting.logout({ authorization });
        gate.advance(DAY);
        expect(await prune()).toBe(0);
        gate.advance(90 * DAY);
        expect(await prune()).toBe(1);
        expect((await lasting.me(authorization)).code).toBe("UNAUTHENTICATED");
      } finally {
        await lasting.close();
      }
    });

    test("keeps a session that was ended for reuse, so that the reason is still given", async () => {
      const { refresh } = await gate.login("ada");
      await gate.refresh(refresh);
      gate.advance(60);
      expect((await gate.refresh(refresh)).reason).toBe("token_reused");
      expect(await prune()).toBe(0);
      expect((await gate.refresh(refresh)).reason).toBe("token_reused");
    });

    test.each(["JWT", "SLIDING"] as const)(
      "M-02: an expired %s token gets the same response before and after its session is deleted",
      async (scheme) => {
        const { refresh, token } = await gate.login("ada", scheme);
        gate.advance(7 * DAY + SOON);
        const old = scheme === "JWT" ? refresh : token;
        const before = await gate.refresh(old);
        expect(before.reason).toBe("token_expired");
        expect(await prune()).toBe(1);
        expect((await gate.refresh(old)).reason).toBe("token_expired");
      },
    );

    test("M-02: keeps the session of an access token that was created in the last second of its refresh token", async () => {
      const patient = await gate.another({ accessTokenLifetime: HOUR });
      try {
        const { refresh } = await patient.login("ada");
        gate.advance(7 * DAY - 1);
        const access = new patient.auth.tokens.RefreshToken(refresh).accessToken;
        const authorization = `Bearer ${String(access)}`;
        gate.advance(HOUR - 60);
        const { status: before } = await patient.me(authorization);
        await patient.auth.maintenance.prune();
        expect((await patient.me(authorization)).status).toBe(before);
      } finally {
        await patient.close();
      }
    });

    test("M-02: invalidates no valid token, in any order of issuing, ending, refreshing and waiting", async () => {
      interface Item {
        text: string;
        isActive: boolean;
      }
      const wait = fc.constantFrom(0, 60, 299, 305, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY);
      const step = fc.tuple(
        fc.constantFrom("JWT", "SLIDING", "TOKEN", "end", "refresh", "prune"),
        fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0, 60, 299, HOUR) }, wait),
        fc.nat(9),
      );
      const { RefreshToken, SlidingToken, StaticToken } = gate.auth.tokens;
      const askAll = async (texts: string[]): Promise<Item[]> =>
        Promise.all(
          texts.map(async (text) => ({
            text,
            isActive: (await gate.auth.authentication.verifyToken(text)) !== null,
          })),
        );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
          const texts: string[] = [];
          for (const [what, seconds, index] of [...steps, ["prune", 0, 0] as const]) {
            if (what === "JWT") texts.push(String(await RefreshToken.forUser(ada)));
            else if (what === "SLIDING") texts.push(String(await SlidingToken.forUser(ada)));
            else if (what === "TOKEN") texts.push((await StaticToken.create(ada)).key ?? "");
            else if (what === "prune") {
              const before = await askAll(texts);
              await prune();
              expect(await askAll(texts)).toEqual(before);
            } else {
              const text = texts[index % (texts.length || 1)] ?? "";
              const sid = /^gth_([0-9a-f]{32})/.exec(text)?.[1];
              const id = sid ?? (text && (decode(text).claims["sid"] as string));
              if (what === "end") await gate.auth.sessions.end(id);
              else {
                const { data } = await gate.refresh(text);
                const { access, refresh, token } = data?.refreshToken ?? {};
                texts.push(...[access, refresh, token].filter(Boolean));
              }
            }
            gate.advance(seconds);
          }
          const left = new Set(await sessionIds());
          for (const { text, isActive } of await askAll(texts)) {
            const id = /^gth_([0-9a-f]{32})/.exec(text)?.[1] ?? decode(text).claims["sid"];
            if (left.has(id as string)) continue;
            expect(isActive).toBe(false);
            expect((await gate.refresh(text)).status).toBe(401);
          }
        }),
        { numRuns: 25 },
      );
    }, 60_000);

    test("M-05: keeps live sessions of every scheme, and deletes the expired ones", async () => {
      await addRows(2500);
      const live = [];
      for (const scheme of ["JWT", "SLIDING", "TOKEN"] as const) {
        live.push(await gate.login("ada", scheme));
      }
      expect(await prune()).toBe(2500);
      expect(await sessionIds()).toEqual(live.map(({ session }) => session.id).sort());
      for (const { authorization } of live) {
        expect((await gate.me(authorization)).status).toBe(200);
      }
    });

    test("M-13: deletes each row once when two servers prune concurrently", async () => {
      await addRows(5000);
      const live = await gate.login("ada");
      const twin = await gate.another();
      try {
        const deleted = await Promise.all([
          prune(),
          twin.auth.maintenance.prune(),
          prune(),
          twin.auth.maintenance.prune(),
        ]);
        expect(deleted.reduce((sum, one) => sum + one)).toBe(5000);
        expect(await sessionIds()).toEqual([live.session.id]);
      } finally {
        await twin.close();
      }
    });

    test("M-12: deletes 20,000 rows in small batches, while no login, refresh or logout fails or waits long", async () => {
      await addRows(20_000);
      const pruner = await gate.another();
      try {
        const progress: number[] = [];
        const pruned = { isDone: false };
        const pruning = pruner.auth.maintenance
          .prune((deleted) => progress.push(deleted))
          .finally(() => (pruned.isDone = true));
        const waits: number[] = [];
        do {
          const began = performance.now();
          const { authorization, refresh } = await gate.login("ada");
          expect((await gate.me(authorization)).status).toBe(200);
          expect((await gate.refresh(refresh)).status).toBe(200);
          expect((await gate.logout({ authorization })).status).toBe(200);
          waits.push(performance.now() - began);
        } while (!pruned.isDone);
        expect(await pruning).toBe(20_000);
        expect(progress.at(-1)).toBe(20_000);
        const sizes = progress.map((deleted, index) => deleted - (progress[index - 1] ?? 0));
        expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
        expect(Math.max(...waits)).toBeLessThan(5000);
      } finally {
        await pruner.close();
      }
    }, 60_000);

    test("M-12: finds expired sessions by an index, without a table scan", async () => {
      await addRows(1000);
      await addRows(20_000, gate.now + DAY * 1000);
      if (database === "postgresql") await gate.sql("ANALYZE session");
      for (const column of ["refresh_expires_at", "expires_at"]) {
        const query = `SELECT id FROM session WHERE ${column} <= ${gate.now} ORDER BY ${column} LIMIT 1000`;
        const explain = database === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
        const plan = JSON.stringify(await gate.sql(`${explain} ${query}`));
        expect(plan).toContain(`session_${column}_index`);
      }
    });
  });

  describe("gatehouse prune", () => {
    beforeEach(async () => {
      await gate.close();
      gate = await Gate.open({ leeway: LEEWAY, secretKey: SECRET_KEY }, database);
      ada = { id: await gate.user("ada") };
    });

    test.each([
      [0, "0 rows deleted.\n"],
      [1, "1 row deleted.\n"],
      [2, "2 rows deleted.\n"],
    ])(
      "M-04, M-05: reports the number of rows with the right plural: %d",
      async (amount, stdout) => {
        await gate.login("ada");
        if (amount > 0) await addRows(amount);
        expect(await gatehouse("prune")).toEqual({ code: 0, stdout, stderr: "" });
        expect(Number(await count())).toBe(1);
      },
    );

    test("M-04: deletes a revoked session that has expired, and reports 1 row", async () => {
      await addRows(1);
      await gate.sql(`UPDATE session SET ended_at = 1, end_reason = 'logout'`);
      expect((await gatehouse("prune")).stdout).toBe("1 row deleted.\n");
    });

    test("M-13: leaves an intact database when it is killed half-way, and the next run deletes the rest", async () => {
      await addRows(50_000);
      const live = await gate.login("ada");
      const { child, ended } = startNode([CLI, "prune"], { cwd: ROOT, env: env() });
      child.stderr?.once("data", () => child.kill("SIGKILL"));
      await Promise.all([once(child, "close"), ended]);
      expect(child.signalCode).toBe("SIGKILL");
      const left = Number(await count()) - 1;
      expect(left).toBeLessThan(50_000);
      expect(left).toBeGreaterThan(0);
      expect((await gate.me(live.authorization)).status).toBe(200);
      const again = await gatehouse("prune");
      expect([again.code, again.stdout]).toEqual([0, `${left} rows deleted.\n`]);
      expect(await sessionIds()).toEqual([live.session.id]);
      if (database === "sqlite") {
        expect(await gate.sql("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      }
    }, 60_000);

    test("M-13: deletes each row once when four processes prune concurrently", async () => {
      await addRows(4000);
      const runs = await Promise.all(Array.from({ length: 4 }, () => gatehouse("prune")));
      for (const { code, stderr } of runs)
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const deleted = runs.map(({ stdout }) => parseInt(stdout));
      expect(deleted.reduce((sum, one) => sum + one)).toBe(4000);
      expect(Number(await count())).toBe(0);
    }, 60_000);
  });

  describe("pruning signing keys", () => {
    test("J-15: keeps a retired key for the longest access-token lifetime, then deletes it", async () => {
      const patient = await gate.another({ accessTokenLifetime: HOUR });
      try {
        await patient.auth.keys.rotate();
        const before = await kids();
        gate.advance(PUBLISH_AHEAD - 1);
        const { authorization, access } = await patient.login("ada");
        const old = decode(access).header["kid"] as string;
        gate.advance(1);
        for (const wait of [0, HOUR - 2, LEEWAY]) {
          gate.advance(wait);
          expect((await patient.me(authorization)).status).toBe(200);
          expect(await patient.auth.maintenance.prune()).toBe(0);
          expect(await kids()).toEqual(before);
        }
        gate.advance(1);
        expect((await patient.me(authorization)).reason).toBe("token_expired");
        gate.advance(HOUR);
        expect(await patient.auth.maintenance.prune()).toBe(1);
        expect(await kids()).toEqual(before.filter((kid) => kid !== old));
      } finally {
        await patient.close();
      }
    });

    test("J-15: never deletes the current or the next key", async () => {
      const [current] = await kids();
      gate.advance(3650 * DAY);
      expect(await prune()).toBe(0);
      expect(await kids()).toEqual([current]);
      await gate.auth.keys.rotate();
      expect(await prune()).toBe(0);
      expect(await kids()).toHaveLength(2);
      const { authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("J-15: keeps a key whose successor was revoked", async () => {
      const [old] = await kids();
      const { kid } = await gate.auth.keys.rotate();
      await gate.auth.keys.revoke(kid);
      gate.advance(30 * DAY);
      await prune();
      expect(await kids()).toContain(old);
      const { authorization } = await gate.login("ada");
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("J-15: does not affect refresh tokens or static tokens", async () => {
      const [jwt, fixed] = [await gate.login("ada"), await gate.login("ada", "TOKEN")];
      gate.advance(1);
      await gate.auth.keys.rotate(true);
      gate.advance(DAY);
      expect(await prune()).toBe(1);
      expect((await gate.refresh(jwt.refresh)).status).toBe(200);
      expect((await gate.me(fixed.authorization)).status).toBe(200);
    });
  });

  describe("maintenance among several instances", () => {
    /** Opens two more instances, with fake timers. */
    async function openInstances() {
      const options = {
        databaseUrl: gate.databaseUrl,
        secretKey: SECRET_KEY,
        now: () => gate.now,
      };
      const errors: unknown[] = [];
      const instances = [await createAuth(options), await createAuth(options)] as const;
      jest.useFakeTimers({
        doNotFake: [
          ...(["Date", "hrtime", "nextTick", "performance", "queueMicrotask"] as const),
          ...(["setImmediate", "clearImmediate", "setTimeout", "clearTimeout"] as const),
        ],
      });
      for (const { maintenance } of instances) {
        maintenance.start((error) => errors.push(error));
      }
      return {
        errors,
        instances,
        /** Moves the clock and the timers by ten minutes, and waits for the jobs. */
        tick: async () => {
          gate.advance(INTERVAL / 1000);
          jest.advanceTimersByTime(INTERVAL);
          for (let turn = 0; turn < 15; turn += 1) {
            await sleep(20);
            await nextTurn();
          }
        },
        close: async () => {
          jest.useRealTimers();
          for (const auth of instances) await auth.close();
        },
      };
    }

    beforeEach(async () => {
      await gate.close();
      gate = await Gate.open({ secretKey: SECRET_KEY }, database);
      ada = { id: await gate.user("ada") };
    });

    const lease = async () => {
      const rows = await gate.sql(`SELECT name, holder, expires_at AS "expiresAt" FROM lease`);
      return rows.map((row) => ({ ...row, expiresAt: Number(row.expiresAt) }));
    };

    test("M-13: one instance prunes, and renews its lease as long as it runs", async () => {
      const { errors, tick, close } = await openInstances();
      try {
        await addRows(10);
        expect(await lease()).toEqual([]);
        await tick();
        const [first, ...others] = await lease();
        expect(others).toEqual([]);
        expect(first).toMatchObject({ name: "prune", expiresAt: gate.now + INTERVAL });
        expect(Number(await count())).toBe(0);
        await addRows(10);
        await tick();
        const [{ name }] = await lease();
        expect([(await lease()).length, name]).toEqual([1, "prune"]);
        expect(Number(await count())).toBe(0);
        expect(errors).toEqual([]);
      } finally {
        await close();
      }
    });

    test("M-13: another instance takes over when the lease expires, and not before", async () => {
      const { errors, tick, close } = await openInstances();
      try {
        await addRows(10);
        const until = gate.now + INTERVAL + 1000;
        await gate.sql(`INSERT INTO lease (name, holder, expires_at) VALUES ('prune', 'x', ?)`, [
          until,
        ]);
        await tick();
        expect(await lease()).toEqual([{ name: "prune", holder: "x", expiresAt: until }]);
        expect(Number(await count())).toBe(10);
        await tick();
        const [after] = await lease();
        expect(after).toMatchObject({ name: "prune", expiresAt: gate.now + INTERVAL });
        expect((after as { holder?: string }).holder).not.toBe("x");
        expect(Number(await count())).toBe(0);
        expect(errors).toEqual([]);
      } finally {
        await close();
      }
    });

    test("J-15: rotates a due key once", async () => {
      const { errors, tick, close } = await openInstances();
      try {
        gate.advance(90 * DAY);
        await tick();
        expect(await kids()).toHaveLength(2);
        await tick();
        expect(await kids()).toHaveLength(2);
        expect(errors).toEqual([]);
      } finally {
        await close();
      }
    });

    test("reports a failure, and runs again at the next interval", async () => {
      const { errors, tick, close } = await openInstances();
      try {
        await gate.sql(`ALTER TABLE lease RENAME TO lease_away`);
        await tick();
        expect(errors).toHaveLength(2);
        await gate.sql(`ALTER TABLE lease_away RENAME TO lease`);
        await addRows(10);
        await tick();
        expect(Number(await count())).toBe(0);
        expect(errors).toHaveLength(2);
      } finally {
        await close();
      }
    });

    test("does nothing after it is stopped", async () => {
      const { instances, tick, close } = await openInstances();
      try {
        for (const { maintenance } of instances) await maintenance.stop();
        await addRows(10);
        await tick();
        expect(await lease()).toEqual([]);
        expect(Number(await count())).toBe(10);
      } finally {
        await close();
      }
    });
  });
});

describe.each(DATABASES)("the migrations over %s", (kind: DatabaseKind) => {
  test("M-14: create the schema of the entities, and change nothing when run again", async () => {
    const home = await createDatabase(kind);
    const database = await Database.open(home.url);
    try {
      expect(await database.pendingChanges()).not.toBe("");
      expect(await database.migrate()).toHaveLength(MIGRATIONS);
      expect(await database.pendingChanges()).toBe("");
      expect(await database.migrate()).toEqual([]);
      expect(await database.pendingChanges()).toBe("");
    } finally {
      await database.close();
      await home.drop();
    }
  });

  test("M-14: each run once when four instances migrate an empty database concurrently", async () => {
    const home = await createDatabase(kind);
    const databases = await Promise.all(Array.from({ length: 4 }, () => Database.open(home.url)));
    try {
      const applied = await Promise.all(databases.map((database) => database.migrate()));
      expect(applied.flat()).toHaveLength(MIGRATIONS);
      for (const database of databases) expect(await database.pendingChanges()).toBe("");
      const [{ n }] = await home.sql(`SELECT count(*) AS n FROM mikro_orm_migrations`);
      expect(Number(n)).toBe(MIGRATIONS);
    } finally {
      for (const database of databases) await database.close();
      await home.drop();
    }
  });

  test("M-14: succeed in each of four processes that migrate an empty database concurrently", async () => {
    const home = await createDatabase(kind);
    try {
      const env = { SECRET_KEY, DATABASE_URL: home.url };
      const runs = await Promise.all(
        Array.from({ length: 4 }, () => runNode([CLI, "migrate"], { cwd: ROOT, env })),
      );
      const ended = { code: 0, stdout: "The database is up to date.\n", stderr: "" };
      expect(runs).toEqual([ended, ended, ended, ended]);
      const [{ n }] = await home.sql(`SELECT count(*) AS n FROM mikro_orm_migrations`);
      expect(Number(n)).toBe(MIGRATIONS);
    } finally {
      await home.drop();
    }
  }, 60_000);
});

import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { userIdOf } from "../../../src/features/import-django/identity.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate } from "../../support/gate.js";
import { countWaiting, LOCK_USERS, lockPostgres } from "../../support/locks.js";
import { importFrom } from "./command.js";
import { DjangoDatabase } from "./django-database.js";
import { signAsSimpleJwt } from "./django-rows.js";

const SECRET = "django-insecure-3b!h^x2z9$5f";
const UNTIL = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
const OPTIONS = { django: true, djangoSecretKey: SECRET, djangoTokensUntil: UNTIL } as const;

const ADA = userIdOf("1");

/** Everything that opens a session, or refuses a user's tokens, waits for one of these rows. */
const LOCKS = {
  sqlite: LOCK_USERS.sqlite,
  postgresql: lockPostgres(
    `SELECT id FROM "user" FOR UPDATE`,
    `SELECT django_id FROM django_user FOR UPDATE`,
  ),
};

describeFreshGates(OPTIONS, (gate, database) => {
  let django: DjangoDatabase;
  let other: Gate;

  beforeEach(async () => {
    django = await DjangoDatabase.create("sqlite");
    await django.user({ id: 1, username: "ada" });
    await importFrom(gate, django.url);
    other = await gate.another();
  });
  afterEach(() => django.drop());

  const sign = (token_type: "access" | "refresh" | "sliding", claims: object = {}) => {
    const exp = Math.floor(gate.now / 1000) + 86_400;
    const refresh = token_type === "sliding" ? { refresh_exp: exp } : {};
    return signAsSimpleJwt(gate, SECRET, { token_type, user_id: 1, exp, ...refresh, ...claims });
  };

  /**
   * Locks ada's rows, and starts one call after another. Unlocks the rows when all calls wait. On PostgreSQL the
   * first call waits within its transaction, after it has read and before it writes.
   */
  async function runTogether<Results extends readonly unknown[]>(calls: {
    [Index in keyof Results]: () => Promise<Results[Index]>;
  }): Promise<Results> {
    const release = await LOCKS[database](gate);
    const running: Promise<unknown>[] = [];
    try {
      for (const call of calls) {
        running.push(call());
        if (database === "postgresql") {
          await eventually(async () => (await countWaiting(gate)) === running.length);
        } else {
          // SQLite does not show which statements wait, so the call gets some time to reach the lock.
          await sleep(100);
        }
      }
    } finally {
      await release();
    }
    return (await Promise.all(running)) as unknown as Results;
  }

  const sessions = () =>
    gate.sql(`SELECT scheme, ended_at AS "endedAt" FROM session WHERE user_id = ?`, [ADA]);
  const met = () => gate.sql(`SELECT jti, outstanding_id AS "outstandingId" FROM django_token`);

  test("N-01: two first refreshes of one token open one session, and give one successor", async () => {
    const refresh = sign("refresh");
    const answers = await runTogether([() => gate.refresh(refresh), () => other.refresh(refresh)]);
    const [one, two] = answers.map(({ data }) => data.refreshToken.refresh);
    expect(one).toBe(two);
    expect(await sessions()).toHaveLength(1);
    expect(await met()).toHaveLength(1);
  });

  test("two first requests with one sliding token open one session", async () => {
    const authorization = `Bearer ${sign("sliding")}`;
    const answers = await runTogether([
      () => gate.me(authorization),
      () => other.me(authorization),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await sessions()).toHaveLength(1);
    expect(await met()).toHaveLength(1);
  });

  describe("a token that is sent while the import stores it", () => {
    beforeEach(() => django.token(1, 1));

    test.each(["the request first", "the import first"])(
      "has one session and one record, which has its row's key in Django: %s",
      async (order) => {
        const send = () => other.refresh(sign("refresh", { jti: "jti-1" }));
        const load = () => importFrom(gate, django.url);
        if (order === "the request first") {
          const [answer] = await runTogether([send, load]);
          expect(answer.status).toBe(200);
        } else {
          const [, answer] = await runTogether([load, send]);
          expect(answer.status).toBe(200);
        }
        expect(await sessions()).toEqual([{ scheme: "JWT", endedAt: null }]);
        expect(await met()).toEqual([{ jti: "jti-1", outstandingId: "1" }]);
      },
    );

    test("is dead if it is blacklisted", async () => {
      await django.blacklist(1);
      const refresh = sign("refresh", { jti: "jti-1" });
      // On SQLite the request may come first. Then the import ends the session that the request has opened.
      await runTogether([() => importFrom(gate, django.url), () => other.refresh(refresh)]);
      expect((await gate.refresh(refresh)).reason).toBe("token_revoked");
      expect((await sessions()).filter(({ endedAt }) => endedAt === null)).toEqual([]);
    });
  });

  describe("a token that is sent for the first time while all sessions of its user end", () => {
    const endAll = async () => gate.auth.sessions.endAll(ADA);

    test.each(["access", "refresh", "sliding"] as const)(
      "is dead afterwards, %s, no matter which comes first",
      async (type) => {
        const send = (token: string) =>
          type === "refresh" ? other.refresh(token) : other.me(`Bearer ${token}`);
        const early = sign(type);
        await runTogether([() => send(early), endAll]);
        expect((await send(early)).status).toBe(401);
        gate.advance(1);
        const late = sign(type);
        await runTogether([endAll, () => send(late)]);
        expect((await send(late)).reason).toBe("token_revoked");
        expect((await sessions()).filter(({ endedAt }) => endedAt === null)).toEqual([]);
      },
    );
  });
});

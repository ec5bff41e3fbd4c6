import { beforeEach, describe, expect, test } from "@jest/globals";
import { BadUserInput, EmailTaken, type UserChanges } from "../../src/index.js";
import type { AuthEvent, Client } from "../../src/events.js";
import { DATABASES, describeGates, Gate, PASSWORD } from "../support/gate.js";

const CLIENT: Client = { ipAddress: "192.0.2.7", userAgent: "test", requestId: "req-1" };
const NEXT = "another correct horse";
const LAST_ADMIN = /last active ADMIN/;

describe.each(DATABASES)("the events of accounts, over %s", (kind) => {
  test("R-15: each change causes one event with the calling client, and a call that changes nothing causes no event", async () => {
    const seen: [AuthEvent, Client][] = [];
    const gate = await Gate.open({ onEvent: (event, client) => seen.push([event, client]) }, kind);
    try {
      const { accounts } = gate.auth;
      const eventsOf = async (run: () => Promise<unknown>) => {
        seen.length = 0;
        await run();
        for (const [, client] of seen) expect(client).toBe(CLIENT);
        return seen.map(([event]) => event);
      };
      let userId = "";
      const created = await eventsOf(async () => {
        userId = await accounts.createUser({ username: "ada" }, CLIENT);
      });
      expect(created).toEqual([{ type: "user_created", userId }]);

      const update = (changes: UserChanges) => () => accounts.updateUser(userId, changes, CLIENT);
      const renamed = [{ type: "username_changed", userId }];
      const moved = [{ type: "email_changed", userId }];
      const steps: [run: () => Promise<unknown>, events: unknown[]][] = [
        [update({ username: "ada" }), []],
        [update({}), []],
        [update({ email: null }), []],
        [update({ username: "Ada" }), renamed],
        [update({ email: "ada@example.com" }), moved],
        [update({ username: "Ada", email: "ada@example.com" }), []],
        [update({ username: "ada", email: "ada@example.org" }), [...renamed, ...moved]],
        [update({ email: null }), moved],
        [() => accounts.setRole(userId, "USER", CLIENT), []],
        [
          () => accounts.setRole(userId, "ADMIN", CLIENT),
          [{ type: "role_changed", userId, role: "ADMIN" }],
        ],
        [() => accounts.setRole(userId, "ADMIN", CLIENT), []],
        [() => accounts.setActive(userId, true, CLIENT), []],
        [() => accounts.unlock(userId, CLIENT), []],
        [
          () => accounts.setPassword(userId, NEXT, {}, CLIENT),
          [{ type: "password_changed", userId }],
        ],
      ];
      for (const [index, [run, events]] of steps.entries()) {
        expect([index, await eventsOf(run)]).toEqual([index, events]);
      }

      await gate.user("root", { role: "ADMIN" });
      const { session } = await gate.issue(userId);
      expect(await eventsOf(() => accounts.setActive(userId, false, CLIENT))).toEqual([
        { type: "user_deactivated", userId },
        { type: "session_ended", userId, sessionId: session.id, reason: "user_deactivated" },
      ]);
      expect(await eventsOf(() => accounts.setActive(userId, false, CLIENT))).toEqual([]);
      expect(await eventsOf(() => accounts.setActive(userId, true, CLIENT))).toEqual([
        { type: "user_activated", userId },
      ]);
      await gate.sql(`UPDATE "user" SET failed_logins = 100 WHERE id = ? RETURNING id`, [userId]);
      expect(await eventsOf(() => accounts.unlock(userId, CLIENT))).toEqual([
        { type: "account_unlocked", userId },
      ]);
      expect(await eventsOf(() => accounts.deleteUser(userId, CLIENT))).toEqual([
        { type: "user_deleted", userId },
      ]);
    } finally {
      await gate.close();
    }
  });

  test("R-15: a refused change changes nothing and causes no event", async () => {
    const gate = await Gate.open({}, kind);
    try {
      const { accounts } = gate.auth;
      const id = await gate.user("ada", { role: "ADMIN", email: "ada@example.com" });
      const other = await gate.user("bob", { email: "bob@example.com" });
      gate.events.length = 0;
      await expect(accounts.deleteUser(id)).rejects.toThrow(LAST_ADMIN);
      await expect(accounts.setActive(id, false)).rejects.toThrow(LAST_ADMIN);
      await expect(accounts.setRole(id, "USER")).rejects.toThrow(LAST_ADMIN);
      await expect(accounts.setPassword(id, "short")).rejects.toMatchObject({
        reason: "password_too_weak",
      });
      const both = { username: "robert", email: "ADA@example.com" };
      await expect(accounts.updateUser(other, both)).rejects.toThrow(EmailTaken);
      await expect(accounts.createUser({ username: "eve", email: both.email })).rejects.toThrow(
        EmailTaken,
      );
      expect(await accounts.getUser(other)).toMatchObject({
        username: "bob",
        email: "bob@example.com",
      });
      expect(gate.events).toEqual([]);
    } finally {
      await gate.close();
    }
  });
});

describeGates((gate) => {
  let count = 0;
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `user${(count += 1)}`;
    id = await gate.user(name, { email: `${name}@example.com` });
  });

  describe("a new password", () => {
    test("PW-11: keeps one session if asked, and ends all others", async () => {
      const kept = await gate.login(name);
      const others = [
        await gate.issue(id),
        await gate.issue(id, "TOKEN"),
        await gate.issue(id, "SLIDING"),
      ];
      gate.events.length = 0;
      await gate.auth.accounts.setPassword(id, NEXT, { keepSession: kept.session.id });
      expect((await gate.me(kept.authorization)).data.me.id).toBe(id);
      const refreshed = await gate.refresh(kept.refresh);
      expect(refreshed.data.refreshToken.session.id).toBe(kept.session.id);
      for (const { authorization } of others) {
        expect((await gate.me(authorization)).code).toBe("UNAUTHENTICATED");
      }
      expect((await gate.refresh(others[0]!.refresh)).code).toBe("UNAUTHENTICATED");
      const ended = gate.events.flatMap((event) =>
        event.type === "session_ended" ? [event.sessionId] : [],
      );
      expect(ended.toSorted()).toEqual(others.map(({ session }) => session.id).toSorted());
    });

    test("PW-11: revives no ended session, and ends all the user's sessions if the session to keep is another user's", async () => {
      const first = await gate.issue(id);
      const ended = await gate.issue(id);
      await gate.auth.sessions.end(ended.session.id);
      await gate.auth.accounts.setPassword(id, NEXT, { keepSession: ended.session.id });
      expect((await gate.me(ended.authorization)).code).toBe("UNAUTHENTICATED");
      expect((await gate.me(first.authorization)).code).toBe("UNAUTHENTICATED");
      // This session has an older version than its user, as after a change by SQL.
      const outdated = await gate.issue(id);
      await gate.sql(
        `UPDATE "user" SET credentials_version = credentials_version + 1 WHERE id = ? RETURNING id`,
        [id],
      );
      await gate.auth.accounts.setPassword(id, PASSWORD, { keepSession: outdated.session.id });
      expect((await gate.me(outdated.authorization)).code).toBe("UNAUTHENTICATED");
      const other = await gate.issue(await gate.user(`${name}.other`));
      const own = await gate.issue(id);
      await gate.auth.accounts.setPassword(id, NEXT, { keepSession: other.session.id });
      expect((await gate.me(own.authorization)).code).toBe("UNAUTHENTICATED");
      expect((await gate.me(other.authorization)).data.me.username).toBe(`${name}.other`);
    });

    test("is refused if the old password has changed since the caller checked it", async () => {
      const { credentialsVersion } = (await gate.core.accounts.findAccount({ username: name }))!;
      const change = { credentialsVersion };
      const results = await Promise.allSettled(
        [NEXT, "one more correct horse"].map((password) =>
          gate.core.accounts.setPassword(id, password, change),
        ),
      );
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(results.find(({ status }) => status === "rejected")).toMatchObject({
        reason: { reason: "invalid_credentials" },
      });
    });
  });

  describe("a caller's write in the transaction of a change", () => {
    const fail = () => Promise.reject(new BadUserInput("the mail cannot be queued"));
    const note = (run: (sql: string, values: string[]) => Promise<unknown>, userId: string) =>
      run(`INSERT INTO lease (name, holder, expires_at) VALUES (?, 'test', 0) RETURNING name`, [
        userId,
      ]);
    const noted = async () =>
      (await gate.sql(`SELECT name FROM lease WHERE holder = 'test'`)).length;

    test("is stored together with the change", async () => {
      const before = await noted();
      const { accounts } = gate.core;
      const created = await accounts.createUser({ username: `${name}.new` }, CLIENT, note);
      await accounts.updateUser(id, { username: `${name}.x` }, CLIENT, { begin: note });
      await accounts.deleteUser(created, CLIENT, async (run, userId) => {
        const left = await run(`SELECT id FROM "user" WHERE id = ?`, [userId]);
        expect(left).toHaveLength(1);
      });
      expect(await noted()).toBe(before + 2);
    });

    test("undoes the change if it fails, and no event is published", async () => {
      const { accounts } = gate.core;
      const { authorization } = await gate.issue(id);
      const user = await accounts.getUser(id);
      gate.events.length = 0;
      for (const run of [
        () => accounts.createUser({ username: `${name}.new` }, CLIENT, fail),
        () =>
          accounts.updateUser(id, { username: `${name}.x`, email: null }, CLIENT, { begin: fail }),
        () => accounts.setPassword(id, NEXT, { finish: fail }),
        () => accounts.deleteUser(id, CLIENT, fail),
      ]) {
        await expect(run()).rejects.toThrow("the mail cannot be queued");
      }
      expect(await accounts.findUser({ username: `${name}.new` })).toBeNull();
      expect(await accounts.getUser(id)).toEqual(user);
      expect((await gate.me(authorization)).data.me.id).toBe(id);
      expect(gate.events).toEqual([]);
      await gate.login(name);
    });
  });

  test("if ten users take one e-mail address at once, one gets it, and the others get an error without a reason", async () => {
    const ids = await Promise.all(
      Array.from({ length: 5 }, (_, index) => gate.user(`${name}.${index}x`)),
    );
    const email = `${name}@example.org`;
    const { accounts } = gate.auth;
    const results = await Promise.allSettled([
      ...ids.map((each) => accounts.updateUser(each, { email })),
      ...ids.map((_, index) => accounts.createUser({ username: `${name}.${index}y`, email })),
    ]);
    const refusals = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : [],
    );
    expect(refusals).toHaveLength(9);
    for (const error of refusals) {
      expect(error).toBeInstanceOf(EmailTaken);
      expect(error).toMatchObject({ code: "BAD_USER_INPUT", reason: undefined });
    }
  });
});

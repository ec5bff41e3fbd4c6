import { createHash } from "node:crypto";
import { format, inspect } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import * as errors from "../../../src/errors.js";
import * as classes from "../../../src/features/token-classes/static-token.js";
import { STATIC_TOKEN_PATTERN } from "../../../src/index.js";
import { describeGates } from "../../support/gate.js";

const DAY = 86_400;

describeGates((gate) => {
  let ada: { id: string };

  beforeAll(async () => {
    ada = { id: await gate.user("ada") };
  });

  const newUser = async (username: string) => ({ id: await gate.user(username) });
  const rowOf = async (id: string) =>
    (await gate.sql(`SELECT * FROM session WHERE id = ?`, [id]))[0];
  const me = (key: string | null) => gate.me(`Token ${key!}`);

  describe("StaticToken.generateKey", () => {
    test("T-13: returns a string of the right shape, without an instance and without createAuth", () => {
      for (const Class of [gate.auth.tokens.StaticToken, classes.StaticToken]) {
        expect(Class.generateKey()).toMatch(STATIC_TOKEN_PATTERN);
      }
    });

    test("T-16: returns ten different keys in a row, and no key repeats one character only", () => {
      const keys = Array.from({ length: 10 }, () => gate.auth.tokens.StaticToken.generateKey());
      expect(new Set(keys).size).toBe(10);
      expect(new Set(keys.map((key) => key.slice(4, 36))).size).toBe(10);
      for (const key of keys) expect(new Set(key.slice(37)).size).toBeGreaterThan(10);
    });

    test("T-02: returns a key that is refused", async () => {
      expect((await me(gate.auth.tokens.StaticToken.generateKey())).reason).toBe("token_not_valid");
    });
  });

  describe("StaticToken.create", () => {
    test("returns the key of the new token, unlike find", async () => {
      const token = await gate.auth.tokens.StaticToken.create(ada, "backup script");
      expect(token.key).toMatch(STATIC_TOKEN_PATTERN);
      expect(token.session).toMatchObject({
        id: token.key!.slice(4, 36),
        scheme: "TOKEN",
        label: "backup script",
        createdAt: gate.now,
        expiresAt: gate.now + 90 * DAY * 1000,
      });
      expect((await me(token.key)).data.me).toEqual({ id: ada.id, username: "ada" });
      const found = await gate.auth.tokens.StaticToken.find({ userIds: [ada.id] });
      expect(found.map(({ session: { id } }) => id)).toContain(token.session.id);
      expect(found.map(({ key }) => key)).toEqual(found.map(() => null));
    });

    test("T-21: stores the hash of the secret, and never the key", async () => {
      const { key, session } = await gate.auth.tokens.StaticToken.create(ada);
      const row = await rowOf(session.id);
      expect(row.secret_hash).toBe(createHash("sha256").update(key!.slice(37, 80)).digest("hex"));
      expect(inspect(row)).not.toContain(key!.slice(37, 80));
    });

    test("T-06: keeps the other tokens of the user", async () => {
      const user = await newUser("many");
      const { StaticToken } = gate.auth.tokens;
      const tokens = [await StaticToken.create(user), await StaticToken.create(user)];
      for (const { key } of tokens) expect((await me(key)).status).toBe(200);
    });

    test("U-14: refuses an unknown, inactive or deleted user, and stores nothing", async () => {
      const idle = await newUser("idle");
      await gate.auth.accounts.setActive(idle.id, false);
      const gone = await newUser("gone");
      await gate.auth.accounts.deleteUser(gone.id);
      const count = async () => (await gate.sql(`SELECT count(*) AS n FROM session`))[0].n;
      const before = await count();
      const { StaticToken } = gate.auth.tokens;
      for (const user of [idle, gone, { id: "" }, { id: "f".repeat(32) }, { id: "a\0b" }]) {
        await expect(StaticToken.create(user)).rejects.toThrow(errors.BadUserInput);
      }
      expect(await count()).toBe(before);
    });

    test.each([
      ["nothing", ""],
      ["more than a hundred characters", "x".repeat(101)],
      ["a line's end", "a\nb"],
      ["an escape", "\u001b[31m"],
      ["a zero", "a\0b"],
    ])("M-07: refuses a label of %s, as create-token does", async (_what, label) => {
      const refused = errors.BadUserInput;
      await expect(gate.auth.authentication.createStaticToken(ada, label)).rejects.toThrow(refused);
      await expect(gate.auth.tokens.StaticToken.create(ada, label)).rejects.toThrow(refused);
    });

    test("A-10: is refused without createAuth, like the other methods", async () => {
      const { StaticToken } = classes;
      const message = /createAuth/;
      await expect(StaticToken.create(ada)).rejects.toThrow(message);
      await expect(StaticToken.getOrCreate(ada)).rejects.toThrow(message);
      await expect(StaticToken.find({})).rejects.toThrow(message);
      const { session } = await gate.auth.tokens.StaticToken.create(ada);
      await expect(new StaticToken(session, null).delete()).rejects.toThrow(message);
      expect((await rowOf(session.id)).ended_at).toBeNull();
    });
  });

  describe("StaticToken.getOrCreate", () => {
    test("T-05: returns the live token with this label, without its key, or a new one with its key", async () => {
      const user = await newUser("getter");
      const { StaticToken } = gate.auth.tokens;
      const first = await StaticToken.getOrCreate(user, "ci");
      const again = await StaticToken.getOrCreate(user, "ci");
      const other = await StaticToken.getOrCreate(user);
      expect([first, again, other].map(({ isCreated }) => isCreated)).toEqual([true, false, true]);
      expect(again.token.session.id).toBe(first.token.session.id);
      expect(again.token.key).toBeNull();
      expect((await me(first.token.key)).status).toBe(200);
      await first.token.delete();
      const renewed = await StaticToken.getOrCreate(user, "ci");
      expect(renewed.isCreated).toBe(true);
      expect(renewed.token.session.id).not.toBe(first.token.session.id);
    });

    test.each([
      ["a label", "first", null],
      ["no label", null, "later"],
    ])("T-05: finds a token with %s that is older than 100 others", async (_what, label, other) => {
      const user = await newUser(`many of ${label}`.replaceAll(" ", "."));
      const { StaticToken } = gate.auth.tokens;
      const { session } = await StaticToken.create(user, label);
      gate.advance(1);
      for (let count = 0; count < 100; count += 1) await StaticToken.create(user, other);
      const { token, isCreated } = await StaticToken.getOrCreate(user, label);
      expect([token.session.id, token.key, isCreated]).toEqual([session.id, null, false]);
    });

    test("T-05: creates one token if it is called many times at once, on two servers", async () => {
      const user = await newUser("hurried");
      const other = await gate.another();
      for (const label of ["ci", null]) {
        const made = await Promise.all(
          [gate, other, gate, other, gate, other, gate, other].map(({ auth }) =>
            auth.tokens.StaticToken.getOrCreate(user, label),
          ),
        );
        expect(new Set(made.map(({ token }) => token.session.id)).size).toBe(1);
        const [created, ...others] = made.filter(({ isCreated }) => isCreated);
        expect(others).toEqual([]);
        expect((await me(created?.token.key ?? "")).status).toBe(200);
      }
    });

    test("T-05: never returns the token of another user, or an expired one", async () => {
      const [user, neighbour] = [await newUser("here"), await newUser("there")];
      const { StaticToken } = gate.auth.tokens;
      const theirs = await StaticToken.create(neighbour, "ci");
      const { token } = await StaticToken.getOrCreate(user, "ci");
      expect(token.session.id).not.toBe(theirs.session.id);
      gate.advance(90 * DAY);
      expect((await StaticToken.getOrCreate(user, "ci")).isCreated).toBe(true);
    });

    test("U-14: refuses an unknown user", async () => {
      await expect(
        gate.auth.tokens.StaticToken.getOrCreate({ id: "f".repeat(32) }),
      ).rejects.toThrow(errors.BadUserInput);
    });
  });

  describe("StaticToken.find", () => {
    test("M-09: returns the live tokens that match, newest first, and no session of another scheme", async () => {
      const user = await newUser("finder");
      const { StaticToken } = gate.auth.tokens;
      const made = [];
      for (const label of ["one", "two", "three"]) {
        made.push(await StaticToken.create(user, label));
        gate.advance(1);
      }
      await gate.login("finder", "JWT");
      await gate.login("finder", "SLIDING");
      await made[1]!.delete();
      const found = await StaticToken.find({ userIds: [user.id] });
      expect(found.map(({ session }) => session.label)).toEqual(["three", "one"]);
      expect(await StaticToken.find({ username: "finder" })).toHaveLength(2);
      expect(await StaticToken.find({ userIds: [] })).toEqual([]);
      expect(found[0]).toBeInstanceOf(classes.StaticToken);
      expect(await StaticToken.find({ userIds: [user] })).toHaveLength(2);
    });

    test("refuses a query that would find everybody's tokens by mistake", async () => {
      const { StaticToken } = gate.auth.tokens;
      const find = (where?: object) => StaticToken.find(where as classes.StaticTokenQuery);
      for (const where of [
        undefined,
        ada.id,
        { userId: ada.id },
        { userIds: undefined },
        { userIds: null },
        { userIds: ada.id },
        { userIds: [undefined] },
        { userIds: ["ada"] },
        { username: undefined },
        { toString: "ada" },
        { scheme: "JWT" },
      ] as (object | undefined)[]) {
        await expect(find(where)).rejects.toBeInstanceOf(errors.BadUserInput);
      }
      await expect(find({ userId: ada.id })).rejects.toThrow("userId is not a field of a query.");
    });
  });

  describe("StaticToken.delete", () => {
    test("T-08, B-01: ends the token once, whether the object came from create or from find", async () => {
      const { StaticToken } = gate.auth.tokens;
      const user = await newUser("deleter");
      const [one, two] = [await StaticToken.create(user), await StaticToken.create(user)];
      const found = (await StaticToken.find({ userIds: [user.id] })).find(
        ({ session }) => session.id === two.session.id,
      );
      expect([await one.delete(), await found!.delete()]).toEqual([true, true]);
      expect([await one.delete(), await two.delete()]).toEqual([false, false]);
      for (const { key } of [one, two]) expect((await me(key)).reason).toBe("token_revoked");
    });
  });

  describe("a stored key", () => {
    test("T-17: cannot be overwritten by another row with its id", async () => {
      const { key, session } = await gate.auth.tokens.StaticToken.create(ada);
      const before = await rowOf(session.id);
      await expect(
        gate.sql(
          `INSERT INTO session (id, user_id, scheme, secret_hash, credentials_version, created_at, rotated_at)
           VALUES (?, ?, 'TOKEN', ?, 0, 1, 1)`,
          [session.id, ada.id, "0".repeat(64)],
        ),
      ).rejects.toThrow(/unique|UNIQUE/);
      expect(await rowOf(session.id)).toEqual(before);
      expect((await me(key)).status).toBe(200);
    });

    test("T-18: stays valid when the object that showed the key is changed", async () => {
      const token = await gate.auth.tokens.StaticToken.create(ada);
      const { key, session } = token;
      const before = await rowOf(session.id);
      try {
        Object.assign(token, { key: null });
      } catch {
        // A frozen object throws here, which is also accepted.
      }
      expect((await rowOf(session.id)).secret_hash).toBe(before.secret_hash);
      expect((await me(key)).status).toBe(200);
    });

    test("T-18: is refused when its hash is empty or missing", async () => {
      for (const hash of [null, ""]) {
        const { key, session } = await gate.auth.tokens.StaticToken.create(ada);
        await gate.sql(`UPDATE session SET secret_hash = ? WHERE id = ?`, [hash, session.id]);
        expect((await me(key)).reason).toBe("token_not_valid");
      }
    });

    test("T-19: keeps its hash while it is used, found and listed", async () => {
      const { key, session } = await gate.auth.tokens.StaticToken.create(ada, "used");
      const { secret_hash: hash } = await rowOf(session.id);
      for (let turn = 0; turn < 3; turn += 1) {
        gate.advance(120);
        expect((await me(key)).status).toBe(200);
        await gate.core.sessions.flush();
        await gate.auth.tokens.StaticToken.getOrCreate(ada, "used");
      }
      const row = await rowOf(session.id);
      expect(row.secret_hash).toBe(hash);
      expect(Number(row.last_used_at)).toBe(gate.now);
    });
  });

  describe("a static token that is printed or logged", () => {
    /** The ways to write an object to a log. */
    const printings: Record<string, (token: object) => string> = {
      "String()": String,
      "a template": (token) => `token: ${token as unknown as string}`,
      "JSON.stringify": (token) => JSON.stringify({ token }),
      "console.log": (token) => format(token),
      "console.log of an object around it": (token) => inspect({ token: [token] }, { depth: 9 }),
      "console.log with %o": (token) => format("%o", token),
    };

    test.each(Object.entries(printings))("T-20: by %s shows no key", async (_how, print) => {
      const token = await gate.auth.tokens.StaticToken.create(ada, "printed");
      const printed = print(token);
      expect(printed).toContain(token.session.id);
      expect(printed).not.toContain(token.key);
      expect(printed).not.toContain(token.key!.slice(37, 80));
    });

    test("T-20: shows the prefix, the id and the label", async () => {
      const token = await gate.auth.tokens.StaticToken.create(ada, "printed");
      expect(String(token)).toBe(`gth_${token.session.id}_…`);
      expect(JSON.parse(JSON.stringify(token))).toEqual(token.session);
    });
  });
});

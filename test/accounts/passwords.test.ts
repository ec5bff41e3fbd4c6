import { hash } from "@node-rs/argon2";
import { describe, expect, test } from "@jest/globals";
import { attempt } from "../support/attempts.js";
import { describeGates, Gate, PASSWORD } from "../support/gate.js";

const KEY = "🔑";
/** The start of long passwords. It is hard to guess even if it is cut off early. */
const START = "tangent obsidian kettle";

describeGates((gate, database) => {
  let names = 0;

  /** Creates a user with this password. The returned `letsIn` tells whether a password logs the user in. */
  async function userWith(password: string) {
    const username = `user${(names += 1)}`;
    const id = await gate.user(username, { password });
    const letsIn = (attempt: string) =>
      gate.login(username, "JWT", attempt).then(
        () => true,
        () => false,
      );
    return { id, username, letsIn };
  }

  const storedHash = async (id: string): Promise<string> =>
    (await gate.sql(`SELECT password_hash FROM "user" WHERE id = ?`, [id]))[0].password_hash;

  describe("the length of a password", () => {
    test("PW-1: is at least 15 code points, counted neither in bytes nor in UTF-16 units", async () => {
      for (const short of ["", "x".repeat(7), "x".repeat(14), KEY.repeat(14)]) {
        await expect(userWith(short)).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      }
      for (const password of ["lucid otter 9fz", "🔑🦦🧭🪁🍐🛶🎺🧵🪵🐚🍄🧲🪐🕰🔭"]) {
        expect(await (await userWith(password)).letsIn(password)).toBe(true);
      }
    });

    test("PW-1: is checked for a changed password too, and a refusal keeps the old password and its sessions", async () => {
      const { id, username, letsIn } = await userWith(PASSWORD);
      const { authorization } = await gate.login(username);
      const refused = gate.auth.accounts.setPassword(id, "x".repeat(14));
      await expect(refused).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      expect((await gate.me(authorization)).status).toBe(200);
      expect(await letsIn(PASSWORD)).toBe(true);
    });

    test("PW-1: can have a minimum of 8, and no lower one", async () => {
      await expect(Gate.open({ passwordMinLength: 7 }, database)).rejects.toThrow(
        /passwordMinLength/,
      );
      const short = await Gate.open({ passwordMinLength: 8 }, database);
      try {
        await short.user("ada", { password: "v7#qLz0w" });
        const seven = short.user("eve", { password: "v7#qLz0" });
        await expect(seven).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      } finally {
        await short.close();
      }
    });

    test("PW-2: is at most 256 code points at a login, too, however many bytes they have", async () => {
      const answer = await attempt(gate, "nobody", KEY.repeat(256));
      expect(answer.reason).toBe("invalid_credentials");
      for (const long of [KEY.repeat(257), "x".repeat(257)]) {
        expect((await attempt(gate, "nobody", long)).code).toBe("BAD_USER_INPUT");
      }
    });

    test("PW-2: is at most 256 code points, and all of them count", async () => {
      for (const length of [72, 128, 255]) {
        const start = START.padEnd(length, "x");
        const { letsIn } = await userWith(`${start}a`);
        expect([await letsIn(`${start}b`), await letsIn(start), await letsIn(`${start}a`)]).toEqual(
          [false, false, true],
        );
      }
      const longest = START + KEY.repeat(256 - START.length);
      const { letsIn } = await userWith(longest);
      expect(await letsIn(longest)).toBe(true);
      for (const long of ["x".repeat(257), KEY.repeat(257)]) {
        await expect(userWith(long)).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      }
    });
  });

  describe("the characters of a password", () => {
    test("PW-3, W12: may include blanks anywhere, and no composition rules apply", async () => {
      const { letsIn } = await userWith("  all lower  case ");
      const others = [
        "all lower  case",
        "  all lower  case",
        "all lower  case ",
        "  all lower case ",
      ];
      for (const other of others) expect(await letsIn(other)).toBe(false);
      expect(await letsIn("  all lower  case ")).toBe(true);
    });

    test("PW-4, L-13: count as the same in NFC and NFD, and as different in another case or compatibility form", async () => {
      const password = "é".repeat(10) + "ﬁsch zwei";
      const { letsIn } = await userWith(password.normalize("NFD"));
      expect([
        await letsIn(password.normalize("NFC")),
        await letsIn(password.normalize("NFD")),
      ]).toEqual([true, true]);
      expect([
        await letsIn(password.normalize("NFKC")),
        await letsIn(password.toUpperCase()),
      ]).toEqual([false, false]);
    });

    test("PW-3: may not include a lone surrogate", async () => {
      const broken = userWith(`${"x".repeat(20)}\ud800`);
      await expect(broken).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
    });
  });

  describe("a password's hash", () => {
    test("PW-6: is Argon2id with OWASP's parameters, and two hashes of one password differ", async () => {
      const hashes = await Promise.all(
        [await userWith(PASSWORD), await userWith(PASSWORD)].map(({ id }) => storedHash(id)),
      );
      for (const stored of hashes) {
        expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22,}\$[\w+/]{43}$/);
      }
      expect(hashes[0]).not.toBe(hashes[1]);
    });

    /** Creates a user whose hash was made with weaker parameters. */
    async function userWithOldHash() {
      const user = await userWith(PASSWORD);
      const old = await hash(PASSWORD, { memoryCost: 8192, timeCost: 1, parallelism: 1 });
      await gate.sql(`UPDATE "user" SET password_hash = ? WHERE id = ?`, [old, user.id]);
      return { ...user, old };
    }

    test("L-21, PW-7: a hash with old parameters is replaced at login, which ends no session", async () => {
      const { id, username, old } = await userWithOldHash();
      await expect(gate.login(username, "JWT", "a wrong password")).rejects.toThrow();
      expect(await storedHash(id)).toBe(old);
      const { authorization } = await gate.login(username);
      const renewed = await storedHash(id);
      expect(renewed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect((await gate.me(authorization)).status).toBe(200);
      await gate.login(username);
      expect(await storedHash(id)).toBe(renewed);
    });

    test("L-21: a login that replaces the hash during a password change never restores the old password", async () => {
      for (let round = 0; round < 5; round += 1) {
        const { id, letsIn } = await userWithOldHash();
        await Promise.all([
          letsIn(PASSWORD),
          gate.auth.accounts.setPassword(id, "another correct horse"),
        ]);
        expect([await letsIn(PASSWORD), await letsIn("another correct horse")]).toEqual([
          false,
          true,
        ]);
      }
    });

    test.each(["", "x", "pbkdf2_sha256$1$a$b", "$argon2id$v=19$m=1,t=1,p=1$AA$AA", PASSWORD])(
      "L-14: a malformed hash (%j) matches no password, and the login is refused without a 500",
      async (stored) => {
        const { id, username } = await userWith(PASSWORD);
        await gate.sql(`UPDATE "user" SET password_hash = ? WHERE id = ?`, [stored, id]);
        for (const attempt of [PASSWORD, stored || " "]) {
          await expect(gate.login(username, "JWT", attempt)).rejects.toThrow("invalid_credentials");
        }
      },
    );
  });
});

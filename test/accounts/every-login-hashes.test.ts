import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import * as argon2 from "@node-rs/argon2";

/**
 * The number of passwords that were hashed completely. The library fails earlier if it cannot read the stored hash.
 */
let hashed = 0;

// This mock only counts. The library itself hashes.
jest.unstable_mockModule("@node-rs/argon2", () => ({
  ...argon2,
  verify: async (...parameters: Parameters<typeof argon2.verify>) => {
    const isRight = await argon2.verify(...parameters);
    hashed += 1;
    return isRight;
  },
}));

const { attempt, attemptByEmail, REFUSED } = await import("../support/attempts.js");
const { describeGates, PASSWORD } = await import("../support/gate.js");

const LIMIT = 100;

describeGates({ loginFailureLimit: LIMIT }, (gate) => {
  let names = 0;
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `user${(names += 1)}`;
    id = await gate.user(name, { email: `${name}@example.com` });
    hashed = 0;
  });

  const store = (passwordHash: string | null) =>
    gate.sql(`UPDATE "user" SET password_hash = ? WHERE id = ?`, [passwordHash, id]);

  /** Tries a password by user name and by e-mail address. */
  async function expectTwoHashes(password: string, who = name): Promise<void> {
    expect(await attempt(gate, who, password)).toMatchObject(REFUSED);
    expect(await attemptByEmail(gate, `${who}@example.com`, password)).toMatchObject(REFUSED);
    expect(hashed).toBe(2);
  }

  describe("a refused login hashes one password, so that its time reveals nothing,", () => {
    test("LG-1, PW-10: for a wrong password", () => expectTwoHashes("a wrong password"));

    test("LG-1, PW-10: for an unknown user", () => expectTwoHashes(PASSWORD, "nobody"));

    test("LG-1, PW-10: for an inactive user", async () => {
      await gate.auth.accounts.setActive(id, false);
      await expectTwoHashes(PASSWORD);
    });

    test("LG-1, PW-10: for a locked user", async () => {
      await gate.sql(`UPDATE "user" SET failed_logins = ? WHERE id = ?`, [LIMIT, id]);
      await expectTwoHashes(PASSWORD);
    });

    test.each([null, "", "x", "pbkdf2_sha256$1$a$b", "$argon2id$v=19$m=19456,t=2,p=1$AA$AA"])(
      "LG-1, PW-10: for a user whose stored hash is %j",
      async (passwordHash) => {
        await store(passwordHash);
        await expectTwoHashes(PASSWORD);
      },
    );
  });
});

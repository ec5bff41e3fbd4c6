import { describe, expect, test } from "@jest/globals";
import { describeGates } from "../../support/gate.js";
import { storeUser } from "./django-rows.js";

const PASSWORD = " Pässword of ada ";

/** Hashes of {@link PASSWORD}, made by Django's `make_password`: scrypt by Django 4, the others by Django 3.2. */
const HASHES = {
  pbkdf2_sha256:
    "pbkdf2_sha256$260000$t6wPd52RX96dRLdYNMpPro$OCC4sG1uTlut2fdB2HtVUbzp23iAT/PZXZ5A34tlJIY=",
  pbkdf2_sha1: "pbkdf2_sha1$260000$wBsJ5RQmE1e8CAardYnmbo$EQeHTzpthvdJQKCbyl/uaO0eqrE=",
  argon2:
    "argon2$argon2id$v=19$m=102400,t=2,p=8$dnpRSklxMHQ1SUVudUZoNnFwQ2Z3WA$Unx9ueK1Mh1Wm3aG6JCbgw",
  bcrypt_sha256: "bcrypt_sha256$$2b$12$/BrIY9RAMnJFeL0O.Jr/eu/ys9Dm4NworJTr7okBDXA.OYzUb..uy",
  bcrypt: "bcrypt$$2b$12$1x7aalRz39HE9Ynfmg6A5.hAeIUWMiGZcJ1KZTSy613Kq0VnheUGO",
  scrypt:
    "scrypt$16384$nGxYtPv1Zq3rLm$8$1$NNar4Xg3tintrwyNkf8cowJ6VZF8epGkdIdlifyqAqynkHgG3NDcoSgUaampqoxenWrnAISXkX9Fk5EKVyQtEA==",
};

/** Hashes that match no password: unusable, unknown, cut off, or too costly to check. */
const DEAD = [
  "!bPzF65OptVpDJEoiXPzvoSzVwo8xZU8Et4YgIul8",
  "!",
  "",
  "plain",
  "sha1$3PlImGgEj9fkxUMgSUIwgr$368bd4d3b6d49041334ccbeb9bfea4bdab978e7c",
  HASHES.pbkdf2_sha256.slice(0, -4),
  HASHES.pbkdf2_sha1.replace(/[^$]*$/, "EQ=="),
  HASHES.scrypt.slice(0, -4),
  HASHES.pbkdf2_sha256.replace("260000", "26000000"),
  HASHES.pbkdf2_sha256.replace("260000", "0"),
  HASHES.argon2.replace("m=102400", "m=4294967295"),
  HASHES.bcrypt.replace("$12$", "$31$"),
  HASHES.scrypt.replace("16384", "16777216"),
  HASHES.scrypt.replace("16384", "16383"),
  `pbkdf2_sha256$260000$$OCC4sG1uTlut2fdB2HtVUbzp23iAT/PZXZ5A34tlJIY=`,
];

describeGates({ django: true }, (gate) => {
  let count = 0;

  async function userWith(hash: string) {
    const username = `user${(count += 1)}`;
    const id = await storeUser(gate, count, username, hash);
    const stored = async () =>
      (await gate.sql(`SELECT password_hash FROM "user" WHERE id = ?`, [id]))[0].password_hash;
    const letsIn = (password: string) =>
      gate.login(username, "JWT", password).then(
        () => true,
        () => false,
      );
    return { letsIn, stored };
  }

  describe("the password of a user from Django", () => {
    test.each(Object.entries(HASHES))(
      "PW-7, L-21: is accepted, hashed by %s, and is hashed by Argon2id afterwards",
      async (_format, hash) => {
        const { letsIn, stored } = await userWith(hash);
        for (const wrong of ["Pässword of ada", `${PASSWORD} `, "x"]) {
          expect(await letsIn(wrong)).toBe(false);
        }
        expect(await stored()).toBe(hash);
        expect(await letsIn(PASSWORD)).toBe(true);
        expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
        expect([await letsIn(PASSWORD), await letsIn(PASSWORD.trim())]).toEqual([true, false]);
      },
    );

    test("is cut after 72 bytes if Django hashed it by bcrypt alone, as there", async () => {
      // bcrypt.hashpw(b"y" * 90, …)
      const hash = "bcrypt$$2b$04$PNrJSdstw3E.f1ndpuZ.xulpQD8d176j8S1UxvgNW9xXz8VGGh3la";
      expect(await (await userWith(hash)).letsIn("y".repeat(80))).toBe(true);
    });

    test.each(DEAD)("is never right if the hash is %j", async (hash) => {
      const { letsIn, stored } = await userWith(hash);
      for (const password of [PASSWORD, hash, "!"].filter((text) => text !== "")) {
        expect(await letsIn(password)).toBe(false);
      }
      expect(await stored()).toBe(hash);
    });
  });
});

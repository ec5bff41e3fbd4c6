import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { defineFeature } from "../../../src/features/feature.js";
import { hashFunctions } from "../../../src/features/import-django/hash-functions.js";
import { spend } from "../../../src/features/import-django/hash-work.js";
import { readHash } from "../../../src/features/import-django/password-hashes.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, describeGates, type Gate } from "../../support/gate.js";
import { importFrom } from "./command.js";
import { DjangoDatabase } from "./django-database.js";
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

/** Stores a user with a hash. */
async function storeWith(gate: Gate, id: number, hash: string) {
  const username = `user${id}`;
  await storeUser(gate, id, username, hash);
  const stored = async () =>
    (await gate.sql(`SELECT password_hash FROM "user" WHERE username = ?`, [username]))[0]
      .password_hash;
  const letsIn = (password: string) =>
    gate.login(username, "JWT", password).then(
      () => true,
      () => false,
    );
  return { letsIn, stored };
}

describeGates({ django: true }, (gate) => {
  let id = 0;

  describe("the password of a user from Django", () => {
    test.each(Object.entries(HASHES))(
      "PW-7, L-21: is accepted with a hash by %s, and has a hash by Argon2id afterwards",
      async (_format, hash) => {
        const { letsIn, stored } = await storeWith(gate, (id += 1), hash);
        for (const wrong of ["Pässword of ada", `${PASSWORD} `, "x"]) {
          expect(await letsIn(wrong)).toBe(false);
        }
        expect(await stored()).toBe(hash);
        expect(await letsIn(PASSWORD)).toBe(true);
        expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
        expect([await letsIn(PASSWORD), await letsIn(PASSWORD.trim())]).toEqual([true, false]);
      },
    );

    test("is cut after 72 bytes, as in Django, if Django hashed it by bcrypt alone", async () => {
      // Made by `bcrypt.hashpw(b"y" * 90, …)`.
      const hash = "bcrypt$$2b$04$PNrJSdstw3E.f1ndpuZ.xulpQD8d176j8S1UxvgNW9xXz8VGGh3la";
      const { letsIn } = await storeWith(gate, (id += 1), hash);
      expect(await letsIn("y".repeat(80))).toBe(true);
    });
  });
});

/** Runs after the check of a login's password, and before the login is recorded. */
let meanwhile: () => Promise<unknown> = () => Promise.resolve();

const race = defineFeature({
  name: "race",
  create: () => ({ hooks: { beforeLogin: () => meanwhile().then(() => undefined) } }),
});

describeFreshGates({ django: true, features: [race] }, (gate) => {
  let django: DjangoDatabase;

  beforeEach(async () => {
    django = await DjangoDatabase.create("sqlite");
    await django.user({ id: 1, username: "ada", password: HASHES.pbkdf2_sha1 });
    await importFrom(gate, django.url);
    meanwhile = () => Promise.resolve();
  });
  afterEach(() => django.drop());

  const storedHash = async () =>
    (await gate.sql(`SELECT password_hash FROM "user"`))[0].password_hash;

  test("L-21: a login with the old password does not undo the new password that an import stores meanwhile", async () => {
    // A hash of the password "1234".
    const changed = "pbkdf2_sha256$1000$saltsalt$5H+PyfD+NrL3f3614/3BySuQSLtJDQtIzZAv5KnpEKU=";
    meanwhile = async () => {
      await django.sql("UPDATE auth_user SET password = ? WHERE id = 1", [changed]);
      await importFrom(gate, django.url);
    };
    await expect(gate.login("ada", "JWT", PASSWORD)).rejects.toThrow(/invalid_credentials/);
    expect(await storedHash()).toBe(changed);
    meanwhile = () => Promise.resolve();
    await expect(gate.login("ada", "JWT", PASSWORD)).rejects.toThrow(/invalid_credentials/);
    expect((await gate.login("ada", "JWT", "1234")).access).toBeDefined();
  });

  test("L-21: two logins at the same time both replace Django's hash, and both succeed", async () => {
    let checked = 0;
    meanwhile = () => {
      checked += 1;
      return eventually(() => Promise.resolve(checked === 2));
    };
    await Promise.all([1, 2].map(() => gate.login("ada", "JWT", PASSWORD)));
    expect(await storedHash()).toMatch(/^\$argon2id\$/);
  });
});

describeGates({ django: true }, (gate) => {
  let id = 0;

  test.each(DEAD)("no password matches the stored hash %j", async (hash) => {
    const { letsIn, stored } = await storeWith(gate, (id += 1), hash);
    for (const password of [PASSWORD, hash, "!"].filter((text) => text !== "")) {
      expect(await letsIn(password)).toBe(false);
    }
    expect(await stored()).toBe(hash);
  });
});

const SCRYPT = HASHES.scrypt.replace("16384", "N").replace("$8$1$", "$R$P$");
const scrypt = (N: number, r: number, p: number) =>
  SCRYPT.replace("$N$", `$${N}$`).replace("$R$P$", `$${r}$${p}$`);
const pbkdf2 = (iterations: number) => HASHES.pbkdf2_sha256.replace("260000", `${iterations}`);
const bcrypt = (rounds: string) => HASHES.bcrypt.replace("$12$", `$${rounds}$`);
const argon2 = (m: number, t: number, p: number) =>
  HASHES.argon2.replace("m=102400,t=2,p=8", `m=${m},t=${t},p=${p}`);

describe("the hash of a password is read only if", () => {
  test.each([
    [
      "PBKDF2 has 1 to 3,000,000 iterations",
      [1, 3_000_000].map(pbkdf2),
      [0, 3_000_001].map(pbkdf2),
    ],
    ["bcrypt has 2^4 to 2^15 rounds", ["04", "15"].map(bcrypt), ["03", "16", "31"].map(bcrypt)],
    [
      "scrypt uses at most 1 GiB over all blocks",
      [scrypt(2 ** 14, 8, 64), scrypt(2 ** 20, 8, 1), scrypt(2, 1, 1)],
      [
        scrypt(2 ** 14, 8, 65),
        scrypt(2 ** 14, 9, 64),
        scrypt(2 ** 20, 8, 2),
        scrypt(2, 8, 9999 * 99),
      ],
    ],
    [
      "N of scrypt is a power of two, and not too large for r",
      [scrypt(2 ** 15, 1, 1)],
      [scrypt(16_383, 8, 1), scrypt(1, 8, 1), scrypt(0, 8, 1), scrypt(2 ** 16, 1, 1)],
    ],
    ["scrypt has blocks and lanes", [scrypt(16, 1, 1)], [scrypt(16, 0, 1), scrypt(16, 1, 0)]],
    [
      "Argon2 uses at most 256 MiB, and at most 1 GiB over all passes",
      [argon2(2 ** 18, 4, 8), argon2(8, 2 ** 17, 1)],
      [argon2(2 ** 18 + 1, 1, 8), argon2(2 ** 18, 5, 8), argon2(8, 2 ** 17 + 1, 1)],
    ],
    [
      "Argon2 has 1 to 64 lanes, a pass, and memory for each lane",
      [argon2(512, 1, 64)],
      [argon2(102_400, 2, 65), argon2(102_400, 2, 0), argon2(511, 1, 64), argon2(512, 0, 1)],
    ],
  ])("%s", (_rule, readable, unreadable) => {
    expect(readable.filter((hash) => readHash(hash) === null)).toEqual([]);
    expect(unreadable.filter((hash) => readHash(hash) !== null)).toEqual([]);
  });

  // Otherwise the libraries would throw, or would refuse a password without hashing it. Its time would then reveal
  // the hash.
  test.each([
    ["the unused bits of bcrypt's salt are 0", HASHES.bcrypt.replace(".hAeI", "/hAeI")],
    ["the unused bits of bcrypt's digest are 0", HASHES.bcrypt.replace(/O$/, "P")],
    ["bcrypt has only its own letters", HASHES.bcrypt.replace(/.O$/, "_O")],
    ["the salt of Argon2 is base64", HASHES.argon2.replace("dnpRSkl", "dnpRSk=")],
    ["the salt of Argon2 has whole bytes", HASHES.argon2.replace("Z3WA$", "Z3WB$")],
    ["the output of Argon2 has whole bytes", HASHES.argon2.replace(/w$/, "x")],
    ["the output of Argon2 is long enough", HASHES.argon2.replace(/\$[^$]*$/, "$Unx9ueK1Mh1W")],
  ])("%s", (_rule, hash) => {
    expect(readHash(hash)).toBeNull();
  });
});

/** The work that one login cost, in each hash function. */
interface Work {
  pbkdf2: number;
  scrypt: number;
  bcrypt: number;
  argon2: number;
}

/** Counts the work of the hash functions, which still run. */
function countWork(): Work {
  const work: Work = { pbkdf2: 0, scrypt: 0, bcrypt: 0, argon2: 0 };
  const spy = <Name extends keyof Work>(
    name: Name,
    costOf: (...values: Parameters<(typeof hashFunctions)[Name]>) => number,
  ) => {
    const original = hashFunctions[name] as (...values: unknown[]) => never;
    jest.spyOn(hashFunctions, name).mockImplementation((...values: unknown[]) => {
      work[name] += costOf(...(values as Parameters<(typeof hashFunctions)[Name]>));
      return original(...values);
    });
  };
  spy("pbkdf2", (_digest, _password, _salt, iterations) => iterations);
  spy("scrypt", (_password, _salt, { N, r, p }) => N * r * p);
  spy("bcrypt", (_password, crypt) => 2 ** Number(crypt.slice(4, 6)));
  spy("argon2", (_password, phc) => {
    const [, m, t] = /m=(\d+),t=(\d+)/.exec(phc) ?? [];
    return Number(m) * Number(t);
  });
  return work;
}

describeFreshGates({ django: true }, (gate) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** Returns the work of a refused login, such as one with a wrong password. */
  async function costOf(username: string, password = "wrong"): Promise<Work> {
    const work = countWork();
    expect(await gate.login(username, "JWT", password).catch(String)).toContain(
      "invalid_credentials",
    );
    jest.restoreAllMocks();
    return work;
  }

  test("L-21: a wrong password costs as much as the most expensive hash of each kind, whatever is stored, and even without a user", async () => {
    const users: Record<string, string | null> = {
      dearest: pbkdf2(26_000),
      // As text, this number is greater than the one above.
      cheap: pbkdf2(9_000),
      cheapest: pbkdf2(1),
      scrypt: scrypt(2 ** 14, 8, 1),
      lanes: scrypt(2 ** 12, 8, 5),
      argon2: argon2(4096, 2, 8),
      "cheap argon2": argon2(512, 2, 2),
      bcrypt: bcrypt("08"),
      "cheap bcrypt": bcrypt("05"),
      digested: HASHES.bcrypt_sha256.replace("$12$", "$06$"),
      // As text, this hash is greater than all others of PBKDF2.
      malformed: "pbkdf2_sha256$zzz",
      excessive: pbkdf2(9_999_999),
      none: null,
    };
    let id = 0;
    for (const [name, hash] of Object.entries(users)) await storeUser(gate, (id += 1), name, hash);
    await gate.user("native");
    const expected = { pbkdf2: 26_000, scrypt: 5 * 2 ** 15, bcrypt: 256, argon2: 8192 };
    for (const name of [...Object.keys(users), "native", "nobody"]) {
      expect([name, await costOf(name)]).toEqual([name, expected]);
    }
  });

  test("a right password costs only its own hash, and Django's hashes cost nothing once no user has one", async () => {
    await storeUser(gate, 1, "ada", bcrypt("04"));
    await storeUser(gate, 2, "bob", HASHES.bcrypt);
    const work = countWork();
    await gate.login("bob", "JWT", PASSWORD);
    expect(work).toEqual({ pbkdf2: 0, scrypt: 0, bcrypt: 2 ** 12, argon2: 0 });
    jest.restoreAllMocks();
    expect((await costOf("bob")).bcrypt).toBe(2 ** 12);
    await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE username = 'ada'`);
    expect(await costOf("bob")).toEqual({ pbkdf2: 0, scrypt: 0, bcrypt: 0, argon2: 0 });
  });

  test("L-21: the right password of a locked or inactive account costs as much as a wrong one", async () => {
    await storeUser(gate, 1, "ada", HASHES.bcrypt);
    await storeUser(gate, 2, "bob", scrypt(2 ** 12, 8, 1));
    const expected = await costOf("ada");
    for (const state of ["is_active = false", "is_active = true, failed_logins = 100"]) {
      await gate.sql(`UPDATE "user" SET ${state} WHERE username = 'ada'`);
      expect([state, await costOf("ada", PASSWORD)]).toEqual([state, expected]);
    }
  });

  test("L-21: each import raises the cost of a wrong password to its hashes, and imports no hash that cannot be checked", async () => {
    const django = await DjangoDatabase.create("sqlite");
    try {
      await django.user({ id: 1, username: "ada", password: pbkdf2(2000) });
      await django.user({ id: 2, username: "bob", password: pbkdf2(900) });
      await django.user({ id: 3, username: "eve", password: pbkdf2(9_000_000) });
      const { remarks } = await importFrom(gate, django.url);
      const text = "Gatehouse cannot verify the password. The user is imported without a password.";
      expect(remarks).toEqual([{ djangoId: "3", username: "eve", about: "password", text }]);
      for (const name of ["ada", "bob", "eve", "nobody"]) {
        expect((await costOf(name)).pbkdf2).toBe(2000);
      }
      await django.sql("UPDATE auth_user SET password = ? WHERE id = 2", [pbkdf2(3000)]);
      await importFrom(gate, django.url);
      for (const name of ["ada", "bob", "nobody"]) {
        expect((await costOf(name)).pbkdf2).toBe(3000);
      }
    } finally {
      await django.drop();
    }
  });
});

describe("spend", () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test.each(["bcrypt", "scrypt", "argon2", "pbkdf2_sha256"] as const)(
    "a stored cost below the cost of the user's own hash costs no further %s",
    async (hashFunction) => {
      const spies = (["bcrypt", "scrypt", "argon2", "pbkdf2"] as const).map((name) =>
        jest.spyOn(hashFunctions, name).mockResolvedValue(false as never),
      );
      await spend(hashFunction, PASSWORD, -16_384 * 8 - 16);
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    },
  );
});

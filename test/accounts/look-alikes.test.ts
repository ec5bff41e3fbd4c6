import { beforeAll, describe, expect, test } from "@jest/globals";
import { skeletonsOf } from "../../src/accounts/look-alikes.js";
import { DATABASES, describeGates, Gate } from "../support/gate.js";
import { insertUsers } from "./insert-users.js";

const SECRET_KEY = "an example of a secret that is long enough";
const REFUSED = { code: "BAD_USER_INPUT" };
const TAKEN = { ...REFUSED, reason: "username_taken" };

/** Names that are refused because they look like a taken name, which is the first of each row. */
const TAKEN_BESIDE: readonly (readonly [taken: string, how: string, name: string])[] = [
  ["alice", "with a Latin alpha", "ɑlice"],
  ["alice", "with a capital I for the l", "aIice"],
  ["alice", "with a 1 for the l", "a1ice"],
  ["alice", "with a line below", "alice\u0332"],
  ["alice", "with a line below each letter", "a\u0332l\u0332i\u0332c\u0332e\u0332"],
  ["alice", "with a stroke through a letter", "al\u0335ice"],
  ["alice", "in small capitals and full width", "ａｌｉｃｅ"],
  ["alice", "in another case", "ALICE"],
  ["apple", "in Cyrillic", "аррӏе"],
  ["coco", "in Cyrillic", "сосо"],
  ["coco", "in Cyrillic capitals", "СОСО"],
  ["coco", "with zeros", "c0c0"],
  ["oov", "in Greek", "οον"],
  ["oon", "in Greek capitals", "ΟΟΝ"],
  ["oo", "in Armenian", "օօ"],
  ["modern", "with an rn for the m", "rnodem"],
  ["josé", "with an acute accent of its own", "jose\u0301\u0301"],
  ["lan", "with a capital I", "Ian"],
  ["Ivan", "with an l for the capital I", "lvan"],
];

/** Names that are refused even if no other user exists. */
const NEVER_ACCEPTED: readonly (readonly [how: string, name: string])[] = [
  ["a grapheme joiner", "alice\u034f"],
  ["a variation selector", "alice\ufe0f"],
  ["a supplementary variation selector", "alice\u{e0100}"],
  ["a Hangul filler", "alice\u3164"],
  ["a Hangul choseong filler", "alice\u115f"],
  ["a half-width Hangul filler", "alice\uffa0"],
  ["a Khmer inherent vowel", "alice\u17b4"],
  ["a Mongolian variation selector", "ali\u180bce"],
  ["a zero-width joiner", "ali\u200dce"],
  ["a tag", "alice\u{e0061}"],
  ["an Ethiopic letter", "alice\u1350"],
  ["an Ethiopic mark", "alice\u135f"],
  ["a Cyrillic letter", "аlice"],
  ["a Greek letter", "αlice"],
  ["a mathematical Greek letter", "𝛂lice"],
  ["a Cherokee letter", "Ꭰlice"],
  ["a Cyrillic letter among Greek ones", "ελέнη"],
  ["Hangul among Japanese", "ひらがな한글"],
  ["Bopomofo among Hangul", "ㄅ한글"],
  ["a final dot", "alice."],
  ["a full-width final dot", "alice．"],
  ["an ellipsis", "alice…"],
  ["a mark at its start", "\u0301alice"],
];

describeGates((gate) => {
  let users = 0;

  beforeAll(async () => {
    for (const name of new Set(TAKEN_BESIDE.map(([taken]) => taken))) await gate.user(name);
  });

  test.each(TAKEN_BESIDE)(
    "LG-9: beside `%s`, a name %s is taken: '%s'",
    async (_taken, _how, name) => {
      await expect(gate.user(name)).rejects.toMatchObject(TAKEN);
    },
  );

  test.each(TAKEN_BESIDE)(
    "LG-9: beside `%s`, no user can be renamed to a name %s: '%s'",
    async (_taken, _how, name) => {
      const id = await gate.user(`renamed${(users += 1)}`);
      const renamed = gate.auth.accounts.updateUser(id, { username: name });
      await expect(renamed).rejects.toMatchObject(TAKEN);
    },
  );

  test.each(NEVER_ACCEPTED)("LG-9: a name with %s is refused: '%s'", async (_how, name) => {
    const error = await gate.user(name).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(REFUSED);
    expect(error).toHaveProperty("reason", undefined);
  });

  test.each([
    "мария2",
    "ελένη_3",
    "ひらがなカタカナ漢字ー",
    "田中.taro",
    "漢字ㄅㄆabc",
    "한글漢字abc",
    "გიორგი",
    "ᎠᏂᏴᏫᏯ",
    "מרים",
    "مريم",
    "ɔ́kɔ́",
    "nguyễn",
    "jose",
    "İpek",
  ])("a name of one script, or of one language's scripts, is accepted: '%s'", async (name) => {
    const id = await gate.user(name);
    expect((await gate.auth.accounts.getUser(id)).username).toBe(name);
    await gate.login(name);
  });

  test("a name becomes free again when its user is renamed or deleted", async () => {
    const { accounts } = gate.auth;
    const first = await gate.user("pepe");
    await expect(gate.user("рере")).rejects.toMatchObject(TAKEN);
    await accounts.updateUser(first, { username: "paco" });
    const second = await gate.user("рере");
    await expect(accounts.updateUser(first, { username: "pepe" })).rejects.toMatchObject(TAKEN);
    await accounts.deleteUser(second);
    await accounts.updateUser(first, { username: "pepe" });
  });

  test("a name that looks like the new name of a renamed user is taken", async () => {
    const id = await gate.user("renate");
    await gate.auth.accounts.updateUser(id, { username: "Iris" });
    for (const name of ["iris", "lris"]) {
      await expect(gate.user(name)).rejects.toMatchObject(TAKEN);
    }
  });

  test("users may change the spelling of their own names", async () => {
    const id = await gate.user("Hope");
    for (const username of ["HOPE", "h0pe", "hope"]) {
      await gate.auth.accounts.updateUser(id, { username });
      expect((await gate.auth.accounts.getUser(id)).username).toBe(username);
    }
  });

  test.each([
    ["the same name", ["twin", "twin"]],
    ["names that differ in case", ["twice", "TWICE"]],
    ["names that look alike", ["acop", "асор"]],
  ])(
    "if ten users are created at once with %s, one exists afterwards",
    async (_how, [first = "", second = ""]) => {
      const other = await gate.another();
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => {
          const { accounts } = index % 2 === 0 ? gate.auth : other.auth;
          return accounts.createUser({ username: index % 3 === 0 ? first : second });
        }),
      );
      const refusals = results.flatMap((result) =>
        result.status === "rejected" ? [result.reason as unknown] : [],
      );
      expect(refusals).toHaveLength(9);
      for (const error of refusals) expect(error).toMatchObject(TAKEN);
    },
  );

  test.each(["a\u00adda", "a\u200bda", "ada\u034f", "ada\u3164", "a\u{e0061}da"])(
    "LG-9: an invisible character before the @ of a new address is refused: '%s@example.com'",
    async (local) => {
      const email = `${local}@example.com`;
      await expect(gate.user("somebody", { email })).rejects.toMatchObject(REFUSED);
      const id = await gate.user(`local${(users += 1)}`);
      await expect(gate.auth.accounts.updateUser(id, { email })).rejects.toMatchObject(REFUSED);
    },
  );
});

// Rows that exist already must be found after an upgrade.
test.each([
  ["alice", "alice", null],
  ["ALICE", "alice", "allce"],
  ["Ian", "ian", "lan"],
  ["Modem", "rnodern", null],
])("the stored skeletons of %s stay the same", (name, folded, shown) => {
  expect(skeletonsOf(name)).toEqual({ folded, shown });
});

describe.each(DATABASES)("users of an older version, over %s", (kind) => {
  test("keep names that look alike, and no new user gets a name that looks like one of them", async () => {
    const gate = await Gate.open({ secretKey: SECRET_KEY }, kind);
    try {
      const names = ["alice", "bob", "coco", "сосо", "c0c0", "Ian", "lan", "ada.", "аdа-x"];
      for (const [index, name] of names.entries()) {
        const id = await gate.user(`old${index}`);
        await gate.sql(
          `UPDATE "user" SET username = ?, username_key = ?, username_skeleton = NULL, shown_skeleton = NULL
           WHERE id = ? RETURNING id`,
          [name, name.toLowerCase(), id],
        );
      }
      // The start fills in the look-alike columns in batches. These are more users than one batch has.
      await insertUsers(
        gate,
        Array.from(Array(600).keys(), (index) => `many-${index}x`),
        1,
      );
      const [first, second] = await Promise.all([gate.another(), gate.another()]);
      for (const name of names) await second.login(name);
      for (const name of ["аӏісе", "b0b", "сoсo", "COCO", "Іan", "1an", "rnany-7x", "many-599Х"]) {
        await expect(first.user(name)).rejects.toMatchObject(REFUSED);
      }
      await expect(first.user("rnany-599x")).rejects.toMatchObject(TAKEN);
      expect(await gate.sql(`SELECT id FROM "user" WHERE username_skeleton IS NULL`)).toEqual([]);
      // The name stays taken, because the other of these two users still exists.
      for (const name of ["coco", "сосо"]) {
        await first.auth.accounts.deleteUser(
          (await first.auth.accounts.findUser({ username: name }))!,
        );
        await expect(first.user("COCO")).rejects.toMatchObject(TAKEN);
      }
      const ada = await first.auth.accounts.findUser({ username: "ada." });
      await first.auth.accounts.updateUser(ada!, { email: "ada@example.com" });
      await first.auth.accounts.updateUser(ada!, { username: "ada" });
    } finally {
      await gate.close();
    }
  });

  test("get their own skeletons, or one with their id where another user has that skeleton already", async () => {
    const gate = await Gate.open({ secretKey: SECRET_KEY }, kind);
    try {
      const coco = await gate.user("coco");
      const ids: Record<string, string> = {};
      for (const [index, name] of ["сосо", "Ivan", "ivy"].entries()) {
        const id = await gate.user(`old${index}`);
        ids[name] = id;
        await gate.sql(
          `UPDATE "user" SET username = ?, username_key = ?, username_skeleton = NULL, shown_skeleton = NULL
           WHERE id = ? RETURNING id`,
          [name, name.toLowerCase(), id],
        );
      }
      const newer = await gate.another();
      const rows = await gate.sql(
        `SELECT id, username_skeleton AS folded, shown_skeleton AS shown FROM "user"`,
      );
      expect(new Set(rows)).toEqual(
        new Set([
          { id: coco, folded: "coco", shown: null },
          { id: ids["сосо"], folded: `coco#${ids["сосо"]}`, shown: "coco" },
          { id: ids["Ivan"], folded: "ivan", shown: "lvan" },
          { id: ids["ivy"], folded: "ivy", shown: null },
        ]),
      );
      await expect(newer.user("lvan")).rejects.toMatchObject(TAKEN);
      await newer.auth.accounts.deleteUser(coco);
      await expect(newer.user("COCO")).rejects.toMatchObject(TAKEN);
    } finally {
      await gate.close();
    }
  });
});

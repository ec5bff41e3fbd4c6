import { beforeAll, describe, expect, test } from "@jest/globals";
import { requireTexts } from "../../src/accounts/identifiers.js";
import { BadUserInput, EmailTaken } from "../../src/index.js";
import { describeGates } from "../support/gate.js";

describeGates((gate) => {
  let adminId: string;
  let users = 0;

  beforeAll(async () => {
    adminId = await gate.user("admin", { email: "admin@example.com" });
  });

  const refused = { code: "BAD_USER_INPUT" };

  // Rows that exist already must be found after an upgrade.
  test("names and addresses are stored as they were entered, and in a form for comparison that stays the same", async () => {
    const id = await gate.user("StraßenNAME", { email: "Müller@BÜCHER.example" });
    const [row] = await gate.sql(
      `SELECT username, username_key, username_skeleton, shown_skeleton, email, email_key FROM "user" WHERE id = ?`,
      [id],
    );
    expect(row).toEqual({
      username: "StraßenNAME",
      username_key: "strassenname",
      username_skeleton: "strassenname".replace("m", "rn"),
      shown_skeleton: null,
      email: "Müller@BÜCHER.example",
      email_key: "müller@xn--bcher-kva.example",
    });
  });

  describe("user names", () => {
    test.each([
      ["in another case", "Admin"],
      ["in another case", "ADMIN"],
      ["in full width", "ａｄｍｉｎ"],
      ["in mathematical letters", "𝐚𝐝𝐦𝐢𝐧"],
      ["with a blank after it", "admin "],
      ["with a blank before it", " admin"],
      ["with a no-break space after it", "admin\u00a0"],
      ["with a zero-width space in it", "ad\u200bmin"],
      ["with a soft hyphen in it", "ad\u00admin"],
      ["with a direction mark in it", "\u202eadmin"],
      ["with a Cyrillic letter", "аdmin"],
      ["with a Greek letter", "αdmin"],
      ["with a NUL after it", "admin\0"],
      ["with a line end after it", "admin\n"],
    ])("LG-9: `admin` %s cannot be created beside `admin`", async (_how, username) => {
      await expect(gate.user(username)).rejects.toMatchObject(refused);
    });

    test("LG-9: names that differ only in case are the same name, even where folding the case changes the length", async () => {
      await gate.user("straße");
      await expect(gate.user("STRASSE")).rejects.toMatchObject(refused);
      await gate.user("Σίσυφος");
      await expect(gate.user("σίσυφοσ")).rejects.toMatchObject(refused);
    });

    test("LG-9: a name in a single script other than Latin is accepted", async () => {
      for (const username of ["мария", "ελένη", "田中", "zoë", "ɔ́kɔ́", "o.neil+x@home-1_2"]) {
        expect(await gate.user(username)).toMatch(/^[0-9a-f]{32}$/);
      }
    });

    test.each(["Admin", "ａｄｍｉｎ", "ADMIN"])("LG-9: %s logs in as `admin`", async (username) => {
      const { authorization } = await gate.login(username);
      expect((await gate.me(authorization)).data.me).toEqual({ id: adminId, username: "admin" });
    });

    test.each(["аdmin", "admin ", " admin"])("LG-9: '%s' cannot log in", async (username) => {
      await expect(gate.login(username)).rejects.toThrow("invalid_credentials");
    });

    test("LG-10: a name may have 150 characters, and a longer name is BAD_USER_INPUT, even at login", async () => {
      const longest = "n".repeat(150);
      await gate.user(longest);
      expect((await gate.login(longest)).access).toBeTruthy();
      await expect(gate.user(`${longest}n`)).rejects.toMatchObject(refused);
      await expect(gate.login(`${longest}n`)).rejects.toThrow("BAD_USER_INPUT");
    });

    test("LG-10: the length of a name is counted in characters, even where a character has two code units", async () => {
      const longest = "𠀀".repeat(150);
      const id = await gate.user(longest);
      expect(await gate.auth.accounts.findUser({ username: longest })).toMatchObject({ id });
      for (const username of [`${longest}a`, "n".repeat(151), "n".repeat(301)]) {
        await expect(gate.user(username)).rejects.toThrow(
          "username must have at most 150 characters.",
        );
      }
    });

    test.each([
      ["", "username must not be empty."],
      ["a\0", "username must be well-formed text without control characters."],
      ["a\ud800", "username must be well-formed text without control characters."],
      ["a b", "username may contain only letters, digits and . _ @ + -."],
      ["\u0301a", "username must not start with a combining mark."],
      ["a.", "username must not end in a dot."],
    ])("the refusal of '%s' says what is wrong", async (username, message) => {
      await expect(gate.user(username)).rejects.toThrow(message);
    });

    test("the refusal of a taken name repeats neither the name nor the e-mail address", async () => {
      const email = "c4n4ry@example.com";
      const error = await gate.user("ADMIN", { email }).catch((thrown: unknown) => thrown as Error);
      expect((error as Error).message).not.toMatch(/admin|c4n4ry/i);
    });
  });

  describe("e-mail addresses", () => {
    test.each([
      "ADMIN@example.com",
      "admin@EXAMPLE.com",
      "no-at-sign",
      "@example.com",
      "a@",
      "a b@example.com",
      "a@b@example.com",
      "a@example..com",
      "Ada <ada@example.com>",
      "a@example.com\0",
      "a@example.com\nBcc: b@example.com",
      " a@example.com",
      `${"a".repeat(250)}@example.com`,
    ])("LG-9, L-10: '%s' is refused", async (email) => {
      await expect(gate.user("somebody", { email })).rejects.toMatchObject(refused);
    });

    test.each([
      "local@localhost",
      "sub@mail.example.com",
      "o'neil+x/y=z@example.com",
      "Älter@Bücher.example",
      "user@xn--a.example",
      "per%cent@example.com",
    ])("'%s' is accepted, and found in any case", async (email) => {
      const id = await gate.user(`user${(users += 1)}`, { email });
      for (const spelling of [email, email.toUpperCase(), email.normalize("NFD"), ` ${email} `]) {
        expect(await gate.auth.accounts.findUser({ email: spelling })).toMatchObject({ id, email });
      }
    });

    test.each([
      "exa%6dple.com",
      "example.com/",
      "example.com?x",
      "example.com#x",
      "example.com\\x",
    ])("an address at '%s' is not an address at example.com", async (domain) => {
      const { accounts } = gate.auth;
      expect(await accounts.findUser({ email: `admin@${domain}` })).toBeNull();
      const id = await gate.user(`user${(users += 1)}`, { email: `admin@${domain}` });
      const email = `ADMIN@${domain.toUpperCase()}`;
      expect(await accounts.findUser({ email })).toMatchObject({ id });
      expect(await accounts.findUser({ email: "admin@example.com" })).toMatchObject({
        id: adminId,
      });
    });

    test("LG-9: a domain with an invisible character equals the same domain without it", async () => {
      const refusal = gate.user("invisible", { email: "admin@exam\u00adple.com" });
      await expect(refusal).rejects.toEqual(new EmailTaken());
    });

    test("LG-9: a domain in Unicode equals the same domain in ASCII", async () => {
      await gate.user("umlaut", { email: "a@bücher.example" });
      const email = "a@xn--bcher-kva.example";
      await expect(gate.user("other", { email })).rejects.toMatchObject(refused);
    });
  });
});

describe("requireTexts", () => {
  const check = (value: unknown) => {
    requireTexts("names", value, 5);
  };

  test("accepts a list of up to 100 texts, each within the limit", () => {
    check([]);
    check(Array<string>(100).fill("alice"));
  });

  test.each(["text", "", new Set(["a"]), { length: 0 }, null, undefined, 1])(
    "refuses a value that is no list: %p",
    (value) => {
      expect(() => {
        check(value);
      }).toThrow(new BadUserInput("names must be a list."));
    },
  );

  test.each([
    [Array<string>(101).fill("a"), "A list may have at most 100 entries."],
    [["a", 1], "names must be text."],
    [["a", ""], "names must not be empty."],
    [["alice", "alices"], "names must have at most 5 characters."],
    [["a", "\0"], "names must be well-formed text without control characters."],
  ])("refuses a list that is too long, or has an entry that is wrong", (value, message) => {
    expect(() => {
      check(value);
    }).toThrow(new BadUserInput(message));
  });
});

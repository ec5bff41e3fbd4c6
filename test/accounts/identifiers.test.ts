import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates } from "../support/gate.js";

describeGates((gate) => {
  let adminId: string;

  beforeAll(async () => {
    adminId = await gate.user("admin", { email: "admin@example.com" });
  });

  const refused = { code: "BAD_USER_INPUT" };

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
      for (const username of ["мария", "ελένη", "田中", "zoë", "o.neil+x@home-1_2"]) {
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

    test("LG-9: a domain in Unicode equals the same domain in ASCII", async () => {
      await gate.user("umlaut", { email: "a@bücher.example" });
      const email = "a@xn--bcher-kva.example";
      await expect(gate.user("other", { email })).rejects.toMatchObject(refused);
    });
  });
});

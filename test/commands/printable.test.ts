import { expect, jest, test } from "@jest/globals";
import { printJson, toPrintable } from "../../src/commands/print.js";
import { commandOver } from "../support/command.js";
import { describeFreshGates } from "../support/gate.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

/** An escape sequence with one character, a change of direction, a line separator, and a character above U+FFFF. */
const STRANGE = "a\u009b2J\u202eb\u2028\u{e0041}";
const SHOWN = String.raw`a\u009b2J\u202eb\u2028\udb40\udc41`;

test("control characters and invisible characters are escaped, and others are not", () => {
  expect(toPrintable(STRANGE)).toBe(SHOWN);
  expect(toPrintable("a\nb\u001b[31m\u007f")).toBe(String.raw`a\u000ab\u001b[31m\u007f`);
  expect(toPrintable("Ünï, 山, 😀")).toBe("Ünï, 山, 😀");
});

test("JSON is escaped, too, and stays the same value", () => {
  const value = { [STRANGE]: [STRANGE, "Ü\n", null] };
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined);
  printJson(value);
  const text = log.mock.calls.join("\n");
  log.mockRestore();
  expect(text).not.toMatch(/[^\P{C}\n]/u);
  expect(text.split("\n")).toHaveLength(7);
  expect(text).toContain(SHOWN);
  expect(JSON.parse(text)).toEqual(value);
});

describeFreshGates((gate) => {
  const run = commandOver(gate, TIMEOUT);

  test(
    "no command prints a name or label that changes the terminal",
    async () => {
      const id = await gate.user("ada");
      await gate.auth.authentication.createStaticToken(id, "x\u202e");
      // The names of imported users may contain such characters.
      await gate.sql(`UPDATE "user" SET username = ? WHERE id = ?`, [STRANGE, id]);
      for (const parameters of [
        ["list-users"],
        ["list-users", "--json"],
        ["show-user", "ada"],
        ["show-user", "ada", "--json"],
        ["export-user", "ada"],
        ["list-tokens"],
        ["list-tokens", "--json"],
        ["activate", "ada", "--json"],
        ["delete-user", "ada", "--yes", "--json"],
      ]) {
        const { code, stdout } = await run(...parameters);
        expect([code, stdout.match(/[^\P{C}\n]/gu)]).toEqual([0, null]);
        expect(stdout).toContain(SHOWN);
      }
    },
    TIMEOUT,
  );

  test("no error prints what was typed as it is", async () => {
    const { code, stderr } = await run(STRANGE);
    expect([code, stderr.match(/[^\P{C}\n]/gu)]).toEqual([64, null]);
    expect(stderr).toContain(SHOWN);
  });
});

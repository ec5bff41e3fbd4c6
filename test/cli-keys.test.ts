import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Ended, runNode } from "./support/node-process.js";
import { runSql } from "./support/sqlite.js";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PASSWORD = "correct horse battery staple";
const SECRET_KEY = "an example of a secret that is long enough";
const AHEAD = 600_000;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-keys-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function gatehouse(parameters: readonly string[], input = ""): Promise<Ended> {
  return runNode([CLI, ...parameters], { cwd: folder, env: { SECRET_KEY }, input });
}

const query = (sql: string) => runSql(join(folder, "data/gatehouse.sqlite"), sql);
const keys = () =>
  query(
    `SELECT kid, activates_at AS activatesAt, revoked_at AS revokedAt FROM signing_key ORDER BY activates_at`,
  );

/** One line that says what is wrong, and nothing else. */
function expectOneLine({ code, stdout, stderr }: Ended, line: RegExp, exitCode = 1): void {
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
  expect(stderr).toMatch(/^gatehouse: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(stderr).not.toContain(SECRET_KEY);
}

function parseKey({ code, stdout, stderr }: Ended): { kid: string; activatesAt: number } {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, kid = "", at = ""] = /^The key (\w+) signs from (\S+) on\.\n$/.exec(stdout) ?? [];
  return { kid, activatesAt: Date.parse(at) };
}

describe("gatehouse rotate-keys", () => {
  test("J-15: publishes the next key, and says from when on it signs", async () => {
    const began = Date.now();
    const { kid, activatesAt } = parseKey(await gatehouse(["rotate-keys"]));
    expect(activatesAt).toBeGreaterThanOrEqual(began + AHEAD);
    expect(activatesAt).toBeLessThanOrEqual(Date.now() + AHEAD);
    const [first, next, ...others] = await keys();
    expect(next).toEqual({ kid, activatesAt, revokedAt: null });
    expect(first.activatesAt).toBeLessThanOrEqual(Date.now());
    expect([first.revokedAt, others]).toEqual([null, []]);
  });

  test("J-15: is refused while the next key waits, and changes nothing", async () => {
    await gatehouse(["rotate-keys"]);
    const before = await keys();
    expectOneLine(await gatehouse(["rotate-keys"]), /next key is published already/);
    expect(await keys()).toEqual(before);
  });

  test("J-15: with --now lets the new key sign at once, though another waits", async () => {
    await gatehouse(["rotate-keys"]);
    const { kid, activatesAt } = parseKey(await gatehouse(["rotate-keys", "--now"]));
    expect(activatesAt).toBeLessThanOrEqual(Date.now());
    expect((await keys()).map((key) => key.kid)[1]).toBe(kid);
  });

  test("J-15: with --revoke revokes a key that waits, and no other", async () => {
    const { kid } = parseKey(await gatehouse(["rotate-keys"]));
    const { code, stdout, stderr } = await gatehouse(["rotate-keys", "--revoke", kid]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `Revoked the key ${kid}.\n`,
      stderr: "",
    });
    const revoked = (await keys()).filter(({ revokedAt }) => revokedAt !== null);
    expect(revoked.map((key) => key.kid)).toEqual([kid]);
  });

  test("J-15: with --revoke of the key that signs lets a new one take over at once", async () => {
    await gatehouse(["migrate"]);
    const [{ kid }] = await keys();
    expect((await gatehouse(["rotate-keys", "--revoke", kid])).code).toBe(0);
    const [old, fresh, ...others] = await keys();
    expect([old.kid, old.revokedAt === null]).toEqual([kid, false]);
    expect(fresh.revokedAt).toBeNull();
    expect(fresh.activatesAt).toBeLessThanOrEqual(Date.now());
    expect(others).toEqual([]);
  });

  test.each(["unknown", "", "' OR 1=1 --", "x".repeat(5000)])(
    "J-15: with --revoke of a key that is none is refused: %.20s",
    async (kid) => {
      await gatehouse(["migrate"]);
      const before = await keys();
      expectOneLine(await gatehouse(["rotate-keys", "--revoke", kid]), /no such key/);
      expect(await keys()).toEqual(before);
    },
  );

  test("J-15: with --revoke of a key that was revoked before is refused", async () => {
    const { kid } = parseKey(await gatehouse(["rotate-keys"]));
    await gatehouse(["rotate-keys", "--revoke", kid]);
    const before = await keys();
    expectOneLine(await gatehouse(["rotate-keys", "--revoke", kid]), /no such key/);
    expect(await keys()).toEqual(before);
  });

  test("J-15: never prints or stores a private key in clear", async () => {
    const outputs = [
      await gatehouse(["rotate-keys"]),
      await gatehouse(["rotate-keys", "--now"]),
      await gatehouse(["rotate-keys", "--help"]),
    ];
    const sealed = await query("SELECT sealed_key FROM signing_key");
    expect(JSON.stringify([outputs, sealed])).not.toMatch(/"d\\*"|"k\\*"|PRIVATE KEY/);
  });
});

describe("gatehouse prune", () => {
  test("M-05: on a new database makes it, and deletes nothing", async () => {
    expect(await gatehouse(["prune"])).toEqual({
      code: 0,
      stdout: "0 rows deleted.\n",
      stderr: "",
    });
    expect(await keys()).toHaveLength(1);
  });
});

describe("gatehouse create-token", () => {
  beforeEach(async () => {
    await gatehouse(["create-user", "ada", "--password-stdin"], PASSWORD);
  });

  test.each([
    ["one character", "x"],
    ["a hundred characters", "x".repeat(100)],
    ["a hundred characters that take four bytes each", "😀".repeat(100)],
    ["blanks and quotes", `  it's "mine"; DROP TABLE session --  `],
  ])("M-07: takes a label of %s as it is", async (_what, label) => {
    const { code, stdout, stderr } = await gatehouse(["create-token", "ada", "--label", label]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^gth_/);
    expect(await query("SELECT label FROM session")).toEqual([{ label }]);
  });

  test.each([
    ["nothing", ""],
    ["a hundred and one characters", "x".repeat(101)],
    ["a line's end", "a\nb"],
    ["a tab", "a\tb"],
    ["an escape", "\u001b[31mred"],
    ["a control character of Latin-1", "a\u0085b"],
  ])("M-07: refuses a label of %s, and stores nothing", async (_what, label) => {
    expectOneLine(await gatehouse(["create-token", "ada", "--label", label]), /label/);
    expect(await query("SELECT id FROM session")).toEqual([]);
  });

  test("M-07: refuses a user who is inactive, and stores nothing", async () => {
    await query(`UPDATE "user" SET is_active = 0`);
    expectOneLine(await gatehouse(["create-token", "ada"]), /inactive/);
    expect(await query("SELECT id FROM session")).toEqual([]);
  });

  test.each(["", "a b", "x".repeat(5000), "\u001b[31m"])(
    "M-07: refuses a user name that could be nobody's: %.20j",
    async (username) => {
      expectOneLine(await gatehouse(["create-token", username]), /user/);
      expect(await query("SELECT id FROM session")).toEqual([]);
    },
  );
});

describe("a command line that cannot be understood is refused in one line with exit code 64, and nothing is written:", () => {
  test.each([
    ["--revoke without a key", ["rotate-keys", "--revoke"], /argument missing|--revoke/],
    ["an argument of rotate-keys", ["rotate-keys", "now"], /too many arguments/],
    ["an unknown option of rotate-keys", ["rotate-keys", "--later"], /unknown option '--later'/],
    ["--now with a value", ["rotate-keys", "--now=yes"], /--now/],
    ["--now with --revoke", ["rotate-keys", "--now", "--revoke", "x"], /--now|--revoke/],
    ["an argument of prune", ["prune", "session"], /too many arguments/],
    ["an unknown option of prune", ["prune", "--expired"], /unknown option '--expired'/],
    ["--label without a text", ["create-token", "ada", "--label"], /--label/],
    ["two user names", ["create-token", "ada", "bob"], /too many arguments/],
    ["an unknown option of create-token", ["create-token", "ada", "--key"], /unknown option/],
  ])("M-07: %s", async (_what, parameters, line) => {
    expectOneLine(await gatehouse(parameters), line, 64);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["rotate-keys", ["--now", "--revoke"]],
    ["prune", []],
  ])("M-07: --help says what %s does and takes, and does nothing", async (command, options) => {
    const { code, stdout, stderr } = await gatehouse([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${command} `));
    for (const option of options) expect(stdout).toContain(option);
    expect(readdirSync(folder)).toEqual([]);
  });
});

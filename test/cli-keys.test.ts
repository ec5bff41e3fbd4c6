import { describe, expect, test } from "@jest/globals";
import { type CommandFolder, expectOneLine, setUpFolders } from "./support/command.js";
import type { Ended } from "./support/node-process.js";

const PASSWORD = "correct horse battery staple";
const SECRET_KEY = "an example of a secret that is long enough";
/** The time from the publication of a key to its first signature, in milliseconds. */
const AHEAD = 600_000;

const folders = setUpFolders({ SECRET_KEY });
const migrated = folders.after((folder) => folder.run(["migrate"]));
const withAda = folders.after((folder) =>
  folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD }),
);

/** The result of `rotate-keys` in the folder that {@link withNextKey} copies. */
let rotation: { began: number; ended: Ended; done: number };
const withNextKey = folders.after(async (folder) => {
  await folder.run(["migrate"]);
  const began = Date.now();
  rotation = { began, ended: await folder.run(["rotate-keys"]), done: Date.now() };
});

/** The result of `rotate-keys --revoke` in the folder that {@link withRevokedKey} copies. */
let revocation: Ended;
const withRevokedKey = folders.after(async (folder) => {
  await folder.run(["migrate"]);
  const { kid } = parseKey(await folder.run(["rotate-keys"]));
  revocation = await folder.run(["rotate-keys", "--revoke", kid]);
});

const keysOf = (folder: CommandFolder) =>
  folder.sql(
    `SELECT kid, activates_at AS activatesAt, revoked_at AS revokedAt FROM signing_key ORDER BY activates_at`,
  );

function expectRefusal(ended: Ended, line: RegExp, exitCode = 1): void {
  expectOneLine(ended, line);
  expect(ended.code).toBe(exitCode);
  expect(ended.stderr).not.toContain(SECRET_KEY);
}

function parseKey({ code, stdout, stderr }: Ended): { kid: string; activatesAt: number } {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, kid = "", at = ""] = /^The key (\w+) signs from (\S+) on\.\n$/.exec(stdout) ?? [];
  return { kid, activatesAt: Date.parse(at) };
}

describe("gatehouse rotate-keys", () => {
  test("J-15: publishes the next key, and says when it starts to sign", async () => {
    const folder = await withNextKey();
    const { began, ended, done } = rotation;
    const { kid, activatesAt } = parseKey(ended);
    expect(activatesAt).toBeGreaterThanOrEqual(began + AHEAD);
    expect(activatesAt).toBeLessThanOrEqual(done + AHEAD);
    const [first, next, ...others] = await keysOf(folder);
    expect(next).toEqual({ kid, activatesAt, revokedAt: null });
    expect(first.activatesAt).toBeLessThanOrEqual(done);
    expect([first.revokedAt, others]).toEqual([null, []]);
  });

  test("J-15: is refused while the next key waits, and changes nothing", async () => {
    const folder = await withNextKey();
    const before = await keysOf(folder);
    expectRefusal(await folder.run(["rotate-keys"]), /next key is already published/);
    expect(await keysOf(folder)).toEqual(before);
  });

  test("J-15: with --now signs with the new key at once, even while another waits", async () => {
    const folder = await withNextKey();
    const { kid, activatesAt } = parseKey(await folder.run(["rotate-keys", "--now"]));
    expect(activatesAt).toBeLessThanOrEqual(Date.now());
    expect((await keysOf(folder)).map((key) => key.kid)[1]).toBe(kid);
  });

  test("J-15: with --revoke revokes a waiting key, and no other", async () => {
    const folder = await withRevokedKey();
    const revoked = (await keysOf(folder)).filter(({ revokedAt }) => revokedAt !== null);
    expect(revoked).toHaveLength(1);
    const [{ kid, activatesAt }] = revoked;
    expect(activatesAt).toBeGreaterThan(Date.now());
    expect(revocation).toEqual({ code: 0, stdout: `Revoked the key ${kid}.\n`, stderr: "" });
  });

  test("J-15: with --revoke of the current key makes a new key sign at once", async () => {
    const folder = await migrated();
    const [{ kid }] = await keysOf(folder);
    expect((await folder.run(["rotate-keys", "--revoke", kid])).code).toBe(0);
    const [old, fresh, ...others] = await keysOf(folder);
    expect([old.kid, old.revokedAt === null]).toEqual([kid, false]);
    expect(fresh.revokedAt).toBeNull();
    expect(fresh.activatesAt).toBeLessThanOrEqual(Date.now());
    expect(others).toEqual([]);
  });

  test.each(["unknown", "", "' OR 1=1 --", "x".repeat(5000)])(
    "J-15: with --revoke of an unknown key is refused, and changes nothing: %.20s",
    async (kid) => {
      const folder = await migrated();
      const before = await keysOf(folder);
      expectRefusal(await folder.run(["rotate-keys", "--revoke", kid]), /no such key/);
      expect(await keysOf(folder)).toEqual(before);
    },
  );

  test("J-15: with --revoke of a key that is revoked already is refused, and changes nothing", async () => {
    const folder = await withRevokedKey();
    const before = await keysOf(folder);
    const [{ kid }] = before.filter(({ revokedAt }) => revokedAt !== null);
    expectRefusal(await folder.run(["rotate-keys", "--revoke", kid]), /no such key/);
    expect(await keysOf(folder)).toEqual(before);
  });

  test("J-15: never prints or stores a private key in clear", async () => {
    const folder = await withNextKey();
    const outputs = [
      rotation.ended,
      await folder.run(["rotate-keys", "--now"]),
      await folder.run(["rotate-keys", "--help"]),
    ];
    const sealed = await folder.sql("SELECT sealed_key FROM signing_key");
    expect(sealed).toHaveLength(3);
    expect(JSON.stringify([outputs, sealed])).not.toMatch(/"d\\*"|"k\\*"|PRIVATE KEY/);
  });
});

describe("gatehouse prune", () => {
  test("M-05: deletes nothing from a new database", async () => {
    const folder = await migrated();
    expect(await folder.run(["prune"])).toEqual({
      code: 0,
      stdout: "0 rows deleted.\n",
      stderr: "",
    });
    expect(await keysOf(folder)).toHaveLength(1);
  });
});

describe("gatehouse create-token", () => {
  test.each([
    ["one character", "x"],
    ["a hundred characters", "x".repeat(100)],
    ["a hundred characters that take four bytes each", "😀".repeat(100)],
    ["blanks and quotes", `  it's "mine"; DROP TABLE session --  `],
  ])("M-07: stores a label of %s unchanged", async (_what, label) => {
    const folder = await withAda();
    const { code, stdout, stderr } = await folder.run(["create-token", "ada", "--label", label]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^gth_/);
    expect(await folder.sql("SELECT label FROM session")).toEqual([{ label }]);
  });

  test.each([
    ["no characters", ""],
    ["a hundred and one characters", "x".repeat(101)],
    ["a line break", "a\nb"],
    ["a tab", "a\tb"],
    ["an escape", "\u001b[31mred"],
    ["a control character of Latin-1", "a\u0085b"],
  ])("M-07: refuses a label of %s, and stores nothing", async (_what, label) => {
    const folder = await withAda();
    expectRefusal(await folder.run(["create-token", "ada", "--label", label]), /label/);
    expect(await folder.sql("SELECT id FROM session")).toEqual([]);
  });

  test("M-07: refuses an inactive user, and stores nothing", async () => {
    const folder = await withAda();
    await folder.sql(`UPDATE "user" SET is_active = 0`);
    expectRefusal(await folder.run(["create-token", "ada"]), /inactive/);
    expect(await folder.sql("SELECT id FROM session")).toEqual([]);
  });

  test.each(["", "a b", "x".repeat(5000), "\u001b[31m"])(
    "M-07: refuses a user name that no user can have, and stores nothing: %.20j",
    async (username) => {
      const folder = await withAda();
      expectRefusal(await folder.run(["create-token", username]), /user/);
      expect(await folder.sql("SELECT id FROM session")).toEqual([]);
    },
  );
});

describe("a wrong command line", () => {
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
  ])(
    "M-07: is refused in one line with exit code 64, and nothing is written: %s",
    async (_what, parameters, line) => {
      const folder = await folders.empty();
      expectRefusal(await folder.run(parameters), line, 64);
      expect(await folder.files()).toEqual([]);
    },
  );

  test.each([
    ["rotate-keys", ["--now", "--revoke"]],
    ["prune", []],
  ])("M-07: --help says what %s does and takes, and does nothing", async (command, options) => {
    const folder = await folders.empty();
    const { code, stdout, stderr } = await folder.run([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${command} `));
    for (const option of options) expect(stdout).toContain(option);
    expect(await folder.files()).toEqual([]);
  });
});

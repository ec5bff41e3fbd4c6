import { beforeAll, describe, expect, test } from "@jest/globals";
import { type CommandFolder, expectOneLine, setUpFolders } from "../support/command.js";
import { PASSWORD } from "../support/gate.js";

const folders = setUpFolders();
let folder: CommandFolder;

beforeAll(async () => {
  folder = await folders.shared();
  for (const name of ["ada", "bob"]) {
    await folder.run(["create-user", name, "--password-stdin"], { input: PASSWORD });
  }
});

const run = async (...parameters: string[]) => {
  const { code, stdout, stderr } = await folder.run(parameters);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
};
const createToken = async (name: string, label: string) =>
  (await run("create-token", name, "--label", label)).trim();
const list = async (...more: string[]) =>
  JSON.parse(await run("list-tokens", "--json", ...more)) as Record<string, unknown>[];

describe("static tokens", () => {
  test("are listed for one user or for all, without their keys, and revoked by id", async () => {
    expect(await run("list-tokens")).toBe("There are no static tokens.\n");
    const token = await createToken("ada", "backup");
    await createToken("bob", "build");
    const [, id = "", secret = ""] = /^gth_([0-9a-f]+)_(\w+)$/.exec(token) ?? [];
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const times = { createdAt: instant, lastUsedAt: null, expiresAt: instant };
    const listed = { id, username: "ada", label: "backup", ...times };
    expect(await list("ada")).toEqual([listed]);
    expect((await list()).map(({ username }) => username)).toEqual(["bob", "ada"]);
    const text = await run("list-tokens", "ada");
    expect(text).toMatch(
      new RegExp(`^${id}  ada  "backup"\n  created .*, last used never, expires `),
    );
    expect(text).not.toContain(secret.slice(0, 10));
    expect(await run("revoke-token", id)).toBe(`Revoked the token ${id}.\n`);
    expect(await list("ada")).toEqual([]);
    for (const wrong of [id, token, "nonsense"]) {
      const refused = await folder.run(["revoke-token", wrong]);
      expectOneLine(refused, /There is no working token with this id/);
      expect(refused.stderr).not.toContain(secret);
    }
    expectOneLine(await folder.run(["list-tokens", "nobody"]), /There is no such user/);
  });
});

describe("end-sessions", () => {
  test("ends those of one user, those that began before an instant, or all", async () => {
    await createToken("ada", "one");
    await createToken("bob", "two");
    expect(await run("end-sessions", "--user", "ada")).toBe("Ended 1 session.\n");
    expect(await list("ada")).toEqual([]);
    expect(await run("end-sessions", "--created-before", "2020-02-29")).toBe("Ended 0 sessions.\n");
    const before = (await list("bob")).length;
    expect(before).toBeGreaterThan(0);
    const later = ["--created-before", "2099-01-01T00:00:00+02:00"];
    expect(await run("end-sessions", "--user", "ada", ...later)).toBe("Ended 0 sessions.\n");
    expect(await run("end-sessions", ...later)).toMatch(/^Ended \d+ sessions?\.\n$/);
    expect(await list()).toEqual([]);
    await createToken("ada", "three");
    expect(await run("end-sessions", "--all")).toBe("Ended 1 session.\n");
    const reasons = await folder.sql("SELECT DISTINCT end_reason FROM session");
    expect(reasons).toEqual([{ end_reason: "revoked" }]);
  });

  test.each([
    [[], /Say which sessions/],
    [["--all", "--user", "ada"], /cannot be used with/],
    [["--all", "--created-before", "2020-01-01"], /cannot be used with/],
    [["--created-before", "yesterday"], /must be a date or an instant/],
    [["--created-before", "2026-02-30"], /must be a date or an instant/],
    [["--created-before", "2026-02-20T10:00:00"], /must be a date or an instant/],
    [["--user", "nobody"], /There is no such user/],
  ])("refuses %j", async (parameters, line) => {
    expectOneLine(await folder.run(["end-sessions", ...parameters]), line);
  });
});

import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { type CommandFolder, setUpFolders } from "../support/command.js";
import { describeTerminal, runOnTerminal } from "../support/terminal.js";

const PASSWORD = "correct horse battery staple";
const OTHER = "another horse, another staple";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

const folders = setUpFolders();
const withAda = folders.after((folder) =>
  folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD }),
);

describeTerminal("on a terminal", () => {
  let folder: CommandFolder;
  let database: string;

  beforeEach(async () => {
    folder = await withAda();
    database = join(folder.path, "data/gatehouse.sqlite");
  });

  const run = (parameters: string[], ...answers: [RegExp, string][]) =>
    runOnTerminal(parameters, { cwd: folder.path, env: { PORT: "0" } }, answers);

  const passwordHashes = () => folder.sql("SELECT username, password_hash FROM user");

  test("create-user names the database, asks twice for the password, and does not show it", async () => {
    const { code, screen } = await run(
      ["create-user", "bob"],
      [/^Password: $/m, `${OTHER}\r`],
      [/^Password again: $/m, `${OTHER}\r`],
    );
    expect(screen.replaceAll("\r", "")).toBe(
      `Database: sqlite:${database}\nPassword: \nPassword again: \nCreated the user bob.\n`,
    );
    expect(code).toBe(0);
    const server = await folder.serve();
    expect(await server.login("bob", OTHER)).toMatch(/^Bearer /);
  }, 120_000);

  test("set-password asks even with --password-stdin, because the screen would show what is typed", async () => {
    const before = await passwordHashes();
    const { code, screen } = await run(
      ["set-password", "ada", "--password-stdin"],
      [/^Password: $/m, `${OTHER}\r`],
      [/^Password again: $/m, `${OTHER}\r`],
    );
    expect([code, screen.includes(OTHER)]).toEqual([0, false]);
    expect(await passwordHashes()).not.toEqual(before);
  }, 120_000);

  test.each([
    ["two passwords that differ", [PASSWORD, OTHER], /The passwords differ/],
    ["Ctrl-C", [CTRL_C], /No password was given/],
    ["Ctrl-C at the second question", [OTHER, CTRL_C], /No password was given/],
    ["Ctrl-D", [CTRL_D], /No password was given/],
  ])(
    "set-password changes nothing after %s",
    async (_what, typed, line) => {
      const before = await passwordHashes();
      const questions = [/^Password: $/m, /^Password again: $/m];
      const answers = typed.map((text, index): [RegExp, string] => [
        questions[index]!,
        /[\u0003\u0004]/.test(text) ? text : `${text}\r`,
      ]);
      const { code, screen } = await run(["set-password", "ada"], ...answers);
      expect(code).toBe(1);
      expect(screen).toMatch(line);
      expect(screen).not.toContain("staple");
      expect(await passwordHashes()).toEqual(before);
    },
    120_000,
  );

  test("serve prints its version, database, migrations and mode in lines, and no JSON", async () => {
    const { code, screen } = await run(["serve"], [/GraphiQL: /, CTRL_C]);
    expect(code).toBe(0);
    expect(screen).toMatch(/^Gatehouse \d+\.\d+\.\d+ listens on http:\/\/127\.0\.0\.1:\d+\r$/m);
    expect(screen).toContain(`Database:    sqlite:${database}`);
    expect(screen).toContain("Migrations:  up to date");
    expect(screen).toContain("Mode:        development: only this machine can reach it");
    expect(screen).toMatch(/INFO.*Gatehouse has stopped/);
    expect(screen).not.toMatch(/^\{/m);
  }, 120_000);
});

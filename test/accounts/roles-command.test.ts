import { expect, test } from "@jest/globals";
import { expectOneLine, setUpFolders } from "../support/command.js";
import { PASSWORD } from "../support/gate.js";

const folders = setUpFolders({ ROLES: "READER,Editor,OWNER" });

test("`gatehouse` creates the first admin and further users with the roles of ROLES", async () => {
  const folder = await folders.empty();
  const create = (name: string, ...options: string[]) =>
    folder.run(["create-user", name, "--password-stdin", ...options], { input: PASSWORD });

  const { stderr } = await (await folder.serve()).stop();
  expect(stderr).toContain("Created the first admin.");
  expect((await create("bob")).stdout).toBe("Created the reader bob.\n");
  expect((await create("cyd", "--role", "editor")).stdout).toBe("Created the editor cyd.\n");
  expect((await create("dan", "--role", "OWNER")).stdout).toBe("Created the owner dan.\n");
  const unknown = await create("eve", "--role", "admin");
  expectOneLine(unknown, /--role.* Allowed choices are reader, editor, owner\.$/m);
  expect(unknown.code).toBe(64);
  expect(
    await folder.sql(
      `SELECT username, role FROM user u JOIN profile p ON p.user_id = u.id ORDER BY username`,
    ),
  ).toEqual([
    { username: "admin", role: "OWNER" },
    { username: "bob", role: "READER" },
    { username: "cyd", role: "Editor" },
    { username: "dan", role: "OWNER" },
  ]);

  const removed = await folder.run(["serve"], { env: { ROLES: "READER,OWNER" } });
  expectOneLine(
    removed,
    /ROLES: must include "Editor", because 1 user has that role; keep it until/,
  );
}, 120_000);

test("`gatehouse create-user --help` lists the roles, and every command reports a wrong ROLES in one line", async () => {
  const folder = await folders.empty();
  const help = (await folder.run(["create-user", "--help"])).stdout.replaceAll(/\s+/g, " ");
  expect(help).toContain(`(choices: "reader", "editor", "owner", default: "reader")`);
  const env = { ROLES: "ADMIN" };
  const line =
    /ROLES: must be at least two names, separated by commas, but has fewer; the first is for new users, and the last for administrators$/m;
  const parameters = ["create-user", "ada", "--role", "admin", "--password-stdin"];
  expectOneLine(await folder.run(parameters, { env, input: PASSWORD }), line);
  expectOneLine(await folder.run(["serve"], { env }), line);
  expect(await folder.files()).toEqual([]);
}, 120_000);

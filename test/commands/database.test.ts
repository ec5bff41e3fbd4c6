import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { createAuth, createServer } from "../../src/index.js";
import { CLI, type CommandFolder, expectOneLine, setUpFolders } from "../support/command.js";
import { runNode } from "../support/node-process.js";

const PASSWORD = "correct horse battery staple";
const SECRET_KEY = "9QxT2vLw7Zc4NfYb1KpRs8HdJm3GaUeV6oXiCtBqWyE";
const PRODUCTION = { NODE_ENV: "production", SECRET_KEY };

const folders = setUpFolders();
let folder: CommandFolder;
let path: string;

beforeEach(async () => {
  folder = await folders.empty();
  path = join(folder.path, "data/gatehouse.sqlite");
});

describe("a command says which database it works on", () => {
  test("on standard error, so that standard output has the result only", async () => {
    await folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD });
    const ended = await runNode([CLI, "create-token", "ada"], { cwd: folder.path });
    expect(ended.stderr).toBe(`Database: sqlite:${path}\n`);
    expect(ended.stdout).toMatch(/^gth_\w+\n$/);
  });

  test("even if the database has no such user", async () => {
    await folder.run(["migrate"]);
    const { stderr } = await runNode([CLI, "unlock", "nobody"], { cwd: folder.path });
    expect(stderr).toBe(`Database: sqlite:${path}\ngatehouse: There is no such user.\n`);
  });

  test("--database replaces DATABASE_URL", async () => {
    const env = { DATABASE_URL: "sqlite:data/other.sqlite" };
    const parameters = ["migrate", "--database", "sqlite:data/gatehouse.sqlite"];
    expect((await folder.run(parameters, { env })).code).toBe(0);
    expect(await folder.files("data")).toEqual(["gatehouse.secret", "gatehouse.sqlite"]);
  });

  test("a wrong value of --database is reported under that name", async () => {
    expectOneLine(
      await folder.run(["migrate", "--database", "gatehouse.sqlite"]),
      /^gatehouse: --database: must be sqlite:PATH or postgresql:/,
    );
    expect(await folder.files()).toEqual([]);
  });
});

describe("a command that needs an existing database", () => {
  const COMMANDS = [
    ["create-token", "ada"],
    ["set-password", "ada", "--password-stdin"],
    ["unlock", "ada"],
    ["prune"],
    ["rotate-keys"],
  ];

  test.each(COMMANDS)("creates neither a database nor a secret: %s", async (...parameters) => {
    for (const env of [{}, { SECRET_KEY }]) {
      const ended = await folder.run(parameters, { env, input: PASSWORD });
      expectOneLine(ended, new RegExp(`${path} does not exist\\..*gatehouse migrate --create`));
    }
    expect(await folder.files()).toEqual([]);
  });

  test("creates no tables in another program's database", async () => {
    mkdirSync(join(folder.path, "data"));
    await folder.sql("CREATE TABLE note (id)");
    const ended = await folder.run(["prune"], { env: { SECRET_KEY } });
    expectOneLine(ended, /no tables of Gatehouse.*gatehouse migrate --create/);
    expect(await folder.sql("SELECT name FROM sqlite_master")).toEqual([{ name: "note" }]);
  });
});

describe("where others can reach the server", () => {
  const create = () => folder.run(["migrate", "--create"], { env: PRODUCTION });

  test.each(["serve", "migrate", "create-user ada --password-stdin"])(
    "a missing database file is not created by %s, only by `migrate --create`",
    async (command) => {
      expect((await create()).code).toBe(0);
      rmSync(join(folder.path, "data"), { recursive: true });
      const again = await folder.run(command.split(" "), { env: PRODUCTION, input: PASSWORD });
      expectOneLine(again, new RegExp(`${path} does not exist`));
      expect(await folder.files()).toEqual([]);
      expect((await create()).code).toBe(0);
    },
  );

  test("a file that was emptied is not filled again", async () => {
    mkdirSync(join(folder.path, "data"));
    writeFileSync(path, "");
    expectOneLine(await folder.run(["serve"], { env: PRODUCTION }), /no tables of Gatehouse/);
  });
});

describe("createDatabase", () => {
  const options = () => ({ databaseUrl: `sqlite:${path}`, secretKey: SECRET_KEY });

  test("false refuses a missing file, and names it", async () => {
    await expect(createAuth({ ...options(), createDatabase: false })).rejects.toThrow(path);
    expect(await folder.files()).toEqual([]);
  });

  test("is false for a server in production, and can be set", async () => {
    const server = { ...options(), port: 0, isProduction: true, logLevel: "silent" } as const;
    await expect(createServer(server)).rejects.toThrow(`${path} does not exist`);
    const { auth, close } = await createServer({ ...server, createDatabase: true });
    expect(await auth.isReady()).toBe(true);
    await close();
  });
});

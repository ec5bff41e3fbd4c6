import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Ended, runNode, startNode, waitForLine } from "./support/node-process.js";
import { runSql } from "./support/sqlite.js";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const PASSWORD = "correct horse battery staple";
const SECRET_KEY = "an example of a secret that is long enough";
/** Stands in every wrong value, and must never be printed. */
const VALUE = "hunter2";

interface Call {
  env?: Record<string, string>;
  input?: string;
}

let folder: string;
let server: ReturnType<typeof startNode> | undefined;

beforeEach(() => {
  folder = newFolder();
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("gatehouse serve", () => {
  test("makes the data folder and its files for their owner only", async () => {
    await serve();
    expect(modeOf("data")).toBe(0o700);
    const files = readdirSync(join(folder, "data")).sort();
    expect(files).toEqual(expect.arrayContaining(["gatehouse.secret", "gatehouse.sqlite"]));
    expect(files.map((name) => [name, modeOf(`data/${name}`)])).toEqual(
      files.map((name) => [name, 0o600]),
    );
  });

  test("prints the first admin's password, with which the admin logs in", async () => {
    const { url, output } = await serve();
    const [, password = ""] = /password: (\S+)/.exec(output()) ?? [];
    const authorization = await login(url, "admin", password);
    expect(await ask(url, "{ me { profile { role } } }", authorization)).toEqual({
      data: { me: { profile: { role: "ADMIN" } } },
    });
  });

  test("creates the first admin at the first start only", async () => {
    const first = await serve();
    expect(first.output().match(/password:/g)).toHaveLength(1);
    await stop();
    const second = await serve();
    expect(second.output()).not.toMatch(/admin|password/);
    expect(await runSql(databasePath(), "SELECT username FROM user")).toEqual([
      { username: "admin" },
    ]);
  });

  test("keeps access tokens good over a restart", async () => {
    const env = { JWT_ISSUER: "https://login.example.com" };
    const first = await serve(env);
    const [, password = ""] = /password: (\S+)/.exec(first.output()) ?? [];
    const authorization = await login(first.url, "admin", password);
    await stop();
    const second = await serve(env);
    expect(await ask(second.url, "{ me { username } }", authorization)).toEqual({
      data: { me: { username: "admin" } },
    });
  });

  test("creates no admin where others could reach it, and says how to", async () => {
    const { output } = await serve({
      HOST: "0.0.0.0",
      SECRET_KEY: randomBytes(32).toString("base64url"),
    });
    expect(output()).toContain("gatehouse create-user");
    expect(output()).not.toContain("password:");
    expect(await runSql(databasePath(), "SELECT username FROM user")).toEqual([]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends with exit code 0 at %s", async (signal) => {
    await serve();
    const { code, stderr } = await stop(signal);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("leaves one whole database file behind when it ends", async () => {
    await serve();
    await stop();
    expect(readdirSync(join(folder, "data")).sort()).toEqual([
      "gatehouse.secret",
      "gatehouse.sqlite",
    ]);
  });

  test("says in one line that the port is taken, and creates no admin", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const ended = await gatehouse(["serve"], { env: { PORT: port.toString() } });
    other.close();
    expectOneLine(ended, /address already in use|PORT/);
    expect(ended.stdout).not.toContain("password");
  });
});

describe("gatehouse migrate", () => {
  test("brings a new database up to date, and changes nothing the second time", async () => {
    const first = await gatehouse(["migrate"]);
    const schema = await runSql(databasePath(), "SELECT sql FROM sqlite_master");
    const second = await gatehouse(["migrate"]);
    expect(first).toEqual({ code: 0, stdout: "The database is up to date.\n", stderr: "" });
    expect(second).toEqual(first);
    expect(await runSql(databasePath(), "SELECT sql FROM sqlite_master")).toEqual(schema);
  });

  test.each(["migrate", "serve"])(
    "a database that a newer version wrote is refused by %s",
    async (command) => {
      await gatehouse(["migrate"]);
      await runSql(
        databasePath(),
        "INSERT INTO mikro_orm_migrations (name) VALUES ('2999-01-01-later')",
      );
      expectOneLine(await gatehouse([command]), /newer version/);
    },
  );

  test("a file that is no database is refused and left as it is", async () => {
    writeFileSync(join(folder, "notes.txt"), "These are notes, and not a database.");
    const env = { DATABASE_URL: "sqlite:notes.txt", SECRET_KEY };
    expectOneLine(await gatehouse(["migrate"], { env }), /database/);
    expect(statSync(join(folder, "notes.txt")).size).toBe(36);
  });

  test("a database made with another secret is refused", async () => {
    await gatehouse(["migrate"], { env: { SECRET_KEY } });
    const env = { SECRET_KEY: `${VALUE} and forty more characters of a secret` };
    expectOneLine(await gatehouse(["migrate"], { env }), /SECRET_KEY/);
  });
});

describe("gatehouse create-user", () => {
  test("takes the password from standard input, without the line's end", async () => {
    const role = ["--email", "ada@example.com", "--role", "admin"];
    const created = await createUser("ada", { input: `${PASSWORD}\n` }, role);
    expect(created).toEqual({ code: 0, stdout: "Created the admin ada.\n", stderr: "" });
    const { url } = await serve();
    const authorization = await login(url, "ada", PASSWORD);
    expect(await ask(url, "{ me { email profile { role } } }", authorization)).toEqual({
      data: { me: { email: "ada@example.com", profile: { role: "ADMIN" } } },
    });
  });

  test("keeps blanks at the ends of a password", async () => {
    await createUser("ada", { input: `  ${PASSWORD}  ` });
    const { url } = await serve();
    expect(await login(url, "ada", `  ${PASSWORD}  `)).toMatch(/^Bearer /);
    await expect(login(url, "ada", PASSWORD)).rejects.toThrow("invalid_credentials");
  });

  test("a user name or e-mail address that is taken, in any case, is refused", async () => {
    await createUser("ada", {}, ["--email", "ada@example.com"]);
    expectOneLine(await createUser("ADA"), /exists already/);
    expectOneLine(await createUser("bob", {}, ["--email", "Ada@Example.com"]), /exists already/);
    expect(await userCount()).toBe(1);
  });

  test.each([
    ["a user name with a blank", "a b", [], PASSWORD, /username/],
    ["an empty user name", "", [], PASSWORD, /username/],
    ["a user name with control characters", "a\u001b[31m", [], PASSWORD, /username/],
    ["an e-mail address that is none", "ada", ["--email", VALUE], PASSWORD, /email/],
    ["a password that is too short", "ada", [], VALUE, /password must have at least 15/],
    ["no password", "ada", [], "", /password must not be empty/],
    ["a password that is too long", "ada", [], VALUE.repeat(1000), /password must have at most/],
  ])("%s is refused, and nobody is created", async (_what, username, options, input, line) => {
    expectOneLine(await createUser(username, { input }, options), line);
    expect(await userCount()).toBe(0);
  });

  test("PASSWORD_MIN_LENGTH holds here too", async () => {
    const env = { PASSWORD_MIN_LENGTH: "8" };
    expect((await createUser("ada", { env, input: "v7#qLz0w" })).code).toBe(0);
    expectOneLine(await createUser("bob", { env, input: "v7#qLz0" }), /at least 8/);
  });
});

describe("gatehouse set-password", () => {
  test("sets a password that logs in, and ends what the old one opened", async () => {
    await createUser("ada");
    const { url } = await serve();
    const before = await login(url, "ada", PASSWORD);
    const next = "another horse, another staple";
    const ended = await gatehouse(["set-password", "ada", "--password-stdin"], { input: next });
    expect(ended).toEqual({ code: 0, stdout: "Set the password of ada.\n", stderr: "" });
    expect(JSON.stringify(await ask(url, "{ me { id } }", before))).toContain("password_changed");
    expect(await login(url, "ada", next)).toMatch(/^Bearer /);
  });

  test("refuses nobody, and a password that is easy to guess", async () => {
    await createUser("ada");
    const set = (name: string, input: string) =>
      gatehouse(["set-password", name, "--password-stdin"], { input });
    expectOneLine(await set("nobody", "another horse, another staple"), /There is no such user/);
    expectOneLine(await set("ada", "passwordpassword"), /password/);
  });
});

describe("gatehouse create-token", () => {
  test("prints a static token that works, and nothing else", async () => {
    await createUser("ada");
    const { code, stdout, stderr } = await gatehouse(["create-token", "ada", "--label", "ci"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^gth_[0-9a-f]{32}_\w+\n$/);
    const { url } = await serve();
    expect(await ask(url, "{ me { username } }", `Token ${stdout.trim()}`)).toEqual({
      data: { me: { username: "ada" } },
    });
    expect(await runSql(databasePath(), "SELECT label, scheme FROM session")).toEqual([
      { label: "ci", scheme: "TOKEN" },
    ]);
  });

  test("STATIC_TOKEN_LIFETIME holds here too", async () => {
    const env = { STATIC_TOKEN_LIFETIME: "never" };
    await createUser("ada");
    await gatehouse(["create-token", "ada"], { env });
    expect(await runSql(databasePath(), "SELECT expires_at FROM session")).toEqual([
      { expires_at: null },
    ]);
  });

  test("M-07: a user who does not exist is refused, and nothing is stored", async () => {
    await gatehouse(["migrate"]);
    expectOneLine(await gatehouse(["create-token", "nobody"]), /no such user/);
    expect(await runSql(databasePath(), "SELECT id FROM session")).toEqual([]);
  });

  test("a label that is too long to be one is refused", async () => {
    await createUser("ada");
    expectOneLine(await gatehouse(["create-token", "ada", "--label", "x".repeat(5000)]), /label/);
  });
});

describe("gatehouse generate-secret", () => {
  test("prints a new secret each time, which SECRET_KEY takes", async () => {
    const first = await gatehouse(["generate-secret"]);
    const second = await gatehouse(["generate-secret"]);
    expect(first.stdout).toMatch(/^[\w-]{43}\n$/);
    expect(first.stdout).not.toBe(second.stdout);
    expect(readdirSync(folder)).toEqual([]);
    const migrated = await gatehouse(["migrate"], { env: { SECRET_KEY: first.stdout.trim() } });
    expect(migrated.code).toBe(0);
  });
});

describe("gatehouse --help", () => {
  test("lists the commands", async () => {
    const { code, stdout, stderr } = await gatehouse(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of ["serve", "migrate", "create-user", "create-token", "generate-secret"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
    }
  });

  test.each([
    ["serve", []],
    ["migrate", []],
    ["create-user", ["--email", "--role", "--password-stdin"]],
    ["create-token", ["--label"]],
    ["generate-secret", []],
  ])("says what %s does and takes, and does nothing", async (command, options) => {
    const { code, stdout, stderr } = await gatehouse([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${command} `));
    for (const option of options) expect(stdout).toContain(option);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a command line that cannot be understood is refused in one line, and nothing is written:", () => {
  test.each([
    ["no command", [], /command|--help/],
    ["an unknown command", ["srve"], /unknown command/],
    ["an argument too many", ["serve", VALUE], /too many arguments/],
    ["an unknown option", ["serve", "--prot"], /unknown option/],
    ["no user name", ["create-user", "--password-stdin"], /missing required argument 'username'/],
    ["a password from nowhere", ["create-user", "ada"], /--password-stdin/],
    ["a role that is none", ["create-user", "ada", "--password-stdin", "--role", "king"], /--role/],
    ["a token for nobody", ["create-token"], /missing required argument 'username'/],
  ])("%s", async (_what, parameters, line) => {
    expectOneLine(await gatehouse(parameters), line);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a wrong setting is refused in one line that names it, and nothing is written:", () => {
  test.each([
    ["a database of an unknown kind", { DATABASE_URL: `mysql:${VALUE}` }],
    ["a database without a path", { DATABASE_URL: "sqlite:" }],
    [
      "a database in memory, which no other command would find",
      { DATABASE_URL: "sqlite::memory:" },
    ],
    ["a secret that is too short", { SECRET_KEY: VALUE }],
    ["a secret of one character over and over", { SECRET_KEY: "x".repeat(64) }],
    ["an empty entry in a list of secrets", { SECRET_KEY: `${SECRET_KEY},` }],
    ["a port that is none", { PORT: VALUE }],
    ["a port out of range", { PORT: "65536" }],
    ["a lifetime that is none", { ACCESS_TOKEN_LIFETIME: VALUE }],
    ["a lifetime without a unit", { SESSION_LIFETIME: "30" }],
    ["a switch that is none", { GRAPHIQL: VALUE }],
    ["an algorithm that is none", { JWT_ALGORITHM: "none" }],
    ["any origin", { CORS_ORIGINS: "*" }],
    ["a proxy that is no address", { TRUSTED_PROXIES: VALUE }],
    ["passwords that are too short", { PASSWORD_MIN_LENGTH: "7" }],
    ["a log level that is none", { LOG_LEVEL: VALUE }],
    ["a Redis that is none", { REDIS_URL: `http://${VALUE}` }],
    ["a place to count that is none", { THROTTLE_STORE: VALUE }],
    ["a number of logins that is none", { LOGINS_PER_ADDRESS: "0" }],
  ])("%s", async (_what, env: Record<string, string>) => {
    const [variable = ""] = Object.keys(env);
    const ended = await gatehouse(["serve"], { env });
    expectOneLine(ended, new RegExp(variable));
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(["serve", "migrate"])(
    "no secret where others could reach the server, by %s",
    async (command) => {
      const ended = await gatehouse([command], { env: { HOST: "0.0.0.0" } });
      expectOneLine(ended, /SECRET_KEY/);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test("no secret in production", async () => {
    expectOneLine(await gatehouse(["serve"], { env: { NODE_ENV: "production" } }), /SECRET_KEY/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["ACCESS_TOKEN_LIFETIME", { ACCESS_TOKEN_LIFETIME: "1h", REFRESH_TOKEN_LIFETIME: "30m" }],
    ["REFRESH_TOKEN_LIFETIME", { REFRESH_TOKEN_LIFETIME: "60d", SESSION_LIFETIME: "30d" }],
  ])("Z-05: %s that contradicts another lifetime", async (variable, env) => {
    expectOneLine(await gatehouse(["serve"], { env }), new RegExp(variable));
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["with a secret", { SECRET_KEY }],
    ["without one", {}],
  ])("a data folder that cannot be made, %s", async (_what, env) => {
    writeFileSync(join(folder, "file"), "");
    const DATABASE_URL = `sqlite:file/${VALUE}/gatehouse.sqlite`;
    const ended = await gatehouse(["serve"], { env: { ...env, DATABASE_URL } });
    expectOneLine(ended, /database/i);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "gatehouse-cli-"));
}

function modeOf(path: string): number {
  return statSync(join(folder, path)).mode & 0o777;
}

function databasePath(): string {
  return join(folder, "data/gatehouse.sqlite");
}

async function userCount(): Promise<number> {
  const [row] = await runSql(databasePath(), "SELECT count(*) AS count FROM user");
  return row.count;
}

/** Runs the built command in the test's own folder, to its end. */
function gatehouse(parameters: string[], { env = {}, input = "" }: Call = {}): Promise<Ended> {
  return runNode([CLI, ...parameters], { cwd: folder, env: { PORT: "0", ...env }, input });
}

function createUser(username: string, call: Call = {}, options: string[] = []): Promise<Ended> {
  const parameters = ["create-user", username, "--password-stdin", ...options];
  return gatehouse(parameters, { input: PASSWORD, ...call });
}

/** Starts the server in the test's own folder, until {@link stop}. */
async function serve(env: Record<string, string> = {}) {
  server = startNode([CLI, "serve"], { cwd: folder, env: { PORT: "0", ...env } });
  const { child } = server;
  let printed = "";
  child.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const [, url = ""] = await waitForLine(child, /^Gatehouse listens on (\S+)$/m);
  return { url: url.replace("0.0.0.0", "127.0.0.1"), output: () => printed };
}

async function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
  const running = server;
  server = undefined;
  if (running === undefined) return { code: 0, stdout: "", stderr: "" };
  // Its handlers stand once everything is printed.
  await new Promise((resolve) => setTimeout(resolve, 100));
  running.child.kill(signal);
  return running.ended;
}

function expectOneLine({ code, stdout, stderr }: Ended, line: RegExp): void {
  expect(stderr).toMatch(/^gatehouse: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(stderr + stdout).not.toContain(VALUE);
  expect(code).not.toBe(0);
}

async function ask(url: string, query: string, authorization = ""): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(authorization !== "" && { authorization }) },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

async function login(url: string, username: string, password: string): Promise<string> {
  const answer = await ask(
    url,
    `mutation { login(username: "${username}", password: "${password}") { access } }`,
  );
  if (answer.errors) throw new Error(answer.errors[0].extensions.reason);
  return `Bearer ${answer.data.login.access}`;
}

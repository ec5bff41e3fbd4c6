import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type CommandFolder,
  expectOneLine,
  type Serving,
  setUpFolders,
} from "./support/command.js";
import type { Ended } from "./support/node-process.js";

const PASSWORD = "correct horse battery staple";
const SECRET_KEY = "an example of a secret that is long enough";
/** Part of every wrong value. It must never be printed. */
const VALUE = "hunter2";

const folders = setUpFolders();
const migrated = folders.after((folder) => folder.run(["migrate"]));
const withAda = folders.after((folder) =>
  createUser(folder, "ada", {}, ["--email", "ada@example.com"]),
);

interface Call {
  env?: Record<string, string>;
  input?: string;
}

function createUser(
  folder: CommandFolder,
  username: string,
  call: Call = {},
  options: string[] = [],
): Promise<Ended> {
  const parameters = ["create-user", username, "--password-stdin", ...options];
  return folder.run(parameters, { input: PASSWORD, ...call });
}

async function countUsers(folder: CommandFolder): Promise<number> {
  const [row] = await folder.sql("SELECT count(*) AS count FROM user");
  return row.count;
}

/** Expects one line that does not repeat {@link VALUE}. */
function expectRefusal(ended: Ended, line: RegExp): void {
  expectOneLine(ended, line);
  expect(ended.stderr).not.toContain(VALUE);
}

describe("gatehouse serve", () => {
  describe("in an empty folder, and restarted there", () => {
    const modes: Record<string, number> = {};
    let first: Serving;
    let second: Serving;
    let filesBetween: string[];
    let answers: unknown[];
    let users: unknown[];
    let ended: Record<"SIGTERM" | "SIGINT", Ended>;

    beforeAll(async () => {
      const folder = await folders.shared();
      const modeOf = (path: string) => statSync(join(folder.path, path)).mode & 0o777;
      first = await folder.serve();
      modes["."] = modeOf("data");
      for (const name of await folder.files("data")) modes[name] = modeOf(`data/${name}`);
      const [, password = ""] = /password: (\S+)/.exec(first.output) ?? [];
      const authorization = await first.login("admin", password);
      answers = [await first.ask("{ me { profile { role } } }", authorization)];
      const atSigterm = await first.stop("SIGTERM");
      filesBetween = await folder.files("data");
      second = await folder.serve();
      answers.push(await second.ask("{ me { username } }", authorization));
      users = await folder.sql("SELECT username FROM user");
      ended = { SIGTERM: atSigterm, SIGINT: await second.stop("SIGINT") };
    });

    test("makes the data folder and its files readable for their owner only", () => {
      const { ".": folder, ...files } = modes;
      expect(folder).toBe(0o700);
      expect(Object.keys(files)).toEqual(
        expect.arrayContaining(["gatehouse.secret", "gatehouse.sqlite"]),
      );
      expect(new Set(Object.values(files))).toEqual(new Set([0o600]));
    });

    test("prints the first admin's password, and the admin logs in with it", () => {
      expect(answers[0]).toEqual({ data: { me: { profile: { role: "ADMIN" } } } });
    });

    test("creates the first admin at the first start only", () => {
      expect(first.output.match(/password:/g)).toHaveLength(1);
      expect(second.output).not.toMatch(/admin|password/);
      expect(users).toEqual([{ username: "admin" }]);
    });

    test("accepts access tokens that were issued before a restart", () => {
      expect(answers[1]).toEqual({ data: { me: { username: "admin" } } });
    });

    test.each(["SIGTERM", "SIGINT"] as const)("ends with exit code 0 at %s", (signal) => {
      expect(ended[signal].code).toBe(0);
    });

    test("leaves a single, complete database file behind when it ends", () => {
      expect(filesBetween).toEqual(["gatehouse.secret", "gatehouse.sqlite"]);
    });
  });

  test("creates no admin if others could reach it, and says how to create one", async () => {
    const folder = await folders.empty();
    const env = {
      HOST: "0.0.0.0",
      PUBLIC_URL: "https://login.example.com",
      SECRET_KEY: randomBytes(32).toString("base64url"),
    };
    await folder.run(["migrate", "--create"], { env });
    const { output } = await folder.serve(env);
    expect(output).toContain("gatehouse create-user");
    expect(output).not.toContain("password:");
    expect(await folder.sql("SELECT username FROM user")).toEqual([]);
  });

  test("says in one line that the port is taken, and creates no admin", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const folder = await folders.empty();
    const ended = await folder.run(["serve"], { env: { PORT: port.toString() } });
    other.close();
    expectRefusal(ended, /address already in use|PORT/);
    expect(ended.stdout).not.toContain("password");
  });
});

describe("gatehouse migrate", () => {
  test("brings a new database up to date, and changes nothing the second time", async () => {
    const folder = await folders.empty();
    const first = await folder.run(["migrate"]);
    const schema = await folder.sql("SELECT sql FROM sqlite_master");
    const second = await folder.run(["migrate"]);
    expect(first).toEqual({ code: 0, stdout: "The database is up to date.\n", stderr: "" });
    expect(second).toEqual(first);
    expect(await folder.sql("SELECT sql FROM sqlite_master")).toEqual(schema);
  });

  test.each(["migrate", "serve"])(
    "%s refuses a database that a newer version wrote",
    async (command) => {
      const folder = await migrated();
      await folder.sql("INSERT INTO mikro_orm_migrations (name) VALUES ('2999-01-01-later')");
      expectRefusal(await folder.run([command]), /newer version/);
    },
  );

  test("refuses a file that is not a database, and leaves it as it is", async () => {
    const folder = await folders.empty();
    const path = join(folder.path, "notes.txt");
    writeFileSync(path, "These are notes, and not a database.");
    const env = { DATABASE_URL: "sqlite:notes.txt", SECRET_KEY };
    expectRefusal(await folder.run(["migrate"], { env }), /database/);
    expect(statSync(path).size).toBe(36);
  });

  test("refuses a database that was made with another secret", async () => {
    const folder = await migrated();
    const env = { SECRET_KEY: `${VALUE} and forty more characters of a secret` };
    expectRefusal(await folder.run(["migrate"], { env }), /SECRET_KEY/);
  });
});

describe("a command beside a running server", () => {
  let folder: CommandFolder;
  let server: Serving;

  beforeAll(async () => {
    folder = await folders.shared();
    server = await folder.serve();
  });

  test("create-user takes the password from standard input, without the line break", async () => {
    const role = ["--email", "ada@example.com", "--role", "admin"];
    const created = await createUser(folder, "ada", { input: `${PASSWORD}\n` }, role);
    expect(created).toEqual({ code: 0, stdout: "Created the admin ada.\n", stderr: "" });
    const authorization = await server.login("ada", PASSWORD);
    expect(await server.ask("{ me { email profile { role } } }", authorization)).toEqual({
      data: { me: { email: "ada@example.com", profile: { role: "ADMIN" } } },
    });
  });

  test("create-user keeps blanks at the ends of a password", async () => {
    await createUser(folder, "bob", { input: `  ${PASSWORD}  ` });
    expect(await server.login("bob", `  ${PASSWORD}  `)).toMatch(/^Bearer /);
    await expect(server.login("bob", PASSWORD)).rejects.toThrow("invalid_credentials");
  });

  test("set-password sets a password that logs in, and ends the sessions of the old one", async () => {
    await createUser(folder, "cyd");
    const before = await server.login("cyd", PASSWORD);
    const next = "another horse, another staple";
    const ended = await folder.run(["set-password", "cyd", "--password-stdin"], { input: next });
    expect(ended).toEqual({ code: 0, stdout: "Set the password of cyd.\n", stderr: "" });
    const refused = await server.ask("{ me { id } }", before);
    expect(JSON.stringify(refused)).toContain("password_changed");
    expect(await server.login("cyd", next)).toMatch(/^Bearer /);
  });

  test("create-token prints a static token that works, and nothing else", async () => {
    await createUser(folder, "dan");
    const { code, stdout, stderr } = await folder.run(["create-token", "dan", "--label", "ci"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^gth_[0-9a-f]{32}_\w+\n$/);
    expect(await server.ask("{ me { username } }", `Token ${stdout.trim()}`)).toEqual({
      data: { me: { username: "dan" } },
    });
    const sessions = "SELECT label, scheme FROM session JOIN user ON user.id = user_id";
    expect(await folder.sql(`${sessions} WHERE username = 'dan'`)).toEqual([
      { label: "ci", scheme: "TOKEN" },
    ]);
  });
});

describe("gatehouse create-user", () => {
  test("refuses a user name or e-mail address that is taken, in any case", async () => {
    const folder = await withAda();
    const [sameName, sameEmail] = await Promise.all([
      createUser(folder, "ADA"),
      createUser(folder, "bob", {}, ["--email", "Ada@Example.com"]),
    ]);
    expectRefusal(sameName, /exists already/);
    expectRefusal(sameEmail, /exists already/);
    expect(await countUsers(folder)).toBe(1);
  });

  test.each([
    ["a user name with a blank", "a b", [], PASSWORD, /username/],
    ["an empty user name", "", [], PASSWORD, /username/],
    ["a user name with control characters", "a\u001b[31m", [], PASSWORD, /username/],
    ["a malformed e-mail address", "ada", ["--email", VALUE], PASSWORD, /email/],
    ["a password that is too short", "ada", [], VALUE, /password must have at least 15/],
    ["an empty password", "ada", [], "", /password must not be empty/],
    ["a password that is too long", "ada", [], VALUE.repeat(1000), /password must have at most/],
  ])("refuses %s, and creates no user", async (_what, username, options, input, line) => {
    const folder = await migrated();
    expectRefusal(await createUser(folder, username, { input }, options), line);
    expect(await countUsers(folder)).toBe(0);
  });

  test("follows PASSWORD_MIN_LENGTH", async () => {
    const folder = await migrated();
    const env = { PASSWORD_MIN_LENGTH: "8" };
    const [longEnough, tooShort] = await Promise.all([
      createUser(folder, "ada", { env, input: "v7#qLz0w" }),
      createUser(folder, "bob", { env, input: "v7#qLz0" }),
    ]);
    expect(longEnough.code).toBe(0);
    expectRefusal(tooShort, /at least 8/);
  });
});

describe("gatehouse set-password", () => {
  test("refuses an unknown user, and a password that is easy to guess", async () => {
    const folder = await withAda();
    const set = (name: string, input: string) =>
      folder.run(["set-password", name, "--password-stdin"], { input });
    const [unknown, weak] = await Promise.all([
      set("nobody", "another horse, another staple"),
      set("ada", "passwordpassword"),
    ]);
    expectRefusal(unknown, /There is no such user/);
    expectRefusal(weak, /password/);
  });
});

describe("gatehouse create-token", () => {
  test("follows STATIC_TOKEN_LIFETIME", async () => {
    const folder = await withAda();
    await folder.run(["create-token", "ada"], { env: { STATIC_TOKEN_LIFETIME: "never" } });
    expect(await folder.sql("SELECT expires_at FROM session")).toEqual([{ expires_at: null }]);
  });

  test("M-07: refuses an unknown user, and stores nothing", async () => {
    const folder = await migrated();
    expectRefusal(await folder.run(["create-token", "nobody"]), /no such user/);
    expect(await folder.sql("SELECT id FROM session")).toEqual([]);
  });

  test("refuses a label that is too long", async () => {
    const folder = await withAda();
    const ended = await folder.run(["create-token", "ada", "--label", "x".repeat(5000)]);
    expectRefusal(ended, /label/);
  });
});

describe("gatehouse generate-secret", () => {
  test("prints a new secret each time, which is valid as SECRET_KEY", async () => {
    const folder = await folders.empty();
    const [first, second] = await Promise.all([
      folder.run(["generate-secret"]),
      folder.run(["generate-secret"]),
    ]);
    expect(first.stdout).toMatch(/^[\w-]{43}\n$/);
    expect(first.stdout).not.toBe(second.stdout);
    expect(await folder.files()).toEqual([]);
    const migrated = await folder.run(["migrate"], { env: { SECRET_KEY: first.stdout.trim() } });
    expect(migrated.code).toBe(0);
  });
});

describe("a wrong command line or setting", () => {
  let folder: CommandFolder;

  beforeEach(async () => {
    folder = await folders.empty();
  });

  const expectNothingWritten = async () => {
    expect(await folder.files()).toEqual([]);
  };

  describe("gatehouse --help", () => {
    test("lists the commands", async () => {
      const { code, stdout, stderr } = await folder.run(["--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const commands = [
        "serve",
        "migrate",
        "create-user",
        "create-token",
        "generate-secret",
        "copy-database",
      ];
      for (const command of commands) {
        expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
      }
    });

    test.each([
      ["serve", ["--database"]],
      ["migrate", ["--database", "--create"]],
      ["prune", ["--database"]],
      ["rotate-keys", ["--database", "--now", "--revoke"]],
      ["create-user", ["--database", "--email", "--role", "--password-stdin"]],
      ["set-password", ["--database", "--password-stdin"]],
      ["create-token", ["--database", "--label"]],
      ["unlock", ["--database"]],
      ["generate-secret", []],
      ["copy-database", ["--from", "--to"]],
    ])(
      "says what %s does and takes, with an example, and does nothing",
      async (command, options) => {
        const { code, stdout, stderr } = await folder.run([command, "--help"]);
        expect(await folder.run(["help", command])).toEqual({ code, stdout, stderr });
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${command} `));
        expect(stdout).toMatch(new RegExp(`^Example:\n {2}gatehouse ${command}`, "m"));
        for (const option of options) expect(stdout).toContain(option);
        await expectNothingWritten();
      },
    );
  });

  describe("the command refuses in one line, and writes nothing:", () => {
    test.each([
      ["no command", [], /command|--help/],
      ["an unknown command", ["srve"], /unknown command 'srve' \(Did you mean serve\?\)/],
      ["help on an unknown command", ["help", "srve"], /unknown command/],
      ["one argument too many", ["serve", VALUE], /too many arguments/],
      ["an unknown option", ["create-token", "--lable"], /unknown option.*Did you mean --label\?/],
      ["no user name", ["create-user", "--password-stdin"], /missing required argument 'username'/],
      ["no source of the password", ["create-user", "ada"], /--password-stdin/],
      ["an unknown role", ["create-user", "ada", "--password-stdin", "--role", "king"], /--role/],
      ["a token for no user", ["create-token"], /missing required argument 'username'/],
    ])("%s", async (_what, parameters, line) => {
      expectRefusal(await folder.run(parameters), line);
      await expectNothingWritten();
    });
  });

  describe("a wrong setting is refused in one line that names it, and nothing is written:", () => {
    test.each([
      ["an unknown kind of database", { DATABASE_URL: `mysql:${VALUE}` }],
      ["a database without a path", { DATABASE_URL: "sqlite:" }],
      [
        "a database in memory, which no other command would find",
        { DATABASE_URL: "sqlite::memory:" },
      ],
      ["a secret that is too short", { SECRET_KEY: VALUE }],
      ["a secret of one repeated character", { SECRET_KEY: "x".repeat(64) }],
      ["an empty entry in a list of secrets", { SECRET_KEY: `${SECRET_KEY},` }],
      ["a port that is not a number", { PORT: VALUE }],
      ["a port out of range", { PORT: "65536" }],
      ["a lifetime that is not a duration", { ACCESS_TOKEN_LIFETIME: VALUE }],
      ["a lifetime without a unit", { SESSION_LIFETIME: "30" }],
      ["a switch that is neither on nor off", { GRAPHIQL: VALUE }],
      ["an unknown algorithm", { JWT_ALGORITHM: "none" }],
      ["every origin", { CORS_ORIGINS: "*" }],
      ["a proxy that is not an address", { TRUSTED_PROXIES: VALUE }],
      ["a minimum length that is too short", { PASSWORD_MIN_LENGTH: "7" }],
      ["an unknown log level", { LOG_LEVEL: VALUE }],
      ["a Redis URL of another protocol", { REDIS_URL: `http://${VALUE}` }],
      ["an unknown rate-limit store", { THROTTLE_STORE: VALUE }],
      ["a rate limit of 0", { LOGINS_PER_ADDRESS: "0" }],
    ])("%s", async (_what, env: Record<string, string>) => {
      const [variable = ""] = Object.keys(env);
      expectRefusal(await folder.run(["serve"], { env }), new RegExp(variable));
      await expectNothingWritten();
    });

    test.each(["serve", "migrate"])(
      "a missing secret if others could reach the server, by %s",
      async (command) => {
        expectRefusal(
          await folder.run([command], {
            env: { HOST: "0.0.0.0", PUBLIC_URL: "https://login.example.com" },
          }),
          /SECRET_KEY/,
        );
        await expectNothingWritten();
      },
    );

    test("a missing secret in production", async () => {
      const ended = await folder.run(["serve"], { env: { NODE_ENV: "production" } });
      expectRefusal(ended, /SECRET_KEY/);
      await expectNothingWritten();
    });

    test.each([
      ["ACCESS_TOKEN_LIFETIME", { ACCESS_TOKEN_LIFETIME: "1h", REFRESH_TOKEN_LIFETIME: "30m" }],
      ["REFRESH_TOKEN_LIFETIME", { REFRESH_TOKEN_LIFETIME: "60d", SESSION_LIFETIME: "30d" }],
    ])("Z-05: a lifetime that contradicts another one: %s", async (variable, env) => {
      expectRefusal(await folder.run(["serve"], { env }), new RegExp(variable));
      await expectNothingWritten();
    });

    test.each([
      ["with a secret", { SECRET_KEY }],
      ["without one", {}],
    ])("a data folder that cannot be created, %s", async (_what, env) => {
      writeFileSync(join(folder.path, "file"), "");
      const DATABASE_URL = "sqlite:file/sub/gatehouse.sqlite";
      const ended = await folder.run(["serve"], { env: { ...env, DATABASE_URL } });
      expectRefusal(ended, new RegExp(join(folder.path, "file/sub/gatehouse.")));
      expect(await folder.files()).toEqual(["file"]);
    });
  });
});

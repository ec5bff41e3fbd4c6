import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createServer, type Server, setting } from "graphql-gatehouse";
import ts from "typescript";
import { createDatabase, DATABASES, type TestDatabase } from "../../support/databases.js";
import { eventually } from "../../support/eventually.js";
import { runNode } from "../../support/node-process.js";
import { suspensions } from "./suspensions.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** The compiled file of the feature, as an application would build it. */
const MODULE = "./test/generated/features/suspensions.js";
const PASSWORD = "correct horse battery staple";
const DAY = 86_400_000;

const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { access refresh }
}`;
const SUSPEND = `mutation ($userId: ID!, $days: Int!) { suspend(userId: $userId, days: $days, reason: "spam") }`;

beforeAll(async () => {
  const source = await readFile(new URL("suspensions.ts", import.meta.url), "utf8");
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  await mkdir(`${ROOT}/test/generated/features`, { recursive: true });
  await writeFile(`${ROOT}/${MODULE}`, outputText);
});

describe.each(DATABASES)("an application's own feature, over %s", (kind) => {
  let database: TestDatabase;
  let server: Server<[typeof suspensions]>;
  let env: Record<string, string>;
  let bob: string;
  let now = Date.now();

  beforeAll(async () => {
    database = await createDatabase(kind);
    const secretKey = randomBytes(32).toString("base64url");
    server = await createServer({
      databaseUrl: database.url,
      secretKey,
      port: 0,
      logLevel: "silent",
      now: () => now,
      features: [suspensions],
      suspensionMaxDays: 14,
    });
    env = { DATABASE_URL: database.url, SECRET_KEY: secretKey, FEATURES: MODULE };
    await server.auth.accounts.createUser({ username: "ada", password: PASSWORD, role: "ADMIN" });
    bob = await server.auth.accounts.createUser({ username: "bob", password: PASSWORD });
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });

  async function ask(query: string, variables: object = {}, access?: string) {
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(access === undefined ? {} : { authorization: `Bearer ${access}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as any;
    return { data, error: errors?.[0] };
  }

  async function login(username: string, password = PASSWORD) {
    const { data, error } = await ask(LOGIN, { username, password });
    return { ...data?.login, error };
  }

  async function countSuspended(): Promise<number> {
    const response = await fetch(`${server.url}/suspensions/count`);
    return ((await response.json()) as { suspended: number }).suspended;
  }

  test("adds a guarded mutation", async () => {
    const [ada, user] = [await login("ada"), await login("bob")];
    expect((await ask(SUSPEND, { userId: bob, days: 1 })).error.extensions.code).toBe(
      "UNAUTHENTICATED",
    );
    expect((await ask(SUSPEND, { userId: bob, days: 1 }, user.access)).error.extensions.code).toBe(
      "FORBIDDEN",
    );
    expect(
      (await ask(SUSPEND, { userId: "nobody", days: 1 }, ada.access)).error.extensions.code,
    ).toBe("BAD_USER_INPUT");
    expect((await ask(SUSPEND, { userId: bob, days: 15 }, ada.access)).error.message).toBe(
      "days must be from 1 to 14.",
    );
    expect(await countSuspended()).toBe(0);
  });

  test("vetoes a refresh, and a login after the right password", async () => {
    const { refresh } = await login("bob");
    const { access } = await login("ada");
    expect((await ask(SUSPEND, { userId: bob, days: 1 }, access)).data).toEqual({ suspend: true });
    expect((await login("bob")).error).toMatchObject({
      message: "Your account is suspended: spam.",
      extensions: { code: "FORBIDDEN", reason: "vetoed" },
    });
    expect((await login("bob", "a wrong password")).error.extensions.reason).toBe(
      "invalid_credentials",
    );
    const { error } = await ask(
      "mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access } }",
      {
        refresh,
      },
    );
    expect(error.extensions.reason).toBe("vetoed");
  });

  test("serves a route", async () => {
    expect(await countSuspended()).toBe(1);
  });

  test("runs a job, which deletes the suspensions that are over", async () => {
    now += DAY;
    await eventually(async () => {
      const rows = await database.sql("SELECT user_id FROM suspension");
      return rows.length === 0;
    });
    expect((await login("bob")).error).toBeUndefined();
  });

  test("adds its API to the objects that createServer and createAuth return", async () => {
    await server.auth.suspensions.suspend(bob, 2);
    expect(await server.auth.suspensions.count()).toBe(1);
  });

  test("adds a command, which reads the feature's variables", async () => {
    const gatehouse =
      (...args: string[]) =>
      (more: Record<string, string> = {}) =>
        runNode(["dist/cli.js", ...args], { cwd: ROOT, env: { ...env, ...more } });
    const [done, tooLong, wrong, help, without] = await Promise.all([
      gatehouse("suspend", "bob", "7", "spam")(),
      gatehouse("suspend", "bob", "31")(),
      gatehouse("suspend", "bob", "1")({ SUSPENSION_MAX_DAYS: "0" }),
      gatehouse("--help")(),
      gatehouse("--help")({ FEATURES: "" }),
    ]);
    const named = expect.stringMatching(/^Database: .*\n$/);
    expect(done).toEqual({ code: 0, stdout: "Suspended bob for 7 days.\n", stderr: named });
    expect(tooLong).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^Database: .*\ngatehouse: days must be from 1 to 30\.\n$/),
    });
    expect(wrong).toEqual({
      code: 1,
      stdout: "",
      stderr: "gatehouse: SUSPENSION_MAX_DAYS: must be from 1 to 365, but is 1 too small\n",
    });
    expect(help.stdout).toMatch(
      /suspend \[options\] <username> <days> \[reason\]\s+suspend a user for some days/,
    );
    expect(without.stdout).not.toContain("suspend");
  });
});

describe("createServer", () => {
  const secretKey = randomBytes(32).toString("base64url");
  const start = (options: object) => createServer({ secretKey, port: 0, ...options });

  test("checks a feature's settings together with its own", async () => {
    await expect(
      start({ features: [suspensions], suspensionMaxDays: 0, port: -1 }),
    ).rejects.toThrow(
      /^port: must be from 0 to 65535, but is 1 too small\nsuspensionMaxDays: must be from 1 to 365, but is 1 too small$/,
    );
    await expect(start({ suspensionMaxDays: 14 })).rejects.toThrow(
      "suspensionMaxDays: is not a setting",
    );
  });

  test.each([
    [
      "the same name twice",
      [suspensions, { ...suspensions, settings: {} }],
      "two are called suspensions",
    ],
    ["a name that is not a word", [{ ...suspensions, name: "a:b" }], "cannot be called a:b"],
    [
      "a setting twice",
      [suspensions, { ...suspensions, name: "twin" }],
      "two settings are suspensionMaxDays",
    ],
    [
      "a setting of the core",
      [{ ...suspensions, settings: { port: suspensions.settings!.suspensionMaxDays } }],
      "two settings are port",
    ],
    [
      "a variable of the core",
      [
        {
          ...suspensions,
          settings: { days: setting.wholeNumber({ from: 1, to: 2, variable: "PORT" }) },
        },
      ],
      "two settings have the variable PORT",
    ],
    [
      "a missing feature",
      [{ ...suspensions, requires: ["letters"] }],
      "suspensions requires the feature letters, which is missing",
    ],
  ])("refuses %s", async (_name, features, message) => {
    await expect(start({ features })).rejects.toThrow(TypeError);
    await expect(start({ features })).rejects.toThrow(`features: ${message}`);
  });
});

test("docs/features.md shows this feature as it is", async () => {
  const source = await readFile(new URL("suspensions.ts", import.meta.url), "utf8");
  expect(await readFile(`${ROOT}/docs/features.md`, "utf8")).toContain(source);
});

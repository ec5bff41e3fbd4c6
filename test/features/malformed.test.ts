import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createAuth, setting } from "graphql-gatehouse";
import { createDatabase, type TestDatabase } from "../support/databases.js";

const secretKey = randomBytes(32).toString("base64url");
const create = () => ({});
const run = () => Promise.resolve();
const handle = () => new Response();

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase("sqlite");
});

afterAll(() => database.drop());

/** Returns the lines by which `createAuth` refuses these features. */
async function refusalOf(features: unknown): Promise<string[]> {
  const error: unknown = await createAuth({
    secretKey,
    databaseUrl: database.url,
    features: features as [],
  }).then(
    (auth) => auth.close(),
    (reason: unknown) => reason,
  );
  if (!(error instanceof TypeError)) throw new Error("No TypeError.", { cause: error });
  return error.message.split("\n");
}

const notes = (more: object) => [{ name: "notes", create, ...more }];
const created = (parts: unknown) => notes({ create: () => parts });
const settings = (more: object) => notes({ settings: more });
const migrations = (...statements: string[]) => notes({ migrations: [{ name: "a", statements }] });

const A_FEATURE = "must be a feature: an object with a name and a function create";
const A_VARIABLE =
  "notes.settings.q.variable must be the name of a variable that no other program uses, such as NOTES_LIMIT";
const AN_INTERVAL =
  "notes.create().jobs[clean].interval must be a whole number of seconds from 1 to 2000000";
const A_STATEMENT =
  "notes.migrations[a].statements[0] must be one SQL statement, without a ; before its end";

describe("a feature is refused that has", () => {
  test.each<[string, unknown, string]>([
    ["no list around it", { name: "notes", create }, "must be a list of features"],
    ["no object", [undefined], `[0] ${A_FEATURE}`],
    ["a module's name in its place", ["./x.js"], `[0] ${A_FEATURE}`],
    ["no name", [{ create }], "[0].name must be text"],
    ["no create", [{ name: "notes" }], "notes.create must be a function"],
    [
      "a misspelt key",
      notes({ setings: {} }),
      "notes.setings is not known; did you mean settings?",
    ],
    ["an unknown key", notes({ color: "red" }), "notes.color is not known"],
    [
      "a number as a setting",
      settings({ q: 5 }),
      "notes.settings.q must be a setting, such as setting.onOff() returns",
    ],
    [
      "a setting called features",
      settings({ features: setting.onOff({}) }),
      "a setting cannot be called features",
    ],
    ["the variable FEATURES", settings({ q: setting.onOff({ variable: "FEATURES" }) }), A_VARIABLE],
    ["the variable PATH", settings({ q: setting.onOff({ variable: "PATH" }) }), A_VARIABLE],
    ["the variable HOME", settings({ q: setting.onOff({ variable: "HOME" }) }), A_VARIABLE],
    [
      "a default outside its range",
      settings({ q: setting.wholeNumber({ from: 1, to: 5, default: 9 }) }),
      "notes.settings.q has a default that it does not accept",
    ],
    [
      "a migration without a name",
      notes({ migrations: [{ statements: ["SELECT 1"] }] }),
      "notes.migrations[0].name must be text",
    ],
    [
      "a migration without statements",
      notes({ migrations: [{ name: "a" }] }),
      "notes.migrations[a].statements must be a list",
    ],
    [
      "a migration with no statement",
      migrations(),
      "notes.migrations[a].statements must be a list with at least one statement",
    ],
    ["two statements in one text", migrations("SELECT 1; SELECT 2"), A_STATEMENT],
    [
      "two migrations of one name",
      notes({ migrations: ["a", "a"].map((name) => ({ name, statements: ["SELECT 1"] })) }),
      "two migrations of notes are called a",
    ],
    [
      "a command without a description",
      notes({ commands: [{ name: "note", run }] }),
      "notes.commands[note].description must be text",
    ],
    [
      "a command without run",
      notes({ commands: [{ name: "note", description: "n" }] }),
      "notes.commands[note].run must be a function",
    ],
    [
      "a command of the core",
      notes({ commands: [{ name: "serve", description: "n", run }] }),
      "two commands are called serve",
    ],
    [
      "an argument without brackets",
      notes({ commands: [{ name: "note", description: "n", run, arguments: ["text"] }] }),
      "notes.commands[note].arguments[0] must be <name> or [name]",
    ],
    ...["--days", "Days", "no-days", "database", "help"].map((name): [string, unknown, string] => [
      `an option called ${name}`,
      notes({
        commands: [{ name: "note", description: "n", run, options: [{ name, description: "d" }] }],
      }),
      `notes.commands[note].options[${name}].name must be a word such as dry-run, other than database and help`,
    ]),
    [
      "a misspelt key of an option",
      notes({
        commands: [
          ...[{ name: "note", description: "n", run }],
          {
            ...{ name: "list", description: "l", run },
            options: [{ name: "all", description: "a", valu: "text" }],
          },
        ],
      }),
      "notes.commands[list].options[all].valu is not known; did you mean value?",
    ],
  ])("%s", async (_what, features, message) => {
    expect(await refusalOf(features)).toEqual([`features: ${message}`]);
  });

  test("several faults, in one line each", async () => {
    expect(await refusalOf([{}])).toEqual([
      "features: [0].name must be text",
      "features: [0].create must be a function",
    ]);
  });
});

describe("what create returns is refused if it is or has", () => {
  test.each<[string, unknown, string]>([
    ["nothing", undefined, "notes.create() must be an object with the parts of the feature"],
    ["a misspelt part", { route: [] }, "notes.create().route is not known; did you mean routes?"],
    [
      "a misspelt hook",
      { hooks: { beforeLogn: run } },
      "notes.create().hooks.beforeLogn is not known; did you mean beforeLogin?",
    ],
    [
      "a misspelt hook in a class",
      {
        hooks: new (class {
          readonly own = 1;
          beforeLogn() {
            return this.own;
          }
        })(),
      },
      "notes.create().hooks.beforeLogn is not known; did you mean beforeLogin?",
    ],
    [
      "a misspelt key of a job",
      { jobs: [{ name: "clean", interval: 1, run, intervall: 1 }] },
      "notes.create().jobs[clean].intervall is not known; did you mean interval?",
    ],
    ["an interval of 0", { jobs: [{ name: "clean", interval: 0, run }] }, AN_INTERVAL],
    ["an interval of 1.5", { jobs: [{ name: "clean", interval: 1.5, run }] }, AN_INTERVAL],
    [
      "an interval longer than timers take",
      { jobs: [{ name: "clean", interval: 2_000_001, run }] },
      AN_INTERVAL,
    ],
    [
      "two jobs of one name",
      { jobs: [1, 2].map((interval) => ({ name: "clean", interval, run })) },
      "notes adds a job called notes:clean, which exists already",
    ],
    [
      "an extension without resolvers",
      { extension: { typeDefs: "extend type Query { a: Int }" } },
      "notes.create().extension.resolvers must be an object",
    ],
    [
      "a path without a slash",
      { routes: [{ method: "GET", path: "notes", handle }] },
      "notes.create().routes[0].path must be a path that starts with /",
    ],
    [
      "two routes with one method and path",
      { routes: [1, 2].map(() => ({ method: "GET", path: "/notes", handle })) },
      "notes adds the route GET /notes, which exists already",
    ],
    [
      "a route of another feature",
      { routes: [{ method: "GET", path: "/health/live", handle }] },
      "notes adds the route GET /health/live, which exists already",
    ],
    [
      "a measurement with a name of ours",
      { measurements: [{ name: "gatehouse_notes", help: "Notes.", kind: "gauge", read: run }] },
      "notes.create().measurements[gatehouse_notes].name must be a name in snake case that does not start with gatehouse_, nodejs_ or process_",
    ],
    [
      "a measurement of another kind",
      { measurements: [{ name: "notes", help: "Notes.", kind: "histogram", read: run }] },
      "notes.create().measurements[notes].kind must be counter or gauge",
    ],
    [
      "a label that Prometheus does not accept",
      {
        measurements: [
          { name: "notes", help: "Notes.", kind: "gauge", labels: ["a-b"], read: run },
        ],
      },
      "notes.create().measurements[notes].labels[0] must be a name in snake case",
    ],
    [
      "two measurements of one name",
      {
        measurements: [1, 2].map(() => ({
          name: "notes",
          help: "Notes.",
          kind: "gauge",
          read: run,
        })),
      },
      "notes adds the measurement notes, which exists already",
    ],
    ...["tokens", "accounts", "close", "routes"].map((key): [string, unknown, string] => [
      `${key} as its API`,
      { api: { [key]: {} } },
      `notes adds auth.${key}, which exists already`,
    ]),
  ])("%s", async (_what, parts, message) => {
    expect(await refusalOf(created(parts))).toEqual([`features: ${message}`]);
  });
});

test("classes with additional fields are accepted, and so is SQL with a ; in a text or a comment", async () => {
  class Hooks {
    readonly calls: string[] = [];
    beforeLogin(): void {
      this.calls.push("login");
    }
  }
  const hooks = new Hooks();
  const auth = await createAuth({
    secretKey,
    databaseUrl: database.url,
    features: [
      {
        name: "notes",
        migrations: [
          {
            name: "a",
            statements: [
              `create table "note" ("text" text default 'a;b') -- ; a comment`,
              `create index "note_text" on "note" ("text");`,
            ],
          },
        ],
        create: () => ({ hooks }),
      },
    ],
  });
  await auth.accounts.createUser({ username: "ada", password: "correct horse battery staple" });
  await auth.authentication.login({ username: "ada" }, "correct horse battery staple");
  await auth.close();
  expect(hooks.calls).toEqual(["login"]);
});

describe("a required feature must be", () => {
  const base = { name: "base", create };
  const notesOn = { name: "notes", requires: ["base"], create };

  test.each<[string, unknown[], string]>([
    ["there", [notesOn], "is missing"],
    ["on", [{ ...base, isOn: () => false }, notesOn], "is off"],
    ["listed before", [notesOn, base], "must be listed before it"],
  ])("%s", async (_what, features, message) => {
    expect(await refusalOf(features)).toEqual([
      `features: notes requires the feature base, which ${message}`,
    ]);
  });

  test("named, before its API can be used", async () => {
    const api = { base: { answer: 42 } };
    const found: unknown[] = [];
    const using = (requires: string[]) => ({
      name: "reader",
      requires,
      create: (_core: unknown, _config: unknown, apiOf: (feature: unknown) => unknown) => {
        found.push(apiOf(based));
        return {};
      },
    });
    const based = { name: "base", create: () => ({ api }) };
    await expect(
      createAuth({ secretKey, databaseUrl: database.url, features: [based, using([])] as never }),
    ).rejects.toThrow(
      "The feature reader failed to start: reader must name the feature base in `requires`",
    );
    const auth = await createAuth({
      secretKey,
      databaseUrl: database.url,
      features: [based, using(["base"])] as never,
    });
    await auth.close();
    expect(found).toEqual([api]);
  });

  test("on, unless the feature only uses it: then its API is undefined", async () => {
    const api = { base: { answer: 42 } };
    const found: unknown[] = [];
    const based = { name: "base", create: () => ({ api }) };
    const using = (lists: object) => ({
      name: "reader",
      ...lists,
      create: (
        _core: unknown,
        _config: unknown,
        apiOf: { ifOn: (feature: unknown) => unknown },
      ) => {
        found.push(apiOf.ifOn(based));
        return {};
      },
    });
    const reader = using({ uses: ["base"] });
    for (const features of [[based, reader], [{ ...based, isOn: () => false }, reader], [reader]]) {
      const auth = await createAuth({
        secretKey,
        databaseUrl: database.url,
        features: features as never,
      });
      await auth.close();
    }
    expect(found).toEqual([api, undefined, undefined]);
    expect(await refusalOf([reader, based])).toEqual([
      "features: reader uses the feature base, which must be listed before it",
    ]);
    const requiring = using({ requires: ["base"] });
    await expect(
      createAuth({ secretKey, databaseUrl: database.url, features: [based, requiring] as never }),
    ).rejects.toThrow(
      "The feature reader failed to start: reader must name the feature base in `uses`",
    );
  });

  test("on, unless the feature that requires it is off", async () => {
    const features = [{ ...notesOn, isOn: () => false }];
    const auth = await createAuth({ secretKey, databaseUrl: database.url, features });
    await auth.close();
  });
});

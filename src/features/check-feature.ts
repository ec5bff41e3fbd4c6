import type { Hooks } from "../authentication/hooks.js";
import { FEATURES } from "../config/environment.js";
import type { Setting } from "../config/setting.js";
import { ROUTE_METHODS } from "./route.js";
import { findName, inTurn, is, isObject, listOf, objectWith, recordOf } from "./shape.js";

/** The longest interval of a job, in seconds: 23 days. `setInterval` takes at most 24.8 days. */
const MAX_INTERVAL = 2_000_000;

/** Environment variables that the settings of a feature must not use, because the system or Gatehouse uses them. */
const OTHER_VARIABLES = [FEATURES, "PATH", "HOME", "USER", "SHELL", "PWD", "TMPDIR", "LANG"];

const TEXT = is("text", (value) => typeof value === "string" && value !== "");
const FUNCTION = is("a function", (value) => typeof value === "function");
const OBJECT = is("an object", isObject);

const WORDING = is("text", (value) => typeof value === "string" || isObject(value));

const SETTING = inTurn(
  objectWith(
    "a setting, such as setting.onOff() returns",
    {
      check: is("a zod schema", (value) => isObject(value) && "safeParse" in value),
    },
    {
      variable: is(
        "the name of a variable that no other program uses, such as NOTES_LIMIT",
        (value) =>
          typeof value === "string" && /^[A-Z_]\w*$/i.test(value) && !isTakenVariable(value),
      ),
      read: FUNCTION,
      allowed: WORDING,
      fault: FUNCTION,
      hint: TEXT,
      default: WORDING,
      defaultNote: WORDING,
      doc: TEXT,
    },
  ),
  (value, where) =>
    acceptsDefault(value as Setting) ? [] : [`${where} has a default that it does not accept`],
);

const MIGRATION = objectWith("a migration: an object with a name and statements", {
  name: TEXT,
  statements: inTurn(
    listOf(is("one SQL statement, without a ; before its end", isOneStatement)),
    is("a list with at least one statement", (value) => (value as unknown[]).length > 0),
  ),
});

const BOOLEAN = is("true or false", (value) => typeof value === "boolean");

/**
 * The name of an option must not start with `no-`, because Commander reads `--no-color` as the opposite of `--color`.
 */
const COMMAND_OPTION = objectWith(
  "an option: an object with a name and a description",
  {
    name: is(
      "a word such as dry-run, other than database and help",
      (value) => matches(value, /^(?!no-)[a-z][a-z\d]*(-[a-z\d]+)*$/) && !isTakenOption(value),
    ),
    description: TEXT,
  },
  {
    value: is("a word such as number", (value) => matches(value, /^\w[\w-]*$/)),
    choices: listOf(TEXT),
    default: TEXT,
    isRequired: BOOLEAN,
  },
);

const COMMAND = objectWith(
  "a command: an object with a name, a description and a function run",
  {
    name: is("a word such as add-note", (value) => matches(value, /^\w[\w-]*$/)),
    description: TEXT,
    run: FUNCTION,
  },
  {
    arguments: listOf(is("<name> or [name]", (value) => matches(value, /^(<[\w-]+>|\[[\w-]+\])$/))),
    options: listOf(COMMAND_OPTION),
    example: TEXT,
  },
);

const FEATURE = objectWith(
  "a feature: an object with a name and a function create",
  { name: TEXT, create: FUNCTION },
  {
    requires: listOf(TEXT),
    uses: listOf(TEXT),
    settings: recordOf(SETTING),
    loadEntities: FUNCTION,
    migrations: listOf(MIGRATION),
    isOn: FUNCTION,
    findProblems: FUNCTION,
    commands: listOf(COMMAND),
  },
);

const ROUTE = objectWith(
  "a route: an object with method, path and handle",
  {
    method: is(`one of ${ROUTE_METHODS.join(", ")}`, (value) =>
      ROUTE_METHODS.some((method) => method === value),
    ),
    path: is("a path that starts with /", (value) => matches(value, /^\//)),
    handle: FUNCTION,
  },
  { isLogged: BOOLEAN, refusalBody: FUNCTION },
);

const JOB = objectWith("a job: an object with name, interval and run", {
  name: TEXT,
  interval: is(
    `a whole number of seconds from 1 to ${MAX_INTERVAL}`,
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_INTERVAL,
  ),
  run: FUNCTION,
});

const MEASUREMENT = objectWith(
  "a measurement: an object with name, help, kind and read",
  {
    name: is(
      "a name in snake case that does not start with gatehouse_, nodejs_ or process_",
      (value) => matches(value, /^(?!gatehouse_|nodejs_|process_)[a-z][a-z\d_]*$/),
    ),
    help: TEXT,
    kind: is("counter or gauge", (value) => value === "counter" || value === "gauge"),
    read: FUNCTION,
  },
  {
    labels: listOf(is("a name in snake case", (value) => matches(value, /^[a-z][a-z\d_]*$/))),
  },
);

const HOOK_NAMES: Readonly<Record<keyof Hooks, true>> = {
  beforeLogin: true,
  afterLogin: true,
  beforeRefresh: true,
  afterRefresh: true,
  beforeRegister: true,
  afterRegister: true,
  beforePasswordChange: true,
  afterPasswordChange: true,
  onUserDeleted: true,
};

export const HOOKS = Object.keys(HOOK_NAMES) as readonly (keyof Hooks)[];

const PARTS = objectWith(
  "an object with the parts of the feature",
  {},
  {
    api: OBJECT,
    resolvers: listOf(OBJECT),
    extension: objectWith("an object with typeDefs and resolvers", {
      typeDefs: TEXT,
      resolvers: OBJECT,
    }),
    transformSchema: FUNCTION,
    hooks: objectWith("an object", {}, Object.fromEntries(HOOKS.map((name) => [name, FUNCTION]))),
    onEvent: FUNCTION,
    routes: listOf(ROUTE),
    cors: objectWith("an object with allowedHeaders and credentials", {
      allowedHeaders: listOf(TEXT),
      credentials: BOOLEAN,
    }),
    jobs: listOf(JOB),
    measurements: listOf(MEASUREMENT),
    onResponse: FUNCTION,
    observeRequest: FUNCTION,
    prune: listOf(
      objectWith("an object with statement and parameters", {
        statement: TEXT,
        parameters: FUNCTION,
      }),
    ),
    exportUser: FUNCTION,
    announce: FUNCTION,
    close: FUNCTION,
  },
);

/** Returns a message for each malformed field of the features, such as `notes.create must be a function`. */
export function findMalformed(features: unknown): string[] {
  if (!Array.isArray(features)) return ["must be a list of features"];
  const items: unknown[] = Array.from(features);
  return items.flatMap((feature, index) => FEATURE(feature, findName(feature) ?? `[${index}]`));
}

export function findMalformedParts(feature: string, parts: unknown): string[] {
  return PARTS(parts, `${feature}.create()`);
}

/** Returns whether every command already has an option of this name. */
function isTakenOption(name: unknown): boolean {
  return name === "database" || name === "help";
}

function isTakenVariable(name: string): boolean {
  return OTHER_VARIABLES.includes(name.toUpperCase());
}

/**
 * Returns whether the check of a setting accepts the setting's default. Also returns true if the default has another
 * type than the values that the check accepts. For example, a check may turn the text `"5"` into the number 5. The
 * default is then a number, although the check accepts only text.
 */
function acceptsDefault({ check }: Setting): boolean {
  const { data } = check.safeParse(undefined);
  if (data === undefined) return true;
  const { error } = check.safeParse(data);
  return error === undefined || error.issues.some(({ code }) => code === "invalid_type");
}

/**
 * Returns whether the text is one SQL statement. SQLite would run only the first of several statements. `CREATE
 * TRIGGER` counts as one, although it contains statements that end with `;`.
 */
function isOneStatement(value: unknown): boolean {
  if (typeof value !== "string" || value.trim() === "") return false;
  if (/^\s*create\s+(or\s+replace\s+)?(temp(orary)?\s+)?trigger\b/i.test(value)) return true;
  const bare = value.replaceAll(
    /'[^']*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|\/\*.*?\*\//gs,
    (part) => (/^(--|\/\*)/.test(part) ? " " : "x"),
  );
  return !/;\s*[^\s;]/.test(bare);
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

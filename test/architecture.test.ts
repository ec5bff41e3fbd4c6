import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "@jest/globals";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { FEATURES as FEATURE_NAMES, requiredBy } from "./support/features.js";

const FEATURES = FEATURE_NAMES.map((name) => `features/${name}`);

/**
 * Returns whether the importer is a feature that requires or uses the imported feature. It may import the index and
 * the API types of that feature.
 */
function isRequired(imported = "", importer = ""): boolean {
  return (
    FEATURES.includes(importer) &&
    requiredBy(importer.replace("features/", "")).some((name) => imported === `features/${name}`)
  );
}

/** The files and folders of src, lowest first. Each may import only from the rows above its own. */
const ORDER = [
  [
    "errors",
    "sql",
    "progress",
    "graphql-package",
    "within-time",
    "spans",
    "accounts/role",
    "client",
    "verify",
  ],
  ["events", "accounts/user"],
  ["config"],
  ["maintenance"],
  ["accounts", "keys", "throttling"],
  ["tokens"],
  ["sessions"],
  ["authentication", "database"],
  ["permissions"],
  ["graphql"],
  [
    "features/read-body",
    "features/shape",
    "features/served-response",
    "features/route",
    "features/command-option",
  ],
  ["features/feature"],
  ["features/check-feature", "features/core-measurements", "features/feature-types"],
  ["features/named-errors"],
  ["features/compose", "features/create-core", "features/load", ...FEATURES],
  ["features/index"],
  ["apollo", "auth-api"],
  ["auth"],
  ["http"],
  ["commands", "create"],
  ["cli", "index"],
];

/** The packages that only one or two places may import. */
const RESTRICTED_PACKAGES: [packages: RegExp, doors: string[]][] = [
  [/^(sqlite3|better-sqlite3|pg|knex)$|^@mikro-orm\/(?!core$)/, ["database"]],
  [/^jsonwebtoken$/, ["tokens/jwt"]],
  [/^fastify$|^@fastify\//, ["http"]],
  [/^redis$/, ["throttling"]],
  [/^@node-rs\/argon2$/, ["accounts/password-hasher"]],
  [/^mysql2$/, ["features/import-django"]],
  [/^prom-client$/, ["features/metrics"]],
  [/^@opentelemetry\//, ["features/traces"]],
  [/^jose$/, ["verify"]],
  [/^(otpauth|qr)$/, ["features/second-factor"]],
  [/^@simplewebauthn\//, ["features/passkeys"]],
];

interface Import {
  /** Paths within src, without the extension. */
  from: string;
  to: string;
}

let files: string[];
/** The imports from file to file, type imports included. */
let imports: Import[];
let packageImports: Import[];
let cycles: string[];

beforeAll(async () => {
  const { output } = await cruise(["src"], {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    validate: true,
    ruleSet: { forbidden: [{ name: "no-cycles", from: {}, to: { circular: true } }] },
  });
  const { modules, summary } = output as ICruiseResult;
  files = modules.map(({ source }) => source).filter((source) => source.startsWith("src/"));
  const all = modules.flatMap(({ source, dependencies }) =>
    dependencies.map(({ module, resolved }) => ({ from: source, module, resolved })),
  );
  const isLocal = ({ resolved }: { resolved: string }) => resolved.startsWith("src/");
  imports = all
    .filter(isLocal)
    .map(({ from, resolved }) => ({ from: nameOf(from), to: nameOf(resolved) }));
  packageImports = all
    .filter((found) => !isLocal(found))
    .map(({ from, module }) => ({ from: nameOf(from), to: packageOf(module) }));
  cycles = summary.violations.map(({ from, to }) => `${from} -> ${to}`);
});

test("every file of src has its place in the import order", () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.map(nameOf).filter((file) => placeOf(file) === undefined)).toEqual([]);
});

test("the map of README.md lists the folders and files in the import order", () => {
  const map = [...readFileSync("README.md", "utf8").matchAll(/^\| `(\w+)(?:\/|\.ts)` /gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "client" && name !== "verify");
  // The place of a folder is that of its highest file. Other files may stand in lower rows.
  const rows = map.map((name) =>
    ORDER.findLastIndex((units) => units.some((unit) => isIn(unit, [name]))),
  );
  expect(map.length).toBeGreaterThan(15);
  expect(rows).toEqual(rows.toSorted((one, other) => one - other));
});

test("a file imports only from lower rows of the order, types included", () => {
  expect(imports.length).toBeGreaterThan(0);
  const wrong = imports.filter(({ from, to }) => {
    const importer = placeOf(from);
    const imported = placeOf(to);
    const isOpen = to === `${imported?.unit}/index` || to.endsWith(".type");
    if (isOpen && isRequired(imported?.unit, importer?.unit)) return false;
    return importer?.unit !== imported?.unit && (imported?.row ?? 0) >= (importer?.row ?? 0);
  });
  expect(wrong).toEqual([]);
});

test("no imports form a cycle, types included", () => {
  expect(cycles).toEqual([]);
});

test("entities do not import the library of the API, and API types do not import that of the database", () => {
  const wrong = packageImports.filter(
    ({ from, to }) =>
      (from.endsWith(".entity") && to === "type-graphql") ||
      (from.endsWith(".type") && to.startsWith("@mikro-orm/")),
  );
  expect(wrong).toEqual([]);
});

test("the database's driver, jsonwebtoken and the HTTP framework are each imported in one place", () => {
  expect(
    RESTRICTED_PACKAGES.flatMap(([packages]) =>
      packageImports.filter(({ to }) => packages.test(to)),
    ),
  ).not.toEqual([]);
  const wrong = RESTRICTED_PACKAGES.flatMap(([packages, doors]) =>
    packageImports.filter(({ from, to }) => packages.test(to) && !isIn(from, doors)),
  );
  expect(wrong).toEqual([]);
});

test("the client imports nothing else from src, and its core imports no package", () => {
  const outside = imports.filter(({ from, to }) => isIn(from, ["client"]) && !isIn(to, ["client"]));
  expect(outside).toEqual([]);
  const adapters = ["client/apollo", "client/urql", "client/react"];
  const fromClient = packageImports.filter(({ from }) => isIn(from, ["client"]));
  expect(fromClient.filter(({ from }) => !isIn(from, adapters))).toEqual([]);
  expect(fromClient.map(({ to }) => to)).toContain("react");
});

test("the verifier of other services imports nothing else from src, and only two packages", () => {
  const outside = imports.filter(({ from, to }) => isIn(from, ["verify"]) !== isIn(to, ["verify"]));
  expect(outside).toEqual([]);
  const packages = packageImports.filter(({ from }) => isIn(from, ["verify"]));
  expect([...new Set(packages.map(({ to }) => to))].toSorted()).toEqual(["jose", "lru-cache"]);
});

test("no file of the server imports the client, or packages that only the client needs", () => {
  const isServer = ({ from }: Import) => !isIn(from, ["client"]);
  expect(imports.filter(isServer).filter(({ to }) => isIn(to, ["client"]))).toEqual([]);
  const ofBrowsers = /^(react|react-dom|rxjs|urql|@apollo\/client|@urql\/.*)$/;
  expect(packageImports.filter(isServer).filter(({ to }) => ofBrowsers.test(to))).toEqual([]);
});

test("the environment is read in cli.ts only", () => {
  const readers = files.filter((file) => {
    const code = readFileSync(file, "utf8").replaceAll(/\/\*.*?\*\/|^\s*\/\/[^\n]*$/gms, "");
    return /\bprocess\s*(\.\s*env\b|\[)|["'](node:)?process["']/.test(code);
  });
  expect(readers).toEqual(["src/cli.ts"]);
});

test("no file of src has 250 lines or more, except generated ones", () => {
  const long = files.filter((file) => {
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    return lines.length >= 250 && !file.endsWith(".generated.ts");
  });
  expect(long).toEqual([]);
});

test("no folder of src has a name like utils or helpers", () => {
  const folders = readdirSync("src", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(folders.filter((name) => /^(utils?|common|helpers?|shared|lib|misc)$/.test(name))).toEqual(
    [],
  );
});

function placeOf(file: string): { row: number; unit: string } | undefined {
  for (const [row, units] of ORDER.entries()) {
    const unit = units.find((name) => isIn(file, [name]));
    if (unit !== undefined) return { row, unit };
  }
  return undefined;
}

function isIn(file: string, places: readonly string[]): boolean {
  return places.some((place) => file === place || file.startsWith(`${place}/`));
}

function nameOf(path: string): string {
  return path.replace(/^src\//, "").replace(/\.ts$/, "");
}

/** `@apollo/server/errors` belongs to the package `@apollo/server`. */
function packageOf(module: string): string {
  return module.split("/", module.startsWith("@") ? 2 : 1).join("/");
}

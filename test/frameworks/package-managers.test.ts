import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { APP, npm, runProgram, TARBALL } from "../installed/app.js";

/** The folder is not inside the application's folder, where Node would find the application's packages. */
const FOLDER = join(dirname(APP), "managers");
const MODULES = join(FOLDER, "node_modules");

/** The package managers, with their packages in the registry for this system. */
const MANAGERS = [
  "pnpm@10.34.9",
  "@yarnpkg/cli-dist@4.18.1",
  `@oven/bun-${process.platform}-${process.arch}@1.4.5`,
];

const PNPM = [process.execPath, join(MODULES, "pnpm/bin/pnpm.cjs")] as const;
const YARN = [process.execPath, join(MODULES, "@yarnpkg/cli-dist/bin/yarn.js")] as const;
const BUN = [join(MODULES, `@oven/bun-${process.platform}-${process.arch}/bin/bun`)] as const;
const NPM = ["npm"] as const;

type Command = readonly [string, ...string[]];

interface Manager {
  readonly name: string;
  readonly install: Command;
  /** The command that runs an installed package. */
  readonly exec: Command;
  readonly config?: Readonly<Record<string, string>>;
  /** The command that the error message tells users of this manager to run. */
  readonly cure: string;
}

const MANAGED: readonly Manager[] = [
  {
    name: "npm",
    install: [...NPM, "install", "--no-audit"],
    exec: [...NPM, "exec", "--", "gatehouse"],
    cure: "npm rebuild sqlite3 (npm)",
  },
  {
    name: "pnpm",
    install: [...PNPM, "install"],
    exec: [...PNPM, "exec", "gatehouse"],
    cure: "pnpm approve-builds (pnpm)",
  },
  {
    name: "yarn with node_modules",
    install: [...YARN, "install"],
    exec: [...YARN, "gatehouse"],
    config: { ".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\n" },
    cure: "(Yarn)",
  },
  {
    name: "yarn with Plug'n'Play",
    install: [...YARN, "install"],
    exec: [...YARN, "gatehouse"],
    config: { ".yarnrc.yml": "enableTelemetry: false\n" },
    cure: "(Yarn)",
  },
  {
    name: "bun",
    install: [...BUN, "install", "--ignore-scripts"],
    exec: [...BUN, "x", "gatehouse"],
    cure: "bun pm trust sqlite3 (Bun)",
  },
];

const SECRET_KEY = "p7Yk3mX9vQ2wLr8sTn4zBc6dFh1jGa5e-0UiOxWqAe";

beforeAll(async () => {
  await mkdir(FOLDER);
  await writeFile(join(FOLDER, "package.json"), "{}");
  const { code, stderr } = await npm(["install", "--no-audit", ...MANAGERS], FOLDER);
  if (code !== 0) throw new Error(stderr);
});

describe.each(MANAGED)("an application that $name installs", (manager) => {
  const project = join(FOLDER, manager.name.replaceAll(/\W+/g, "-"));

  const call = (command: Command, DATABASE_URL = "") =>
    runProgram(command, project, { SECRET_KEY, DATABASE_URL });

  beforeAll(async () => {
    await mkdir(project);
    const files = {
      "package.json": JSON.stringify({
        name: "application",
        private: true,
        type: "module",
        dependencies: { "graphql-gatehouse": `file:${TARBALL}`, graphql: "16.15.0" },
      }),
      // Without a lock file here, Yarn would look for a project in the folders above.
      "yarn.lock": "",
      ...manager.config,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(project, name), text);
    const { code, stdout, stderr } = await call(manager.install);
    if (code !== 0) throw new Error(stdout + stderr);
  });

  test("says in one line how to compile SQLite, if the manager has not compiled it", async () => {
    const { code, stderr } = await call(
      [...manager.exec, "migrate"],
      `sqlite:${join(project, "data.sqlite")}`,
    );
    expect(code).not.toBe(0);
    const lines = stderr.split("\n").filter((line) => line.startsWith("gatehouse:"));
    expect(lines).toEqual([
      expect.stringContaining("SQLite's driver is not compiled for this system."),
    ]);
    expect(lines[0]).toContain(manager.cure);
  });

  describePostgres("on PostgreSQL", () => {
    let home: TestDatabase;
    beforeEach(async () => {
      home = await createDatabase("postgresql");
    });
    afterEach(() => home.drop());

    test("runs the command, which needs no compiled SQLite", async () => {
      const { code, stdout, stderr } = await call([...manager.exec, "migrate"], home.url);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("gatehouse:")]);
      expect(stdout).toContain("The database is up to date.");
    });

    if (manager.name.includes("Plug'n'Play")) {
      test("says which page explains how to declare the drivers, unless they are declared", async () => {
        await writeFile(join(project, ".yarnrc.yml"), "enableTelemetry: false\n");
        await call(manager.install);
        const { code, stderr } = await call([...manager.exec, "migrate"], home.url);
        expect([code, stderr]).toEqual([
          1,
          expect.stringContaining(
            "gatehouse: The database's driver cannot be loaded: docs/installing.md",
          ),
        ]);
      });
    }
  });
});

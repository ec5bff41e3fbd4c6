import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import ts from "typescript";
import { FEATURES, withDependents } from "../support/features.js";
import { runNode } from "../support/node-process.js";

const ROOT = resolve(import.meta.dirname, "../..");
const LIST = join(ROOT, "src/features/index.ts");
/** Other tests write and delete files here meanwhile. */
const GENERATED = join(ROOT, "test/generated");
const SOURCES = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !/^(client|verify)\//.test(path))
  .map((path) => join(ROOT, "src", path));

const OPTIONS = readOptions();

/** Source files are parsed once for all programs, which differ in one file and one folder only. */
const parsed = new Map<string, ts.SourceFile | undefined>();

describe.each(FEATURES)("the feature %s", (feature) => {
  const deleted = withDependents(feature);
  const folders = deleted.map((name) => join(ROOT, "src/features", name, "/"));
  const outside = SOURCES.filter(
    (path) => !folders.some((folder) => path.startsWith(folder)) && path !== LIST,
  );

  test("is named only in its own folder, in features that require it, and in src/features/index.ts", () => {
    const { texts, options } = namesOf(feature);
    const found = outside.flatMap((path) => {
      const code = codeOf(path);
      const named = [
        ...texts.filter((name) => name.test(code)),
        ...options.filter((name) => name.test(withoutTexts(code))),
      ];
      return named.map((name) => `${path}: ${name}`);
    });
    expect(found).toEqual([]);
  });

  test("can be deleted together with its lines in src/features/index.ts, and the rest still compiles", () => {
    expect(compile(outside, without(deleted))).toEqual([]);
  });
});

test("a feature that is deleted without its lines does not compile", () => {
  const outside = SOURCES.filter((path) => !path.includes("/features/health/") && path !== LIST);
  expect(compile(outside, readFileSync(LIST, "utf8"))).not.toEqual([]);
});

test("the core's tests pass in a copy without any feature", async () => {
  const copy = await mkdtemp(join(tmpdir(), "core-"));
  try {
    for (const name of ["src", "test", ".ci", "package.json", "jest.config.js"]) {
      const filter = (path: string) => path !== GENERATED;
      await cp(join(ROOT, name), join(copy, name), { recursive: true, filter });
    }
    for (const name of FEATURES) await rm(join(copy, "src/features", name), { recursive: true });
    await writeFile(join(copy, "src/features/index.ts"), without(FEATURES));
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const tests = ["permissions/guards", "graphql/(logout|me|refresh|verify)", "sessions/limit"];
    const jest = join(copy, "node_modules/jest/bin/jest.js");
    const ended = await runNode(
      [
        "--experimental-vm-modules",
        "--no-warnings",
        jest,
        ...tests,
        "--maxWorkers=1",
        "--reporters=default",
      ],
      { cwd: copy, timeout: 150_000 },
    );
    if (ended.code !== 0) throw new Error(ended.stderr.slice(-4000));
    expect([ended.code, /^Tests: .*/m.exec(ended.stderr)?.[0]]).toEqual([
      0,
      expect.stringMatching(/^Tests: +[1-9]\d* passed/),
    ]);
  } finally {
    await rm(copy, { recursive: true });
  }
}, 180_000);

/**
 * Returns the names that code may use for a feature. `texts` are its folder and its variables, `options` those of its
 * settings.
 */
function namesOf(feature: string): { texts: RegExp[]; options: RegExp[] } {
  const text = readFileSync(join(ROOT, "src/features", feature, "index.ts"), "utf8");
  const [, settings = ""] = /^const settings = \{$(.*?)^\};$/ms.exec(text) ?? [];
  const options = [...settings.matchAll(/^ {2}(\w+):/gm)].map(([, option = ""]) => option);
  const variables = [...settings.matchAll(/variable: "(\w+)"/g)].map(([, name = ""]) => name);
  const toPattern = (name: string) => new RegExp(`\\b${name}\\b|${name}/`);
  return {
    texts: [`/${feature}/`, ...variables].map(toPattern),
    options: options.map(toPattern),
  };
}

/**
 * Returns code without its string literals, because the names of options are also words, such as in "recovery codes".
 */
function withoutTexts(code: string): string {
  return code
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replaceAll(/`[^`]*`/g, (text) => (text.match(/\$\{[^}]*\}/g) ?? []).join(" "));
}

/** Returns the code of a file without its comments, and without the paths of GitHub, which name no feature. */
function codeOf(path: string): string {
  const comments = /\/\*.*?\*\/|^\s*\/\/[^\n]*$/gms;
  return readFileSync(path, "utf8").replaceAll(comments, "").replaceAll("/login/oauth/", "");
}

/**
 * Returns the source of the list of features without some of them: without their imports and without their entries.
 */
function without(features: readonly string[]): string {
  const list = readFileSync(LIST, "utf8");
  return features.reduce((rest, feature) => {
    const [, name = ""] = new RegExp(`import \\{ (\\w+) \\} from "./${feature}/`).exec(rest) ?? [];
    const lines = rest.split("\n").filter((line) => !line.includes(`./${feature}/`));
    return lines
      .join("\n")
      .replace(/BUILT_IN: readonly .*?\];/s, (entries) =>
        entries.replaceAll(new RegExp(`(typeof )?\\b${name}\\b,?`, "g"), ""),
      );
  }, list);
}

/** The last compiled program. The next one checks only the files that differ or are affected. */
let last: ts.SemanticDiagnosticsBuilderProgram | undefined;

/** Returns the compiler's errors in the sources with another list of features. */
function compile(files: readonly string[], list: string): string[] {
  const host = ts.createCompilerHost(OPTIONS);
  const rest = new Set([...files, LIST]);
  const isGone = (path: string) => path.startsWith(join(ROOT, "src/")) && !rest.has(path);
  const program = ts.createSemanticDiagnosticsBuilderProgram(
    [...rest],
    OPTIONS,
    {
      ...host,
      fileExists: (path) => !isGone(path) && host.fileExists(path),
      getSourceFile: (path, version) => {
        if (path === LIST) return versioned(ts.createSourceFile(path, list, version, true));
        if (!parsed.has(path)) parsed.set(path, versioned(host.getSourceFile(path, version)));
        return parsed.get(path);
      },
    },
    last,
  );
  last = program;
  return [...program.getGlobalDiagnostics(), ...program.getSemanticDiagnostics()].map(
    ({ file, messageText }) =>
      `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
  );
}

/** Gives a file a version, by which the compiler sees whether the file has changed. */
function versioned<File extends ts.SourceFile | undefined>(file: File): File {
  return file && Object.assign(file, { version: ts.sys.createHash?.(file.text) });
}

function readOptions(): ts.CompilerOptions {
  const path = join(ROOT, "tsconfig.build.json");
  const { config } = ts.readConfigFile(path, (name) => ts.sys.readFile(name)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  // With isolated modules, the compiler would not check the importers of a changed file again.
  return { ...options, noEmit: true, isolatedModules: false, verbatimModuleSyntax: false };
}

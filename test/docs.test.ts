import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import ts from "typescript";

/** Matches a cell of a table such as `AB-1, AB-2: test/a.test.ts`. */
const HELD_BY = /\| ([A-Z]+-\d+(?:, [A-Z]+-\d+)*): (test\/\S+\.test\.ts) +\|/g;

const page = readFileSync("docs/security.md", "utf8");
const rows = [...page.matchAll(HELD_BY)].map(([, ids = "", file = ""]) => ({ ids, file }));

describe("each promise of docs/security.md", () => {
  test("names every test that holds it", () => {
    const promises = page
      .split("\n")
      .filter((line) => line.startsWith("| ") && line.includes("test/"));
    expect(promises.length).toBeGreaterThan(25);
    expect(rows).toHaveLength(promises.length);
  });

  test.each(rows)("$ids is held by tests of $file whose titles have the ids", ({ ids, file }) => {
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, "utf8");
    const missing = ids
      .split(", ")
      .filter((id) => !new RegExp(`["'\`][^"'\`\\n]*\\b${id}\\b[^\\n]*:`).test(text));
    expect(missing).toEqual([]);
  });
});

describe("README.md", () => {
  const readme = readFileSync("README.md", "utf8");
  const [, map = "", path = ""] =
    /^The map of `src`(.*?)^The path of one request(.*?)^MIT licence/ms.exec(readme) ?? [];

  test("has a line in its map for each folder and loose file of src, and no other", () => {
    const listed = [...map.matchAll(/^\| `(.+?)`/gm)].map(([, name = ""]) => name);
    const found = readdirSync("src", { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? `${entry.name}/` : entry.name,
    );
    expect(listed.toSorted()).toEqual(found.toSorted());
  });

  test("names only existing files in the path of one request", () => {
    const named = [...path.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = ""]) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !existsSync(`src/${name}`))).toEqual([]);
  });
});

/** The names that an `@example` may use without declaring or importing them. */
const GLOBALS = `
import type { GraphQLSchema } from "graphql";
import type { Auth, AuthContext } from "../src/index.js";
declare global {
  const auth: Auth;
  const context: AuthContext;
  const schema: GraphQLSchema;
  const user: { readonly id: string };
  const id: string, kid: string, password: string, secretKey: string, text: string, token: string, url: string;
}
`;
const IMPORTS = `
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { apolloOptions, createAuth, createServer, defineFeature, requireFresh, requireRole, requireSecondFactor, Vetoed } from "../src/index.js";
`;

describe("the examples in the comments of src", () => {
  test("compile under strict options", () => {
    const examples = readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.startsWith("client/"))
      .flatMap((file) => findExamples(file));
    expect(examples.map(({ file }) => file)).toContain("accounts/accounts.ts");
    expect(compile(examples)).toEqual([]);
  });
});

interface Example {
  /** The path within src. */
  file: string;
  code: string;
}

function findExamples(file: string): Example[] {
  const text = readFileSync(`src/${file}`, "utf8");
  const comments = text.match(/\/\*\*.*?\*\//gs) ?? [];
  return comments.flatMap((comment) => {
    const lines = comment.replaceAll(/^ *(\/\*\*|\*\/?) ?/gm, "");
    const found = lines.matchAll(/^@example\n(.*?)(?=^@|$(?![^]))/gms);
    return [...found].map(([, code = ""]) => ({ file, code }));
  });
}

/** Returns the compiler's errors, each with the file that contains the example. */
function compile(examples: readonly Example[]): string[] {
  const { config } = ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ".");
  const texts = new Map([["test/globals.ts", GLOBALS]]);
  const origins = new Map<string, string>();
  for (const [index, { file, code }] of examples.entries()) {
    texts.set(`test/example-${index}.ts`, IMPORTS + code);
    origins.set(`test/example-${index}.ts`, file);
  }
  const files = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...files,
    getSourceFile: (path, target, ...rest) => {
      const text = texts.get(path);
      if (text === undefined) return files.getSourceFile(path, target, ...rest);
      return ts.createSourceFile(path, text, target);
    },
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return [...origins].flatMap(([path, file]) => {
    const source = program.getSourceFile(path);
    const errors = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ];
    return errors.map(
      ({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
  });
}

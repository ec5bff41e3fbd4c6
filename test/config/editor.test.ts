import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import ts from "typescript";

const ROOT = resolve(import.meta.dirname, "../..");
const FILE = join(ROOT, "test/config/application.ts");

/** An application's code, which uses the types of the built package. */
const CODE = `
import { createAuth, createServer, defineFeature, setting } from "../../dist/index.js";

const notes = defineFeature({
  name: "notes",
  settings: {
    /** How many notes a user may keep. */
    notesPerUser: setting.wholeNumber({ from: 1, to: 100, default: 10 }),
  },
  create: (_core, { accessTokenLifetime, notesPerUser }) => ({
    api: { limit: accessTokenLifetime + notesPerUser },
  }),
});

export const auth = await createAuth({
  secretKey: "…",
  reuseWindow: 10,
  refreshCookie: true,
  features: [notes],
  notesPerUser: 5,
});
export const server = await createServer({
  secretKey: ["…", "…"],
  sessionLifetime: 3600,
  staticTokenLifetime: null,
  trustedProxies: ["10.0.0.0/8"],
  graphiql: false,
});
export const limit: number = auth.limit;
`;

let code = CODE;
let version = 0;
let service: ts.LanguageService;

/** Opens the code in TypeScript's language service, as an editor does. */
function openEditor(): ts.LanguageService {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) =>
    ts.sys.readFile(path),
  );
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const readFile = (path: string) => (path === FILE ? code : ts.sys.readFile(path));
  return ts.createLanguageService({
    readFile,
    getScriptFileNames: () => [FILE],
    getScriptVersion: (path) => (path === FILE ? version.toString() : "0"),
    getScriptSnapshot: (path) => {
      const text = readFile(path);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => ROOT,
    getCompilationSettings: () => options,
    getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
    fileExists: (path) => path === FILE || ts.sys.fileExists(path),
    directoryExists: (path) => ts.sys.directoryExists(path),
    getDirectories: (path) => ts.sys.getDirectories(path),
  });
}

/** Returns the problems that TypeScript finds when the file has this other code. */
function problemsOf(changed: string): string[] {
  code = changed;
  version += 1;
  return service
    .getSemanticDiagnostics(FILE)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/** Returns the text that an editor shows for the last use of a name in the code. */
function hover(name: string): { type: string; doc: string } {
  const at = CODE.lastIndexOf(`${name}:`);
  const info = service.getQuickInfoAtPosition(FILE, at + 1);
  return {
    type: ts.displayPartsToString(info?.displayParts),
    doc: ts.displayPartsToString(info?.documentation),
  };
}

beforeAll(() => {
  service = openEditor();
});

describe("an editor shows the sentence and the type of", () => {
  test.each([
    ["secretKey", /: string \| readonly string\[\]$/, /^The root secret\. /],
    [
      "reuseWindow",
      /\?: number \| undefined$/,
      /^How long a client may send a replaced refresh token again/,
    ],
    ["sessionLifetime", /\?: number \| undefined$/, /^How long a session lasts in total\./],
    ["staticTokenLifetime", /\?: number \| null \| undefined$/, /^How long a static token lives\./],
    ["trustedProxies", /\?: readonly string\[\] \| undefined$/, /^The addresses or CIDR ranges /],
    ["refreshCookie", /\?: boolean \| undefined$/, /^Whether refresh tokens are sent in a cookie/],
    ["graphiql", /\?: boolean \| undefined$/, /^Whether GraphiQL is served/],
    ["notesPerUser", /\?: number \| undefined$/, /^How many notes a user may keep\.$/],
  ])("the option %s", (name, type, doc) => {
    expect(hover(name)).toEqual({
      type: expect.stringMatching(type),
      doc: expect.stringMatching(doc),
    });
  });

  test("every other option, as a completion", () => {
    const at = CODE.indexOf("  refreshCookie: true");
    const offered = service.getCompletionsAtPosition(FILE, at, {})?.entries ?? [];
    const names = offered.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["accessTokenLifetime", "graphiql", "onEvent"]));
    const bare = names.filter((name) => {
      const details = service.getCompletionEntryDetails(
        FILE,
        at,
        name,
        {},
        undefined,
        {},
        undefined,
      );
      return ts.displayPartsToString(details?.documentation) === "";
    });
    expect(bare).toEqual([]);
  });

  test("a value of the configuration that a feature gets", () => {
    const at = CODE.indexOf("accessTokenLifetime,");
    const info = service.getQuickInfoAtPosition(FILE, at + 1);
    expect(ts.displayPartsToString(info?.displayParts)).toMatch(/: number$/);
    const use = service.getDefinitionAtPosition(FILE, at + 1)?.[0];
    expect(use?.name).toBe("accessTokenLifetime");
  });
});

test("the application compiles, and does not without a secret or with a misspelt option", () => {
  expect(problemsOf(CODE)).toEqual([]);
  expect(problemsOf(CODE.replace('secretKey: "…",', ""))).toEqual([
    expect.stringContaining("'secretKey' is missing"),
  ]);
  expect(problemsOf(CODE.replace("reuseWindow", "reuseWindw"))).toEqual([
    expect.stringContaining("reuseWindw"),
  ]);
});

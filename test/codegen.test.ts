import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runNode } from "./support/node-process.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const USES = `${ROOT}test/generated/uses`;

/** Declarations of a frontend and of an embedding server, which the code below needs. */
const PRELUDE = `
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { LoginDocument, MeDocument } from "../client/graphql";
import type { Resolvers, User } from "../resolvers";
declare function execute<Data, Variables>(query: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>;
declare const ada: User;
`;

const RIGHT = `
const { login } = await execute(LoginDocument, { username: "ada", password: "secret", scheme: "TOKEN" });
const { me } = await execute(MeDocument, {});
export const result: [string | null | undefined, string, "USER" | "ADMIN"] = [login.access, me.id, me.profile.role];
export const resolvers: Resolvers = { Query: { me: () => ada }, User: { username: ({ username }) => username } };
`;

const WRONG = [
  [
    "a misspelt field of a response",
    2551,
    "export const { name } = { name: (await execute(MeDocument, {})).me.usernam };",
  ],
  [
    "a variable of the wrong type",
    2322,
    'await execute(LoginDocument, { username: "ada", password: 1 });',
  ],
  [
    "a misspelt variable",
    2561,
    'await execute(LoginDocument, { usernam: "ada", password: "secret" });',
  ],
  ["a missing variable", 2345, 'await execute(LoginDocument, { username: "ada" });'],
  [
    "a scheme that is not in the enum",
    2322,
    'await execute(LoginDocument, { username: "ada", password: "secret", scheme: "COOKIE" });',
  ],
  [
    "a resolver of a misspelt field",
    2353,
    "export const resolvers: Resolvers = { Query: { mee: () => ada } };",
  ],
  [
    "a resolver with the wrong result",
    2322,
    'export const resolvers: Resolvers = { User: { createdAt: () => "today" } };',
  ],
] as const;

const OPTIONS = {
  compilerOptions: {
    target: "ES2022",
    module: "ESNext",
    moduleResolution: "Bundler",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  },
  include: ["*.ts"],
};

let errors: string[];

beforeAll(async () => {
  const codegen = await runNode([inModules("@graphql-codegen/cli/cjs/bin.js")], { cwd: ROOT });
  if (codegen.code !== 0) throw new Error(codegen.stderr);
  await mkdir(USES, { recursive: true });
  await writeFile(`${USES}/tsconfig.json`, JSON.stringify(OPTIONS));
  await writeFile(`${USES}/right.ts`, PRELUDE + RIGHT);
  for (const [index, [, , use]] of WRONG.entries()) {
    await writeFile(`${USES}/wrong-${index}.ts`, PRELUDE + use);
  }
  const compiler = await runNode([inModules("typescript/bin/tsc"), "-p", "."], { cwd: USES });
  errors = compiler.stdout.split("\n").filter((line) => line.includes("error TS"));
}, 120_000);

afterAll(() => rm(USES, { recursive: true, force: true }));

describe("the types that codegen makes from schema.graphql", () => {
  test("compile under strict options, together with correct code", () => {
    expect(errors.filter((line) => !line.startsWith("wrong-"))).toEqual([]);
  });

  test.each(WRONG.map(([what, code], index) => ({ what, code, index })))(
    "reject $what",
    ({ code, index }) => {
      const found = errors.filter((line) => line.startsWith(`wrong-${index}.ts`));
      expect(found).toEqual([expect.stringContaining(`error TS${code}:`)]);
    },
  );
});

function inModules(path: string): string {
  return `${ROOT}node_modules/${path}`;
}

import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { build } from "esbuild";
import { ROOT } from "../support/command.js";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";
import { APP, copyApp, npm, runTool, STRICT } from "./app.js";

/** A copy of the application with the code generator, which must find the application's graphql. */
const PROJECT = `${APP}-pages`;
const IN_DOCS = "http://127.0.0.1:4000";

/** The files that the React and React Native blocks need to run. */
const SUPPORT_FILES = {
  "page.tsx": `import { renderToString } from "react-dom/server";
import { App } from "./app";
console.log(renderToString(<App />));`,
  "phone.ts": `import { auth } from "./native";
const { user } = await auth.login("ada", "correct horse battery staple");
console.log(user?.username, auth.getSession().hasStorageFailed);`,
  "keychain.ts": `import { auth } from "./secure";
const { user } = await auth.login("ada", "correct horse battery staple");
console.log(user?.username, auth.getSession().hasStorageFailed);`,
  "urql-page.tsx": `import { AuthProvider } from "graphql-gatehouse/react";
import { renderToString } from "react-dom/server";
import { useClient } from "urql";
import { auth } from "./auth";
import { UrqlProvider } from "./urql-provider";
const Shown = () => <p>{useClient().constructor.name}</p>;
console.log(renderToString(<AuthProvider client={auth}><UrqlProvider><Shown /></UrqlProvider></AuthProvider>));`,
  "async-storage.ts": `const entries = new Map<string, string>();
export default {
  getItem: async (key: string): Promise<string | null> => entries.get(key) ?? null,
  setItem: async (key: string, value: string): Promise<void> => void entries.set(key, value),
  removeItem: async (key: string): Promise<void> => void entries.delete(key),
};`,
  "secure-store.ts": `import storage from "./async-storage";
const check = (key: string): string => {
  if (!/^[\\w.-]+$/.test(key)) throw new Error("Invalid key");
  return key;
};
export const getItemAsync = async (key: string) => storage.getItem(check(key));
export const setItemAsync = async (key: string, value: string) => storage.setItem(check(key), value);
export const deleteItemAsync = async (key: string) => storage.removeItem(check(key));`,
};

const OPTIONS = {
  compilerOptions: {
    ...STRICT,
    // The declarations of @apollo/client contradict themselves under exactOptionalPropertyTypes.
    skipLibCheck: true,
    lib: ["ES2022", "DOM"],
    module: "ESNext",
    moduleResolution: "Bundler",
    jsx: "react-jsx",
    types: [],
    paths: {
      "@react-native-async-storage/async-storage": ["./async-storage.ts"],
      "expo-secure-store": ["./secure-store.ts"],
    },
  },
  include: ["*.ts", "*.tsx"],
};

const gate = setUpGate();
let blocks: Map<string, string>;

beforeAll(async () => {
  await gate.user("ada");
  await copyApp("pages");
  const { devDependencies } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8"));
  const name = "@graphql-codegen/cli";
  const installed = await npm(["install", `${name}@${devDependencies[name]}`], PROJECT);
  if (installed.code !== 0) throw new Error(installed.stderr);
  blocks = blocksOf(await readFile(`${ROOT}docs/clients.md`, "utf8"));
  await writeFile(`${PROJECT}/tsconfig.json`, JSON.stringify(OPTIONS));
  for (const [name, code] of [...blocks, ...Object.entries(SUPPORT_FILES)]) {
    await writeFile(`${PROJECT}/${name}`, code.replaceAll(IN_DOCS, gate.url));
  }
  const { code, stderr } = await runNode([`node_modules/${name}/cjs/bin.js`], {
    cwd: PROJECT,
    timeout: 100_000,
  });
  if (code !== 0) throw new Error(stderr);
});

describe("docs/clients.md", () => {
  test("names all its blocks, and they compile together under strict options", async () => {
    expect([...blocks.keys()]).toEqual([
      "auth.ts",
      "fetch.ts",
      "apollo.ts",
      "urql.ts",
      "urql-provider.tsx",
      "graphql-request.ts",
      "app.tsx",
      "native.ts",
      "secure.ts",
      "codegen.yml",
      "typed.ts",
    ]);
    expect((await runTool("typescript/bin/tsc", ["-p", "."], PROJECT)).stdout).toBe("");
  });

  test.each([
    ["fetch.ts", "ada\n{ data: { me: { username: 'ada' } } }\n"],
    ["apollo.ts", /username: 'ada'[^]*\nnull\n$/],
    ["urql.ts", /username: 'ada'/],
    ["graphql-request.ts", /username: 'ada'/],
    ["typed.ts", "ada USER\n"],
    ["page.tsx", "<p>One moment…</p>\n"],
    ["urql-page.tsx", "<p>Client</p>\n"],
    ["phone.ts", "ada false\n"],
    ["keychain.ts", "ada false\n"],
  ])("%s runs against a server, and prints what it should", async (name, output) => {
    await build({
      entryPoints: [`${PROJECT}/${name}`],
      outfile: `${PROJECT}/${name}.mjs`,
      bundle: true,
      format: "esm",
      packages: "external",
      jsx: "automatic",
      alias: {
        "@react-native-async-storage/async-storage": `${PROJECT}/async-storage.ts`,
        "expo-secure-store": `${PROJECT}/secure-store.ts`,
      },
    });
    const { stdout, stderr, code } = await runNode([`${name}.mjs`], { cwd: PROJECT });
    expect([code, stderr]).toEqual([0, ""]);
    if (typeof output === "string") expect(stdout).toBe(output);
    else expect(stdout).toMatch(output);
  });
});

/** Returns the fenced blocks of a page by the file name in their first line. */
function blocksOf(page: string): Map<string, string> {
  const found = page.matchAll(/^```\w+\n(?:\/\/|#) (\S+)\n(.*?)^```$/gms);
  return new Map([...found].map(([, name = "", code = ""]) => [name, code]));
}

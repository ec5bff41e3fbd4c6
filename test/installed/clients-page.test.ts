import { mkdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { build, type Plugin } from "esbuild";
import { ROOT } from "../support/command.js";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";
import { APP, copyApp, npm, runTool, STRICT } from "./app.js";

/** A copy of the application with the code generators, which must find the application's graphql. */
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
  include: ["**/*.ts", "**/*.tsx"],
};

/** Replaces Relay's tags with the output of its compiler, as Relay's plugins for Babel and SWC do. */
const relayTags: Plugin = {
  name: "relay-tags",
  setup(build) {
    build.onLoad({ filter: /\/relay\/\w+\.ts$/ }, async ({ path }) => {
      const code = await readFile(path, "utf8");
      const compiled = 'require("./__generated__/$1.graphql").default';
      return { loader: "ts", contents: code.replace(/graphql`\s*\w+ (\w+)[^`]*`/g, compiled) };
    });
  },
};

const gate = setUpGate();
let blocks: Map<string, string>;

beforeAll(async () => {
  await gate.user("ada");
  await copyApp("pages");
  const { devDependencies } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8"));
  const needed = ["@graphql-codegen/cli", "gql.tada", "relay-runtime"];
  const exact = needed.map((name) => `${name}@${devDependencies[name]}`);
  const installed = await npm(["install", ...exact], PROJECT);
  if (installed.code !== 0) throw new Error(installed.stderr);
  blocks = blocksOf(await readFile(`${ROOT}docs/clients.md`, "utf8"));
  for (const folder of ["relay", "tada"]) await mkdir(`${PROJECT}/${folder}`);
  for (const [name, code] of [...blocks, ...Object.entries(SUPPORT_FILES)]) {
    await writeFile(`${PROJECT}/${name}`, code.replaceAll(IN_DOCS, gate.url));
  }
  const { plugins } = JSON.parse(blocks.get("tsconfig.json") ?? "").compilerOptions;
  const compilerOptions = { ...OPTIONS.compilerOptions, plugins };
  await writeFile(`${PROJECT}/tsconfig.json`, JSON.stringify({ ...OPTIONS, compilerOptions }));
  for (const { code, stdout, stderr } of [
    await runNode(["node_modules/@graphql-codegen/cli/cjs/bin.js"], {
      cwd: PROJECT,
      timeout: 100_000,
    }),
    await runTool("relay-compiler/cli.js", [], PROJECT),
    await runTool("gql.tada/bin/cli.js", ["generate-output"], PROJECT),
  ]) {
    if (code !== 0) throw new Error(stdout + stderr);
  }
}, 300_000);

describe("docs/clients.md", () => {
  test("names all its blocks, and they compile together under strict options", async () => {
    expect([...blocks.keys()]).toEqual([
      "auth.ts",
      "fetch.ts",
      "account.ts",
      "login-codes.ts",
      "external-logins.ts",
      "second-step.tsx",
      "step-up.ts",
      "apollo.ts",
      "urql.ts",
      "urql-provider.tsx",
      "graphql-request.ts",
      "app.tsx",
      "native.ts",
      "secure.ts",
      "codegen.yml",
      "typed.ts",
      "relay.config.json",
      "relay/me.ts",
      "tsconfig.json",
      "tada/me.ts",
    ]);
    expect((await runTool("typescript/bin/tsc", ["-p", "."], PROJECT)).stdout).toBe("");
  });

  test.each([
    ["fetch.ts", "ada\n{ data: { me: { username: 'ada' } } }\n"],
    ["account.ts", "Open the link in the mail\n"],
    ["apollo.ts", /username: 'ada'[^]*\nnull\n$/],
    ["urql.ts", /username: 'ada'/],
    ["graphql-request.ts", /username: 'ada'/],
    ["typed.ts", "ada USER\n"],
    ["relay/me.ts", /^ada 20\d\d\n$/],
    ["tada/me.ts", /^ada 20\d\d\n$/],
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
      // Node finds no named exports in relay-runtime, so the package is bundled, as on a page.
      packages: name.startsWith("relay/") ? "bundle" : "external",
      plugins: [relayTags],
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

/**
 * Returns the fenced blocks of a page by file name. The name is in a block's title or first line; JSON needs the
 * title.
 */
function blocksOf(page: string): Map<string, string> {
  const found = page.matchAll(/^```\w+(?: title="|\n(?:\/\/|#) )([^\s"]+)"?\n(.*?)^```$/gms);
  return new Map([...found].map(([, name = "", code = ""]) => [name, code]));
}

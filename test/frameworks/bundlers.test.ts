import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";
import { copyApp, npm } from "../installed/app.js";

const SERVER = `import { createServer } from "graphql-gatehouse";
const { SECRET_KEY, DATABASE_URL } = process.env;
const server = await createServer({ secretKey: SECRET_KEY, databaseUrl: DATABASE_URL, port: 0, logLevel: "silent" });
const response = await fetch(server.url + "/graphql", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ query: "{ me { username } }" }),
});
console.log((await response.json()).errors[0].extensions.reason);
await server.close();`;

const CLIENT = `import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createAuthClient } from "graphql-gatehouse/client";
import { AuthProvider, useAuth } from "graphql-gatehouse/react";
const auth = createAuthClient({ url: URL_OF_THE_SERVER, storage: "memory" });
console.log((await auth.login("ada", "correct horse battery staple")).user.username);
const Status = () => createElement("p", null, useAuth().status);
console.log(renderToString(createElement(AuthProvider, { client: auth }, createElement(Status))));`;

/** In milliseconds. Long, because the machine may be busy. */
const TIMEOUT = 100_000;

/** The packages that docs/installing.md says to leave out of a bundle. */
const EXTERNAL = ["graphql-gatehouse", "graphql"];

const WEBPACK = `import { fileURLToPath } from "node:url";
const shared = {
  mode: "production",
  experiments: { outputModule: true },
  output: { module: true, path: fileURLToPath(new URL("out", import.meta.url)), filename: "[name]-webpack.mjs" },
};
export default [
  { ...shared, target: "node20", entry: { server: "./server.mjs" }, externalsType: "module", externals: ${JSON.stringify(EXTERNAL)} },
  { ...shared, target: ["web", "es2022"], entry: { client: "./client.mjs" } },
];`;

const VITE = `export default {
  logLevel: "error",
  build: {
    outDir: "out",
    emptyOutDir: false,
    target: "es2022",
    rollupOptions: { output: { entryFileNames: "[name]-vite.mjs" } },
  },
};`;

const external = EXTERNAL.map((name) => `--external:${name}`);
const ESBUILD = ["node_modules/esbuild/bin/esbuild", "--bundle", "--format=esm"];
const VITE_BUILD = ["node_modules/vite/bin/vite.js", "build"];

/**
 * The commands by which each tool bundles server.mjs and client.mjs, into `out/server-NAME.mjs` and
 * `out/client-NAME.mjs`.
 */
const BUILDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  esbuild: [
    [...ESBUILD, "--platform=node", ...external, "server.mjs", "--outfile=out/server-esbuild.mjs"],
    [...ESBUILD, "client.mjs", "--outfile=out/client-esbuild.mjs"],
  ],
  webpack: [["node_modules/webpack-cli/bin/cli.js"]],
  vite: [
    [...VITE_BUILD, "--ssr", "server.mjs"],
    [...VITE_BUILD, "--config", "vite.client.mjs"],
  ],
};

const gate = setUpGate();
let folder: string;

beforeAll(async () => {
  await gate.user("ada");
  folder = await copyApp("bundlers");
  const files = {
    "server.mjs": SERVER,
    "client.mjs": CLIENT.replace("URL_OF_THE_SERVER", JSON.stringify(`${gate.url}/graphql`)),
    "webpack.config.mjs": WEBPACK,
    "vite.config.mjs": VITE,
    "vite.client.mjs": VITE.replace("rollupOptions: {", 'rollupOptions: { input: "client.mjs",'),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  // The versions are exact, because the tests should change only with the code.
  const tools = ["esbuild@0.28.2", "webpack@5.113.0", "webpack-cli@7.3.1", "vite@8.3.8"];
  const { code, stderr } = await npm(["install", "--no-save", "--no-audit", ...tools], folder);
  if (code !== 0) throw new Error(stderr);
});

describe.each(Object.keys(BUILDS))("a bundle by %s", (tool) => {
  beforeAll(async () => {
    for (const command of BUILDS[tool] ?? []) {
      const { code, stdout, stderr } = await runNode(command, { cwd: folder, timeout: TIMEOUT });
      if (code !== 0) throw new Error(stdout + stderr);
    }
  });

  test("of a server runs without the packages that docs/installing.md says to leave out", async () => {
    const ended = await runNode([`out/server-${tool}.mjs`], {
      cwd: folder,
      timeout: TIMEOUT,
      env: {
        SECRET_KEY: "p7Yk3mX9vQ2wLr8sTn4zBc6dFh1jGa5e-0UiOxWqAe",
        DATABASE_URL: `sqlite:${join(folder, `${tool}.sqlite`)}`,
      },
    });
    expect(ended).toEqual({ code: 0, stdout: "no_credentials\n", stderr: "" });
  });

  test("of the client logs in, and its hook works, although the bundler is not told to use one copy of React", async () => {
    const ended = await runNode([`out/client-${tool}.mjs`], { cwd: folder, timeout: TIMEOUT });
    // A hook renders `loading` outside a browser. With two copies of React it would throw.
    expect(ended).toEqual({ code: 0, stdout: "ada\n<p>loading</p>\n", stderr: "" });
  });
});

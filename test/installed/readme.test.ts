import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { transform } from "esbuild";
import { startNode, waitForLine } from "../support/node-process.js";
import { APP, PACKAGE, runTool, STRICT } from "./app.js";

const PROJECT = `${APP}/readme`;

/** The names that a block may use without declaring them. */
const GLOBALS = `import type { Auth } from "graphql-gatehouse";
declare global {
  const auth: Auth;
  const user: { readonly id: string };
  const app: import("express").Express;
}`;

/** Lets the system pick a free port, and prints it. */
const ANY_PORT = `import { Server } from "node:net";
const { listen } = Server.prototype;
Server.prototype.listen = function (options, ...rest) {
  this.once("listening", () => console.log("Port " + this.address().port));
  return listen.call(this, { ...options, port: 0 }, ...rest);
};`;

let blocks: string[];
let server: ChildProcess | undefined;

beforeAll(async () => {
  const page = await readFile(`${PACKAGE}/README.md`, "utf8");
  blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  await mkdir(PROJECT);
  await writeFile(`${PROJECT}/package.json`, JSON.stringify({ type: "module" }));
});

afterAll(() => {
  server?.kill();
});

test("each block of README.md compiles under strict options", async () => {
  expect(blocks.length).toBeGreaterThan(3);
  await writeFile(`${PROJECT}/globals.ts`, GLOBALS);
  for (const [index, code] of blocks.entries()) {
    await writeFile(`${PROJECT}/block-${index}.ts`, code);
  }
  const compilerOptions = { ...STRICT, module: "NodeNext", types: ["node"] };
  await writeFile(`${PROJECT}/tsconfig.json`, JSON.stringify({ compilerOptions }));
  expect((await runTool("typescript/bin/tsc", ["-p", "."], PROJECT)).stdout).toBe("");
});

test("the block that embeds Gatehouse in a schema runs: its own field is closed, and login is open", async () => {
  const [embed = ""] = blocks.filter((code) => code.includes("createAuth("));
  const { code } = await transform(embed, { loader: "ts" });
  await writeFile(`${PROJECT}/server.js`, code);
  await writeFile(`${PROJECT}/any-port.js`, ANY_PORT);
  server = startNode(["--import", "./any-port.js", "server.js"], {
    cwd: PROJECT,
    env: { SECRET_KEY: randomBytes(32).toString("base64url") },
    timeout: 60_000,
  }).child;
  const [, port = ""] = await waitForLine(server, /^Port (\d+)$/m);
  const ask = async (query: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query }),
    });
    const { errors } = (await response.json()) as any;
    return errors[0].extensions.reason;
  };
  expect(await ask("{ salaries }")).toBe("no_credentials");
  const login = 'mutation { login(username: "ada", password: "wrong") { access } }';
  expect(await ask(login)).toBe("invalid_credentials");
});

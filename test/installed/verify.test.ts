import { writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { build } from "esbuild";
import { setUpGate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";
import { APP } from "./app.js";

const gate = setUpGate();

/** Prints the package of each module that is loaded, apart from those of Node. */
const HOOK = `export async function resolve(name, context, next) {
  const resolved = await next(name, context);
  const [, loaded] = /.*node_modules\\/((?:@[^/]+\\/)?[^/]+(?:\\/dist\\/verify)?)/.exec(resolved.url) ?? [];
  if (!name.startsWith("./")) process._rawDebug(loaded ?? resolved.url);
  return resolved;
}`;

test("graphql-gatehouse/verify loads jose and lru-cache, and nothing of the server", async () => {
  const code = `import { register } from "node:module";
  register("data:text/javascript," + encodeURIComponent(${JSON.stringify(HOOK)}));
  const { createVerifier } = await import("graphql-gatehouse/verify");
  const jwksUrl = "${gate.url}/.well-known/jwks.json";
  const verifier = createVerifier({ issuer: "gatehouse", audience: "gatehouse", jwksUrl });
  const { claims } = await verifier.verify(process.argv[1]);
  console.log(claims.sub);`;
  const ada = await gate.user("ada");
  const { access } = await gate.issue(ada);
  const run = await runNode(["--input-type=module", "-e", code, access], {
    cwd: APP,
    timeout: 60_000,
  });
  expect(run).toMatchObject({ code: 0, stdout: `${ada}\n` });
  const loaded = new Set(
    run.stderr
      .trim()
      .split("\n")
      .filter((name) => !name.startsWith("node:")),
  );
  expect([...loaded].toSorted()).toEqual(["graphql-gatehouse/dist/verify", "jose", "lru-cache"]);
});

test("graphql-gatehouse/verify can be bundled for a runtime that has no modules of Node", async () => {
  await writeFile(`${APP}/worker.js`, `export { createVerifier } from "graphql-gatehouse/verify";`);
  const { outputFiles, warnings } = await build({
    absWorkingDir: APP,
    entryPoints: ["worker.js"],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "silent",
  });
  expect(warnings).toEqual([]);
  expect(outputFiles[0]?.text).not.toMatch(/from "node:|require\("node:/);
});

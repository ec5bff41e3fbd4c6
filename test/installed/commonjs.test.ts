import { mkdir, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { runNode } from "../support/node-process.js";
import { APP, runTool } from "./app.js";

const PROJECT = `${APP}/commonjs`;

const REQUIRES = `
const { createAuth } = require("graphql-gatehouse");
const { graphql } = require("graphql");
exports.run = async () => {
  const secretKey = require("node:crypto").randomBytes(32).toString("base64url");
  const auth = await createAuth({ databaseUrl: "sqlite:data/" + process.pid + ".sqlite", secretKey });
  const contextValue = await auth.createContext();
  const { errors } = await graphql({ schema: auth.schema, source: "{ me { id } }", contextValue });
  await auth.close();
  return errors[0].extensions.reason;
};`;

const ENTRIES = ["", "/client", "/react", "/apollo", "/urql", "/verify"].map(
  (path) => `graphql-gatehouse${path}`,
);

beforeAll(async () => {
  await mkdir(PROJECT);
  await writeFile(`${PROJECT}/app.js`, REQUIRES);
});

describe("in CommonJS", () => {
  test("Node gets the package by `require`, without a warning", async () => {
    await writeFile(`${PROJECT}/main.js`, 'require("./app.js").run().then(console.log)');
    const { stdout, stderr } = await runNode(["main.js"], { cwd: PROJECT, timeout: 60_000 });
    expect([stdout, stderr]).toEqual(["no_credentials\n", ""]);
  });

  test("`require` and `import` in one process get the same copy of the package and of graphql", async () => {
    const lines = [...ENTRIES, "graphql"].map(
      (name) =>
        `import("${name}").then((it) => console.log("${name}", Object.keys(require("${name}")).every((key) => require("${name}")[key] === it[key])));`,
    );
    await writeFile(`${PROJECT}/same.js`, lines.join("\n"));
    const { stdout } = await runNode(["same.js"], { cwd: PROJECT, timeout: 60_000 });
    const same = [...ENTRIES, "graphql"].map((name) => `${name} true`);
    expect(stdout.trim().split("\n").toSorted()).toEqual(same.toSorted());
  });

  test("Jest gets the package by `require`, without options for ES modules", async () => {
    const entries = ENTRIES.map((name) => `require("${name}");`).join("\n");
    await writeFile(
      `${PROJECT}/app.test.js`,
      `${entries}
      test("runs", async () => expect(await require("./app.js").run()).toBe("no_credentials"));`,
    );
    await writeFile(`${PROJECT}/jest.config.json`, "{}");
    const { code, stderr } = await runTool("jest/bin/jest.js", ["-c", "jest.config.json"], PROJECT);
    expect(stderr).toMatch(/^Tests: +1 passed, 1 total$/m);
    expect(code).toBe(0);
  });

  test("tools can read its package.json", async () => {
    const script = 'console.log(require("graphql-gatehouse/package.json").name)';
    const { stdout } = await runNode(["-e", script], { cwd: PROJECT });
    expect(stdout).toBe("graphql-gatehouse\n");
  });
});

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { expectOneLine, ROOT } from "../support/command.js";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { type Ended, runNode } from "../support/node-process.js";
import { APP, copyApp, npm, PACKAGE, TARBALL } from "./app.js";

const SECRET_KEY = randomBytes(32).toString("base64url");

const gate = setUpGate();

/** Runs a module in a folder, and returns the message of its first error. */
async function messageOf(code: string, cwd: string, mode = "development"): Promise<string> {
  await writeFile(`${cwd}/module.mjs`, code);
  const run = `import("./module.mjs").then(() => console.log("no error"), ({ message }) => console.log(message)).finally(() => process.exit())`;
  const env = { SECRET_KEY, NODE_ENV: mode };
  return (await runNode(["-e", run], { cwd, env, timeout: 60_000 })).stdout.trim();
}

describe.each(["development", "production"])("where NODE_ENV is %s", (mode) => {
  /** The package is linked to this clone, so it brings a second graphql and a second React. */
  const linked = `${APP}/linked-${mode}`;
  const TWO_COPIES =
    /^There are two copies of graphql: Gatehouse uses one, and the schema .* was built with the other\. .*`npm ls graphql`/;

  beforeAll(async () => {
    await mkdir(`${linked}/node_modules`, { recursive: true });
    await symlink(ROOT, `${linked}/node_modules/graphql-gatehouse`);
  });

  test("the README's server refuses a second graphql by name if the package is a link", async () => {
    const readme = await readFile(`${PACKAGE}/README.md`, "utf8");
    const [, embed = ""] = /^```ts\n([^`]*createAuth\(.*?)^```$/ms.exec(readme) ?? [];
    expect(await messageOf(embed.replaceAll("!", ""), linked, mode)).toMatch(TWO_COPIES);
  });

  test("apolloOptions refuses a schema of another graphql by name", async () => {
    const code = `import { buildSchema } from "graphql";
    import { apolloOptions } from "graphql-gatehouse";
    apolloOptions(buildSchema("type Query { a: Int }"));`;
    expect(await messageOf(code, linked, mode)).toMatch(TWO_COPIES);
  });

  test("createAuth refuses a second graphql inside its own package", async () => {
    const nested = `${APP}/nested-${mode}`;
    const target = `${nested}/node_modules/graphql-gatehouse`;
    await cp(PACKAGE, target, { recursive: true });
    await cp(`${APP}/node_modules/graphql`, `${target}/node_modules/graphql`, { recursive: true });
    const code = `import { createAuth } from "graphql-gatehouse";
    await createAuth({ secretKey: process.env.SECRET_KEY });`;
    expect(await messageOf(code, nested, mode)).toMatch(TWO_COPIES);
  });

  test("AuthProvider and useAuth refuse a second React by name", async () => {
    for (const component of ["AuthProvider", "() => useAuth().status"]) {
      const code = `import { createElement } from "react";
      import { renderToString } from "react-dom/server";
      import { createAuthClient } from "graphql-gatehouse/client";
      import { AuthProvider, useAuth } from "graphql-gatehouse/react";
      const client = createAuthClient({ url: "http://127.0.0.1:4000/graphql" });
      renderToString(createElement(${component}, { client }));`;
      expect(await messageOf(code, linked, mode)).toMatch(
        /with one copy of React\. If `npm ls react` shows two, keep one/,
      );
    }
  });
});

/** Creates an application with another version of a package, and ignores peer dependencies. */
async function copyAppWith(name: string, version: string): Promise<string> {
  const cwd = await copyApp(`${basename(name)}-${version}`, [name]);
  const target = `${cwd}/node_modules/${name}`;
  await mkdir(target);
  const packed = JSON.parse((await npm(["pack", "--json", `${name}@${version}`], cwd)).stdout);
  const tarball = `${cwd}/${packed[0].filename}`;
  await promisify(execFile)("tar", ["-xzf", tarball, "--strip-components=1", "-C", target]);
  return cwd;
}

describe.each(["15", "17"])("with graphql %s, which npm installs only by force", (version) => {
  let cwd: string;

  beforeAll(async () => {
    cwd = await copyAppWith("graphql", version);
  });

  const REFUSAL = new RegExp(
    `Gatehouse needs graphql 16\\.\\d+ or a later 16\\.x, because .*; found graphql ${version}\\..* Install graphql@16\\.`,
  );

  test.each(["import", "require"])("%s says that it needs graphql 16, and why", async (how) => {
    const load = how === "import" ? 'import "graphql-gatehouse"' : requireOf("graphql-gatehouse");
    expect(await messageOf(load, cwd)).toMatch(REFUSAL);
  });

  test("the command says so in one line", async () => {
    const cli = "node_modules/graphql-gatehouse/dist/cli.js";
    expectOneLine(await runNode([cli, "generate-secret"], { cwd }), REFUSAL);
  });
});

test("importing /urql with an older @urql/exchange-auth says that it needs version 2 or newer", async () => {
  const cwd = await copyAppWith("@urql/exchange-auth", "1");
  const name = "graphql-gatehouse/urql";
  for (const load of [`import "${name}"`, requireOf(name)]) {
    expect(await messageOf(load, cwd)).toBe(
      `${name} needs @urql/exchange-auth 2 or newer, but found version 1. Install @urql/exchange-auth@3.`,
    );
  }
});

describe("beside @apollo/client 3, @urql/exchange-auth 2 and react 17", () => {
  const cwd = `${APP}-old-peers`;
  let installed: Ended;

  beforeAll(async () => {
    await mkdir(cwd);
    installed = await npm(
      [
        "install",
        "--prefer-offline",
        `../gatehouse/${basename(TARBALL)}`,
        "graphql@16",
        "@apollo/client@3",
        "@urql/exchange-auth@2",
        "react@17",
      ],
      cwd,
    );
    await cp(`${ROOT}/node_modules/sqlite3/build`, `${cwd}/node_modules/sqlite3/build`, {
      recursive: true,
    });
  }, 300_000);

  test("npm installs the package without a conflict, and the server's entry works", async () => {
    expect(installed).toMatchObject({ code: 0 });
    const code = `import { createAuth } from "graphql-gatehouse";
    await (await createAuth({ secretKey: process.env.SECRET_KEY })).close();`;
    expect(await messageOf(code, cwd)).toBe("no error");
  });

  test("/urql works with @urql/exchange-auth 2: a query carries the token, and a refused one is repeated", async () => {
    await gate.user("ada");
    const code = `import { Client, fetchExchange } from "@urql/core";
    import { authExchange } from "@urql/exchange-auth";
    import { createAuthClient } from "graphql-gatehouse/client";
    import { createAuthConfig } from "graphql-gatehouse/urql";
    const url = "${gate.url}/graphql";
    const auth = createAuthClient({ url });
    await auth.login("ada", "${PASSWORD}");
    let refusals = 1;
    const refused = JSON.stringify({
      data: null,
      errors: [{ message: "", extensions: { code: "UNAUTHENTICATED", reason: "token_expired" } }],
    });
    const headers = { "content-type": "application/json" };
    const client = new Client({
      url,
      preferGetMethod: false,
      fetch: (...request) => (refusals-- > 0 ? new Response(refused, { headers }) : fetch(...request)),
      exchanges: [authExchange(createAuthConfig(auth)), fetchExchange],
    });
    const { token } = auth.getSession();
    const { data, error } = await client.query("{ me { username } }", {}).toPromise();
    if (data?.me.username !== "ada") throw error;
    if (auth.getSession().token === token) throw new Error("not renewed");`;
    expect(await messageOf(code, cwd)).toBe("no error");
  });

  test.each([
    ["react", "React 18 or newer, but found 17."],
    ["apollo", "Apollo Client 4 or newer, but found "],
  ])("importing /%s says which version it needs", async (entry, need) => {
    const name = `graphql-gatehouse/${entry}`;
    for (const load of [`import "${name}"`, requireOf(name)]) {
      expect(await messageOf(load, cwd)).toContain(`${name} needs ${need}`);
    }
  });
});

function requireOf(name: string): string {
  return `import { createRequire } from "node:module"; createRequire(import.meta.url)("${name}");`;
}

import type { ChildProcess } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { APP, CLI, npm } from "./app.js";
import { LISTENS, ROOT } from "../support/command.js";
import { type Ended, runNode, startNode, waitForLine } from "../support/node-process.js";

/**
 * The two newest versions with long-term support, and the newest of all. The other tests run on 20, the oldest
 * supported version.
 */
const VERSIONS = ["22.23.3", "24.21.0", "26.10.0"];

const PASSWORD = "correct horse battery staple";

/**
 * In milliseconds. Long, because 300 MB are downloaded first. Then all versions start side by side, on a machine that
 * may be slow.
 */
const TIMEOUT = 600_000;

/** Signs the first admin in and out with each scheme, using the client. */
const CLIENT = `
import { createAuthClient } from "graphql-gatehouse/client";
const [url, password] = process.argv.slice(2);
const request = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ query: "{ me { username } }" }),
};
for (const scheme of ["jwt", "sliding", "token"]) {
  const client = createAuthClient({ url, scheme });
  const { user } = await client.login("admin", password);
  if (scheme !== "token") await client.refresh();
  const { data } = await (await client.authFetch(url, request)).json();
  const { status } = await client.logout();
  console.log(scheme, user.username, data.me.username, status);
}`;

/** Sends a request to a server that is embedded in CommonJS. */
const COMMONJS = `
const { createAuth } = require("graphql-gatehouse");
const { graphql } = require("graphql");
(async () => {
  const { DATABASE_URL: databaseUrl, SECRET_KEY: secretKey } = process.env;
  const auth = await createAuth({ databaseUrl, secretKey });
  const contextValue = await auth.createContext();
  const { errors } = await graphql({ schema: auth.schema, source: "{ me { id } }", contextValue });
  await auth.close();
  console.log(errors[0].extensions.reason);
})();`;

/** The output and the responses of the processes of one version. */
interface Run {
  readonly version: string;
  readonly client: Ended;
  readonly embedded: object[];
  readonly commonjs: Ended;
  readonly served: Ended;
}

const runs = new Map<string, Run>();
const servers: ChildProcess[] = [];

beforeAll(async () => {
  const platform = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const packages = VERSIONS.map((version) => `node-${version}@npm:node-${platform}@${version}`);
  const nodes = `${APP}-nodes`;
  await mkdir(nodes);
  const installed = await npm(["install", "--prefer-offline", "--no-audit", ...packages], nodes);
  if (installed.code !== 0) throw new Error(`Node cannot be installed: ${installed.stderr}`);
  await Promise.all(
    VERSIONS.map(async (version) => {
      runs.set(version, await runOn(`${nodes}/node_modules/node-${version}/bin/node`, version));
    }),
  );
}, TIMEOUT);

afterAll(() => {
  for (const server of servers) server.kill();
});

describe.each(VERSIONS)("on Node %s", (version) => {
  let run: Run;

  beforeAll(() => {
    run = runs.get(version)!;
  });

  test("runs on this version, and no other", () => {
    expect(run.version).toBe(`v${version}`);
  });

  test("`gatehouse serve` starts, creates the first admin, and exits with 0 after SIGTERM", () => {
    expect(run.served.code).toBe(0);
    expect(run.served.stderr).toMatch(
      /^Created the first admin\. The password is shown only now:\n  username: admin\n  password: \S+\n$/,
    );
  });

  test("the client logs in, refreshes, reads `me` and logs out with each scheme", () => {
    const lines = ["jwt", "sliding", "token"].map((scheme) => `${scheme} admin admin anonymous\n`);
    expect(run.client).toEqual({ code: 0, stdout: lines.join(""), stderr: "" });
  });

  test("the example of an embedding server guards its own fields, and accepts both schemes", () => {
    const motto = { data: { motto: "Know thyself, bob." } };
    expect(run.embedded).toMatchObject([
      { errors: [{ extensions: { reason: "no_credentials" } }] },
      motto,
      motto,
    ]);
  });

  test("CommonJS gets the package by `require`, without a warning", () => {
    expect(run.commonjs).toEqual({ code: 0, stdout: "no_credentials\n", stderr: "" });
  });
});

/** Starts everything on one version of Node, in a new folder. */
async function runOn(node: string, version: string): Promise<Run> {
  const folder = `${APP}/on-${version}`;
  await cp(`${ROOT}/examples/embed`, folder, { recursive: true });
  await writeFile(`${folder}/client.js`, CLIENT);
  await writeFile(`${folder}/main.cjs`, COMMONJS);
  const start = { node, cwd: folder, timeout: TIMEOUT };
  const serving = startNode([CLI, "serve"], {
    ...start,
    env: { PORT: "0", GRAPHIQL: "off" },
  });
  servers.push(serving.child);
  const [[, password = ""], [, url = ""]] = await Promise.all([
    waitForLine(serving.child, /password: (\S+)/),
    waitForLine(serving.child, LISTENS),
  ]);
  const client = await runNode(["client.js", `${url}/graphql`, password], start);
  serving.child.kill("SIGTERM");
  const served = await serving.ended;
  const embedded = await askExample(start);
  const env = {
    SECRET_KEY: "an example of a secret that is long enough",
    DATABASE_URL: "sqlite:data/commonjs.sqlite",
  };
  const commonjs = await runNode(["main.cjs"], { ...start, env });
  const { stdout } = await runNode(["--version"], start);
  return { version: stdout.trim(), served, client, embedded, commonjs };
}

/** Reads a field of the example as an anonymous client, and as a user with a JWT and with a static token. */
async function askExample(start: { node: string; cwd: string; timeout: number }) {
  const [secret, database] = ["another secret that is long enough", "sqlite:data/embed.sqlite"];
  const env = { SECRET_KEY: secret, DATABASE_URL: database, PORT: "0" };
  await runNode([CLI, "create-user", "bob", "--password-stdin"], {
    ...start,
    env,
    input: PASSWORD,
  });
  const { child, ended } = startNode(["server.js"], { ...start, env });
  servers.push(child);
  const [, url = ""] = await waitForLine(child, /^Ready at (.*)$/m);
  const ask = async (query: string, authorization?: string) => {
    const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) });
    return (await response.json()) as { data: any; errors?: object[] };
  };
  const answers: object[] = [await ask("{ motto }")];
  for (const scheme of ["JWT", "TOKEN"]) {
    const parameters = `username: "bob", password: "${PASSWORD}", scheme: ${scheme}`;
    const { data } = await ask(`mutation { login(${parameters}) { tokenType token access } }`);
    const { tokenType, token, access } = data.login;
    answers.push(await ask("{ motto }", `${tokenType} ${token ?? access}`));
  }
  child.kill("SIGTERM");
  await ended;
  return answers;
}

import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runNode, startNode, waitForLine } from "./support/node-process.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PASSWORD = "correct horse battery staple";

let project: string;
let packed: string[];
let env: Record<string, string>;
let example: ChildProcess | undefined;
let url: string;

/** Makes a project with the packed package. All other packages are linked from here, so that there is one graphql. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "embed-"));
  await cp(join(ROOT, "examples/embed"), project, { recursive: true });
  const modules = join(project, "node_modules");
  const target = join(modules, "graphql-gatehouse");
  await mkdir(target, { recursive: true });
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", project];
  const { stdout } = await run("npm", pack, { cwd: ROOT });
  const [{ filename, files }] = JSON.parse(stdout);
  packed = files.map(({ path }: { path: string }) => path);
  await run("tar", ["-xzf", join(project, filename), "--strip-components=1", "-C", target]);
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (!name.startsWith(".")) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
  env = {
    DATABASE_URL: `sqlite:${join(project, "data/embed.sqlite")}`,
    SECRET_KEY: (await gatehouse("generate-secret")).trim(),
    PORT: "0",
  };
  await gatehouse("create-user", "ada", "--role", "admin", "--password-stdin");
  await gatehouse("create-user", "bob", "--password-stdin");
  example = startNode(["server.js"], { cwd: project, env }).child;
  [, url = ""] = await waitForLine(example, /^Ready at (.*)$/m);
}, 120_000);

afterAll(async () => {
  example?.kill();
  await rm(project, { recursive: true, force: true });
});

describe("the packed package", () => {
  test("holds the code, GraphiQL, the schema and the documents for people, and nothing else", () => {
    for (const path of [
      "dist/index.js",
      "dist/index.d.ts",
      "dist/cli.js",
      "assets/graphiql/index.html",
      "assets/graphiql/graphiql.min.js",
      "schema.graphql",
      "package.json",
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
    ]) {
      expect(packed).toContain(path);
    }
    const isExpected = /^(dist|assets\/graphiql)\/|^[^/]+\.(md|json|graphql)$|^LICENSE$/;
    expect(packed.filter((path) => !isExpected.test(path))).toEqual([]);
  });

  test("holds no build of a deleted source", () => {
    const sources = packed
      .filter((path) => path.startsWith("dist/") && path.endsWith(".js"))
      .map((path) => path.replace(/^dist\/(.*)\.js$/, "src/$1.ts"));
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe("a schema-first server that embeds it", () => {
  test("refuses its own fields to an anonymous caller", async () => {
    for (const query of ["{ motto }", "{ mottoReads }"]) {
      expect(await ask(query)).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "no_credentials",
      });
    }
  });

  test.each(["JWT", "TOKEN"])(
    "lets a USER read its own @auth field by %s, and refuses the ADMIN's",
    async (scheme) => {
      const bob = await login("bob", scheme);
      expect(await ask("{ motto }", bob)).toMatchObject({
        status: 200,
        data: { motto: "Know thyself, bob." },
      });
      expect(await ask("{ mottoReads }", bob)).toMatchObject({
        status: 403,
        code: "FORBIDDEN",
        reason: "role_required",
      });
    },
  );

  test("lets an ADMIN read both of its fields", async () => {
    const ada = await login("ada");
    const { status, data } = await ask("{ motto mottoReads me { username } }", ada);
    expect(status).toBe(200);
    expect(data).toMatchObject({ motto: "Know thyself, ada.", me: { username: "ada" } });
    expect(data.mottoReads).toBeGreaterThan(0);
  });

  test("refuses a credential on its own fields after logout", async () => {
    const bob = await login("bob");
    const { data } = await ask("mutation { logout { message sessionsEnded } }", bob);
    expect(data.logout).toEqual({
      message: "Logout successful, token blacklisted",
      sessionsEnded: 1,
    });
    expect(await ask("{ motto }", bob)).toMatchObject({ status: 401, reason: "token_revoked" });
  });

  test("responds to a wrong password with 401 and both challenges", async () => {
    const answer = await ask('mutation { login(username: "bob", password: "wrong") { access } }');
    expect(answer).toMatchObject({ status: 401, reason: "invalid_credentials" });
    expect(answer.challenge).toMatch(/Bearer .*Token /);
  });

  test("closes the database when it is stopped", async () => {
    const ended = once(example!, "exit");
    example!.kill("SIGTERM");
    expect(await ended).toEqual([null, "SIGTERM"]);
    expect(await readdir(join(project, "data"))).toEqual(["embed.sqlite"]);
  });
});

/** Runs the packed command with {@link PASSWORD} on its standard input, and returns what it prints. */
async function gatehouse(...parameters: string[]): Promise<string> {
  const cli = "node_modules/graphql-gatehouse/dist/cli.js";
  const ended = await runNode([cli, ...parameters], { cwd: project, env, input: PASSWORD });
  if (ended.code !== 0) throw new Error(ended.stderr);
  return ended.stdout;
}

async function ask(query: string, authorization = "") {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json",
      ...(authorization !== "" && { authorization }),
    },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as any;
  const challenge = response.headers.get("www-authenticate");
  return { status: response.status, challenge, data, ...errors?.[0].extensions };
}

/** Logs in, and returns the `Authorization` header of the session. */
async function login(username: string, scheme = "JWT"): Promise<string> {
  const { data } = await ask(`mutation {
    login(username: "${username}", password: "${PASSWORD}", scheme: ${scheme}) { tokenType token access }
  }`);
  const { tokenType, token, access } = data.login;
  return `${tokenType} ${token ?? access}`;
}

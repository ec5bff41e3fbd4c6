import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ROOT } from "../support/command.js";
import { runNode, startNode, waitForLine } from "../support/node-process.js";
import { APP, CLI, TARBALL } from "./app.js";

const PASSWORD = "correct horse battery staple";

const PROJECT = join(APP, "embed");

let env: Record<string, string>;
let example: ChildProcess | undefined;
let url: string;

beforeAll(async () => {
  await cp(join(ROOT, "examples/embed"), PROJECT, { recursive: true });
  env = {
    DATABASE_URL: `sqlite:${join(PROJECT, "data/gatehouse.sqlite")}`,
    SECRET_KEY: (await gatehouse("generate-secret")).trim(),
    PORT: "0",
  };
  await gatehouse("create-user", "ada", "--role", "admin", "--password-stdin");
  await gatehouse("create-user", "bob", "--password-stdin");
  example = startNode(["server.js"], { cwd: PROJECT, env, timeout: 100_000 }).child;
  [, url = ""] = await waitForLine(example, /^Ready at (.*)$/m);
}, 120_000);

afterAll(() => {
  example?.kill();
});

test("the example depends on the tarball that `npm pack` makes in the clone, and on packages that are installed here", () => {
  const { dependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
  const { "graphql-gatehouse": tarball, ...others } = dependencies as Record<string, string>;
  expect(tarball).toBe(`file:../../${basename(TARBALL)}`);
  for (const name of Object.keys(others)) {
    const { version } = JSON.parse(
      readFileSync(`${APP}/node_modules/${name}/package.json`, "utf8"),
    );
    expect(others[name]?.split(".", 1)).toEqual(version.split(".", 1));
  }
});

describe("a schema-first server that embeds Gatehouse", () => {
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
    "lets a USER read its own @auth field by %s, and refuses the field for ADMINs",
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
    expect(await ended).toEqual([0, null]);
    expect(await readdir(join(PROJECT, "data"))).toEqual(["gatehouse.sqlite"]);
  });
});

/** Runs the packed command with {@link PASSWORD} on its standard input, and returns what it prints. */
async function gatehouse(...parameters: string[]): Promise<string> {
  const ended = await runNode([CLI, ...parameters], { cwd: PROJECT, env, input: PASSWORD });
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

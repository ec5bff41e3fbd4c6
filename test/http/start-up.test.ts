import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type CommandFolder, setUpFolders } from "../support/command.js";
import type { Ended } from "../support/node-process.js";

const SECRET_KEY = randomBytes(32).toString("base64url");
const OTHER_SECRET = randomBytes(32).toString("base64url");
const PASSWORD = "correct horse battery staple";
/** The settings of a typical deployment. */
const PRODUCTION = {
  NODE_ENV: "production",
  HOST: "127.0.0.1",
  DATABASE_URL: "sqlite:data/gatehouse.sqlite",
  SECRET_KEY: `${SECRET_KEY},${OTHER_SECRET}`,
  CORS_ORIGINS: "https://app.example.com",
  TRUSTED_PROXIES: "127.0.0.1,10.0.0.0/8",
  PUBLIC_URL: "https://login.example.com",
  LOG_LEVEL: "info",
};

const folders = setUpFolders();
let folder: CommandFolder;

beforeEach(async () => {
  folder = await folders.empty();
});

describe("gatehouse serve", () => {
  test("OP-5: lists every wrong setting in one line with the variable's name, prints no value and writes nothing", async () => {
    const values = { a: "hunter2-a", b: "hunter2-b", c: "hunter2-c", d: "hunter2-d" };
    const ended = await folder.run(["serve"], {
      env: {
        NODE_ENV: "production",
        SECRET_KEY: values.a,
        PORT: values.b,
        CORS_ORIGINS: `*,${values.c}`,
        ACCESS_TOKEN_LIFETIME: values.d,
        TRUSTED_PROXIES: "everywhere",
        LOG_LEVEL: "loud",
      },
    });
    expect(ended.code).toBe(1);
    expect(ended.stdout).toBe("");
    const lines = ended.stderr.trimEnd().split("\n");
    const names = lines.map((line) => /^gatehouse: ([A-Z_]+): /.exec(line)?.[1]);
    expect(names.sort()).toEqual([
      "ACCESS_TOKEN_LIFETIME",
      "CORS_ORIGINS",
      "LOG_LEVEL",
      "PORT",
      "SECRET_KEY",
      "TRUSTED_PROXIES",
    ]);
    expect(ended.stderr).not.toMatch(/hunter2|everywhere|loud/);
    expect(await folder.files()).toEqual([]);
  });

  test("OP-5: lists malformed, missing and unsafe settings together", async () => {
    const env = { HOST: "0.0.0.0", LOG_LEVEL: "loud", GRAPHIQL: "on", PORT: "x" };
    const ended = await folder.run(["serve"], { env });
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr.trimEnd().split("\n").sort()).toEqual([
      "gatehouse: GRAPHIQL: must be off where others can reach the server",
      "gatehouse: LOG_LEVEL: must be silent, fatal, error, warn, info, debug or trace",
      "gatehouse: PORT: must be from 0 to 65535, but is not a whole number",
      "gatehouse: PUBLIC_URL: is required if others can reach the server; set it to the URL that clients use, such as https://auth.example.com",
      "gatehouse: SECRET_KEY: is required; `gatehouse generate-secret` makes one",
    ]);
    expect(await folder.files()).toEqual([]);
  });

  test("OP-5: lists all contradictory settings together, and writes nothing", async () => {
    const ended = await folder.run(["serve"], {
      env: {
        HOST: "0.0.0.0",
        SECRET_KEY: "an example of a secret that is long enough",
        PUBLIC_URL: "https://login.example.com",
        GRAPHIQL: "on",
        INTROSPECTION: "on",
      },
    });
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr.trimEnd().split("\n").sort()).toEqual([
      "gatehouse: GRAPHIQL: must be off where others can reach the server",
      "gatehouse: INTROSPECTION: must be off where others can reach the server",
      "gatehouse: SECRET_KEY: looks like an example or a phrase; `gatehouse generate-secret` makes one",
    ]);
    expect(await folder.files()).toEqual([]);
  });

  test("OP-5, LG-8: counts as public behind a proxy, even on loopback", async () => {
    const env = { TRUSTED_PROXIES: "127.0.0.1", PUBLIC_URL: "https://login.example.com" };
    const ended = await folder.run(["serve"], { env });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^gatehouse: SECRET_KEY: is required; /);
    expect(await folder.files()).toEqual([]);
    await folder.run(["migrate", "--create"], { env: { ...env, SECRET_KEY } });
    const server = await folder.serve({ ...env, SECRET_KEY });
    const refused = await server.ask("{ __schema { queryType { name } } }");
    expect(JSON.stringify(refused)).toContain("Introspection is off.");
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: "text/html" } });
    expect(page.status).toBe(405);
    expect((await server.stop()).code).toBe(0);
  });

  describe("in production", () => {
    let home: CommandFolder;
    let page: Response;
    const health: [number, string, string[]][] = [];
    let ended: Ended;

    beforeAll(async () => {
      home = await folders.shared();
      await home.run(["migrate", "--create"], { env: PRODUCTION });
      const server = await home.serve(PRODUCTION);
      page = await fetch(`${server.url}/graphql`, { headers: { accept: "text/html" } });
      for (const path of ["/health/live", "/health/ready"]) {
        const response = await fetch(server.url + path);
        health.push([response.status, await response.text(), [...response.headers.keys()]]);
      }
      ended = await server.stop();
    });

    test("OP-5, PW-13: creates no first admin, and prints how to create one", () => {
      expect(ended.stdout).toContain("gatehouse create-user NAME --role admin --password-stdin");
      expect(ended.stdout).not.toContain("password:");
    });

    test("OP-5, OP-9: starts, reveals nothing about itself, and exits with 0", () => {
      expect(page.status).toBe(405);
      for (const [status, text, headers] of health) {
        expect([status, text]).toEqual([200, `{"status":"ok"}`]);
        expect(headers).not.toContain("server");
      }
      expect(health).toHaveLength(2);
      expect([ended.code, ended.stderr]).toEqual([0, ""]);
      expect(ended.stdout).not.toContain("GraphiQL");
      expect(ended.stdout).not.toContain(SECRET_KEY);
      expect(existsSync(join(home.path, "data/gatehouse.secret"))).toBe(false);
    });
  });

  test("OP-6: answers running logins after SIGTERM, accepts no new requests, and exits with 0", async () => {
    const env = { ...PRODUCTION, LOGIN_FAILURES_PER_ACCOUNT: "100" };
    await folder.run(["migrate", "--create"], { env });
    await folder.run(["create-user", "ada", "--password-stdin"], { env, input: PASSWORD });
    const server = await folder.serve(env);
    const query = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;
    let isFirst = true;
    let ended: Promise<Ended> | undefined;
    const underWay = Array.from({ length: 12 }, async () => {
      const answer = await fetch(`${server.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
      if (isFirst) {
        isFirst = false;
        ended = server.stop("SIGTERM");
      }
      return (await answer.json()) as { data?: { login: { access: string } } };
    });
    const answers = await Promise.all(underWay);
    for (const { data } of answers) expect(data?.login.access).toMatch(/^eyJ/);
    const ready = await fetch(`${server.url}/health/ready`).then(
      ({ status }) => status,
      () => "closed",
    );
    expect(["closed", 503]).toContain(ready);
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
  });
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createAuth, createServer } from "graphql-gatehouse";
import { expectOneLine, setUpFolders } from "../../support/command.js";
import { setUpGate } from "../../support/gate.js";
import { runNode } from "../../support/node-process.js";
import { refusedByCommand, refusedByServer, SECRET_KEY } from "../../support/wrong-settings.js";

const SMTP = {
  smtpUrl: "smtp://127.0.0.1:9",
  mailFrom: "no-reply@example.com",
  publicUrl: "https://auth.example.com",
};
const FIELDS = /passwordPolicy|register\(|verifyEmail|resendVerification|emailVerifiedAt/;

const folders = setUpFolders();

test.each([
  ["registration", "on", "must be open or closed"],
  ["registration", true, "must be open or closed"],
  ["emailVerification", "off", "must be required or optional"],
])("a wrong option is refused: %s: %j", async (option, value, message) => {
  expect(await refusedByServer({ [option]: value })).toEqual([`${option}: ${message}`]);
});

test("a wrong variable is refused", () => {
  const env = { REGISTRATION: "yes", EMAIL_VERIFICATION: "no" };
  expect(refusedByCommand(env)).toEqual([
    "REGISTRATION: must be open or closed",
    "EMAIL_VERIFICATION: must be required or optional",
  ]);
});

test("an open server in production needs mail, and one line says what to set", async () => {
  const folder = await folders.empty();
  const env = { NODE_ENV: "production", SECRET_KEY, REGISTRATION: "open" };
  expectOneLine(
    await folder.run(["migrate", "--create"], { env }),
    /^gatehouse: REGISTRATION: needs mail: set SMTP_URL\n$/,
  );
  expectOneLine(
    await folder.run(["serve"], { env }),
    /^gatehouse: REGISTRATION: needs mail: set SMTP_URL\n$/,
  );
  expect(await refusedByServer({ registration: "open", isProduction: true })).toEqual([
    "registration: needs mail: set smtpUrl",
  ]);
});

describe("closed registration", () => {
  const open = setUpGate();
  const closed = setUpGate({ registration: "closed" });

  test("has to be set in development, and its fields are then not in the schema", () => {
    expect(open.auth.typeDefs).toMatch(FIELDS);
    expect(closed.auth.typeDefs).not.toMatch(FIELDS);
  });

  test("has no field that a document can ask for", async () => {
    const { code } = await closed.ask("{ passwordPolicy { minLength } }");
    expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    expect((await open.ask("{ passwordPolicy { minLength } }")).status).toBe(200);
  });

  test("is the default of a library and in production, even with mail", async () => {
    const folder = await mkdtemp(join(tmpdir(), "registration-"));
    const options = (name: string) => ({
      ...SMTP,
      secretKey: SECRET_KEY,
      databaseUrl: `sqlite:${join(folder, name)}`,
    });
    const auth = await createAuth(options("auth.sqlite"));
    expect(auth.typeDefs).not.toMatch(FIELDS);
    await auth.close();
    const production = { port: 0, logLevel: "silent", isProduction: true } as const;
    const server = await createServer({
      ...options("server.sqlite"),
      ...production,
      createDatabase: true,
    });
    expect(server.auth.typeDefs).not.toMatch(FIELDS);
    await server.close();
    const opened = await createAuth({ ...options("open.sqlite"), registration: "open" });
    expect(opened.typeDefs).toMatch(FIELDS);
    await opened.close();
    await rm(folder, { recursive: true });
  });

  test("loads none of the feature's code", async () => {
    const folder = await mkdtemp(join(tmpdir(), "registration-"));
    const hook = `export async function resolve(name, context, next) {
      const resolved = await next(name, context);
      if (/\\/registration\\.\\w+\\.js$/.test(resolved.url)) process._rawDebug(resolved.url.split("/").at(-1));
      return resolved;
    }`;
    const script = `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
      const { createAuth } = await import("graphql-gatehouse");
      const [registration, path] = process.argv.slice(1);
      const options = ${JSON.stringify({ ...SMTP, secretKey: SECRET_KEY })};
      const auth = await createAuth({ ...options, databaseUrl: "sqlite:" + path, registration });
      await auth.close();`;
    const start = (registration: string) =>
      runNode(
        ["--input-type=module", "-e", script, registration, join(folder, `${registration}.sqlite`)],
        { cwd: process.cwd() },
      );
    const [closed, open] = await Promise.all([start("closed"), start("open")]);
    expect([closed.code, closed.stderr]).toEqual([0, ""]);
    expect([open.code, open.stderr]).toEqual([
      0,
      expect.stringContaining("registration.service.js"),
    ]);
    await rm(folder, { recursive: true });
  });
});

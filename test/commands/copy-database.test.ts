import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { CLI, type CommandFolder, ROOT, type Serving, setUpFolders } from "../support/command.js";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";
import { describeTerminal, runOnTerminal } from "../support/terminal.js";
import { runProgram } from "../support/programs.js";

/** In milliseconds. Long, because several processes start one after the other. */
const TIMEOUT = 240_000;

/** A server whose mails and webhooks cannot be delivered, so they stay in the outboxes. */
const SETTINGS = {
  IMPERSONATION: "on",
  REGISTRATION: "open",
  EMAIL_VERIFICATION: "required",
  SMTP_URL: "smtp://127.0.0.1:9",
  MAIL_FROM: "gatehouse@example.com",
  WEBHOOK_URL: "http://127.0.0.1:9/",
  WEBHOOK_SECRET: `whsec_${randomBytes(32).toString("base64")}`,
  DJANGO: "on",
};

const folders = setUpFolders();
let folder: CommandFolder;
let target: TestDatabase;

/** Returns the commands of docs/postgresql.md, except for the last, `gatehouse serve`. */
async function documentedCommands(): Promise<string> {
  const page = await readFile(join(ROOT, "docs/postgresql.md"), "utf8");
  const section = page.split("## From SQLite to PostgreSQL")[1] ?? "";
  const block = /```sh\n(.*?)gatehouse serve\n```/s.exec(section)?.[1] ?? "false";
  return block.replace(/'postgresql:[^']*'/, `'${target.url}'`);
}

/**
 * Runs the commands of the docs in the folder, without any variable set. Returns what they print, and the variables
 * that they export.
 */
async function move(): Promise<{ output: string; env: Record<string, string> }> {
  const script = `set -e; unset SECRET_KEY; cd '${folder.path}'; gatehouse() { '${process.execPath}' '${CLI}' "$@"; }
${await documentedCommands()}
echo @@; printf '%s\\n' "$DATABASE_URL" "$SECRET_KEY"`;
  const { code, output } = await runProgram("sh", ["-c", script]);
  expect([code, output]).toEqual([0, expect.stringContaining("@@")]);
  const [printed = "", exported = ""] = output.split("@@\n");
  const [DATABASE_URL = "", SECRET_KEY = ""] = exported.split("\n");
  return { output: printed, env: { DATABASE_URL, SECRET_KEY } };
}

async function mutate(server: Serving, mutation: string, authorization?: string): Promise<any> {
  const { data, errors } = await server.ask(`mutation { ${mutation} }`, authorization);
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data)[0];
}

const login = (server: Serving, username: string, scheme: string) =>
  mutate(
    server,
    `login(username: "${username}", password: "${PASSWORD}", scheme: ${scheme}) { token access refresh user { id } }`,
  );

const ME = "{ me { username impersonatedBy { username } } }";
const AUDIT = `{ auditEvents(first: 100) { edges { node {
  id type at isByOther sessionId actorSessionId ipAddress userAgent requestId details { name value } actor { id } user { id }
} } } }`;

/** Returns all events except `webhooks:delayed`, because each server reports those at a moment of its own. */
async function audit(server: Serving, authorization: string): Promise<any> {
  const { data, errors } = await server.ask(AUDIT, authorization);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.auditEvents.edges.filter(({ node }: any) => node.type !== "webhooks:delayed");
}

// Without `lastUsedAt`, because these very requests change it.
const SESSIONS = "{ allSessions(first: 100) { edges { node { id scheme createdAt } } } }";

async function publishedKeys({ url }: Serving): Promise<unknown[]> {
  const response = await fetch(`${url}/.well-known/jwks.json`);
  return ((await response.json()) as { keys: unknown[] }).keys;
}

/** Returns all rows of a table as text. Booleans become numbers, as SQLite stores them. */
async function rowsOf(
  sql: (statement: string) => Promise<any[]>,
  table: string,
): Promise<string[]> {
  const rows = await sql(`SELECT * FROM "${table}"`);
  return rows
    .map((row) =>
      Object.keys(row)
        .sort()
        .map((name) => `${name}=${typeof row[name] === "boolean" ? Number(row[name]) : row[name]}`)
        .join(" "),
    )
    .sort();
}

describePostgres("gatehouse copy-database", () => {
  beforeEach(async () => {
    [folder, target] = await Promise.all([folders.empty(), createDatabase("postgresql")]);
  });
  afterEach(() => target.drop());

  test(
    "the commands of docs/postgresql.md move everything, and nobody is signed out",
    async () => {
      for (const [name, ...role] of [["ada"], ["boss", "--role", "admin"]]) {
        const parameters = ["create-user", name ?? "", "--email", `${name}@example.com`, ...role];
        const ended = await folder.run([...parameters, "--password-stdin"], {
          env: SETTINGS,
          input: PASSWORD,
        });
        expect([ended.code, ended.stderr]).toEqual([0, ""]);
      }
      const before = await folder.serve(SETTINGS);
      const pair = await login(before, "ada", "JWT");
      const sliding = await login(before, "ada", "SLIDING");
      const key = await login(before, "ada", "TOKEN");
      const { access: boss } = await login(before, "boss", "JWT");
      const acting = await mutate(
        before,
        `impersonate(userId: "${pair.user.id}", reason: "a call") { access refresh }`,
        `Bearer ${boss}`,
      );
      await mutate(
        before,
        `register(username: "eve", email: "eve@example.com", password: "${PASSWORD}") { message }`,
      );
      await login(before, "ada", "JWT").then(({ refresh }) =>
        mutate(before, `logout(refresh: "${refresh}") { message }`),
      );
      await expect(before.login("ada", "a wrong password, of course")).rejects.toThrow("invalid");
      expect((await folder.run(["rotate-keys"], { env: SETTINGS })).code).toBe(0);
      const old = {
        audit: await audit(before, `Bearer ${boss}`),
        sessions: await before.ask(SESSIONS, `Bearer ${boss}`),
      };
      expect((await before.stop()).code).toBe(0);

      const { output, env } = await move();
      expect(output).toMatch(/^user: 3 rows$/m);
      expect(output).toMatch(/^signing_key: 2 rows$/m);
      expect(output).toContain(
        `Nobody is signed out.\nNext: start the servers with ${target.url.replace(/\/\/.*@/, "//")} in DATABASE_URL, and with SECRET_KEY="$(cat '${folder.path}/data/gatehouse.secret')".\nKeep the other settings. With another PUBLIC_URL or JWT_ISSUER, all JWTs are refused.\n`,
      );
      const tables = await folder.sql("SELECT name FROM sqlite_master WHERE type = 'table'");
      const copied: string[] = tables
        .map(({ name }) => name)
        .filter((name) => !/^(sqlite_|mikro_orm_)/.test(name));
      for (const table of copied) {
        const rows = await rowsOf((statement) => folder.sql(statement), table);
        expect([table, await rowsOf((statement) => target.sql(statement), table)]).toEqual([
          table,
          rows,
        ]);
        expect(output).toMatch(new RegExp(`^${table}: ${rows.length} rows?$`, "m"));
        // These tables must hold rows, because this test is about them.
        if (/^(user|session|registration|mail_outbox|webhook_outbox)$/.test(table)) {
          expect([table, rows.length]).not.toEqual([table, 0]);
        }
      }
      expect(copied).toEqual(expect.arrayContaining(["webhook_outbox", "django_user"]));

      const after = await folder.serve({ ...SETTINGS, ...env });
      const bearer = `Bearer ${boss}`;
      const me = async (authorization: string) => (await after.ask(ME, authorization)).data?.me;
      expect(old.audit.length).toBeGreaterThan(5);
      expect(await audit(after, bearer)).toEqual(old.audit);
      expect((await after.ask(SESSIONS, bearer)).data).toEqual(old.sessions.data);
      expect(await publishedKeys(after)).toHaveLength(2);
      const ada = { username: "ada", impersonatedBy: null };
      expect(await me(`Bearer ${pair.access}`)).toEqual(ada);
      expect(await me(`Bearer ${sliding.token}`)).toEqual(ada);
      expect(await me(`Token ${key.token}`)).toEqual(ada);
      expect(await me(`Bearer ${acting.access}`)).toEqual({
        username: "ada",
        impersonatedBy: { username: "boss" },
      });
      for (const refresh of [pair.refresh, sliding.token, acting.refresh]) {
        const next = await mutate(after, `refreshToken(refresh: "${refresh}") { token access }`);
        expect((await me(`Bearer ${next.token ?? next.access}`)).username).toBe("ada");
      }
      await expect(after.login("eve", PASSWORD)).rejects.toThrow("email_not_verified");
      expect(await after.login("ada", PASSWORD)).toMatch(/^Bearer /);
    },
    TIMEOUT,
  );

  describeTerminal("on a terminal", () => {
    test(
      "shows its progress, and ends with a line for each table",
      async () => {
        expect((await folder.run(["migrate"])).code).toBe(0);
        const { code, screen } = await runOnTerminal(
          ["copy-database", "--from", "sqlite:data/gatehouse.sqlite", "--to", target.url],
          { cwd: folder.path },
          [],
        );
        expect(code).toBe(0);
        expect(screen).toContain("\x1b[KCopy signing_key: 0 of 1");
        expect(screen).toContain("\x1b[KCompare signing_key: 0 of 1");
        expect(screen).toMatch(
          /\x1b\[Kaudit_event: \d+ rows?\r\n(\w+: \d+ rows?\r\n)+The copy is complete/,
        );
      },
      TIMEOUT,
    );
  });
});

import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { copyDatabase } from "../../src/database/copy/copy-database.js";
import { Database } from "../../src/database/database.js";
import { Progress } from "../../src/progress.js";
import { ROOT } from "../support/command.js";
import { createDatabase, describePostgres } from "../support/databases.js";
import { Gate, PASSWORD } from "../support/gate.js";
import { recordStatements } from "../support/statements.js";

/** SQL that CockroachDB, YugabyteDB or Citus lacks, or that leaves state in a connection after its transaction. */
const MISSING = {
  "an advisory lock": /advisory/i,
  "a lock of a table": /\block\s+table\b/i,
  "a lock that CockroachDB treats otherwise": /\bfor\s+(share|key\s+share|no\s+key\s+update)\b/i,
  "a channel": /^\s*(listen|unlisten|notify)\b|\bpg_notify\b/i,
  "a temporary table": /\btemp(orary)?\b/i,
  "a setting of the session": /(^|;)\s*(set\s+(?!local\b)|reset\b|discard\b)|\bset_config\b/i,
  "a statement prepared by SQL": /^\s*(prepare|execute|deallocate)\b/i,
  "a cursor that outlives its transaction": /\bwith\s+hold\b/i,
  "code in the database":
    /\bcreate\s+(or\s+replace\s+)?(function|procedure|trigger|rule)\b|^\s*do\b/i,
  "an extension": /\bcreate\s+extension\b/i,
  "the place of a row, or a transaction's number":
    /\b(ctid|xmin|xmax|txid_\w+|pg_current_\w+|pg_locks)\b/i,
  "a statement that CockroachDB lacks": /^\s*merge\b|\bexclude\s+using\b|\bdeferrable\b/i,
};

/** All features are on. The mails and the webhooks cannot be delivered. */
const SETTINGS = {
  impersonation: true,
  registration: "open",
  emailVerification: "required",
  throttleStore: "database",
  smtpUrl: "smtp://127.0.0.1:9",
  mailFrom: "gatehouse@example.com",
  webhookUrl: "http://127.0.0.1:9/",
  webhookSecret: `whsec_${randomBytes(32).toString("base64")}`,
  django: true,
} as const;

/** The tables that {@link useAll} writes. */
const WRITTEN = [
  ...["user", "profile", "session", "signing_key", "throttle", "audit_event", "registration"],
  ...["mail_outbox", "mail_request", "mail_token", "webhook_outbox"],
];

async function useAll(gate: Gate): Promise<void> {
  const mutate = async (mutation: string, authorization = ""): Promise<any> => {
    const headers = authorization === "" ? {} : { authorization };
    const { data, text } = await gate.ask(`mutation { ${mutation} }`, headers);
    if (!data) throw new Error(`${mutation}: ${text}`);
    return Object.values(data)[0];
  };
  const id = await gate.user("ada", { email: "ada@example.com" });
  await gate.user("boss", { role: "ADMIN" });
  const boss = (await gate.login("boss")).authorization;
  const first = await gate.login("ada");
  const { access } = (await gate.refresh(first.refresh)).data.refreshToken;
  const ada = `Bearer ${access}`;
  await gate.verify(access);
  await gate.ask(`mutation { login(username: "ada", password: "wrong") { access } }`);
  await mutate(`createToken(label: "script") { token }`, ada);
  await gate.logout({ refresh: (await gate.issue(id)).refresh });
  await mutate(`revokeSession(id: "${(await gate.issue(id)).session.id}") { message }`, ada);
  await mutate(`logoutOthers { message }`, ada);
  await mutate(`reauthenticate(password: "${PASSWORD}") { __typename }`, ada);
  await mutate(`setLocale(locale: "de") { __typename }`, ada);
  await mutate(`changeEmail(newEmail: "ada@example.org") { message }`, ada);
  await mutate(
    `register(username: "eve", email: "eve@example.com", password: "${PASSWORD}") { message }`,
  );
  await mutate(`requestPasswordReset(email: "ada@example.com") { message }`);
  await mutate(`impersonate(userId: "${id}", reason: "a call") { access }`, boss);
  await mutate(`updateUser(id: "${id}", username: "lovelace") { __typename }`, boss);
  await mutate(`setRole(id: "${id}", role: ADMIN) { __typename }`, boss);
  await mutate(`setActive(id: "${id}", isActive: false) { __typename }`, boss);
  await mutate(`unlockUser(id: "${id}") { __typename }`, boss);
  await mutate(`endSessions(userId: "${id}") { message }`, boss);
  await mutate(`deleteUser(id: "${id}") { message }`, boss);
  const next = `${PASSWORD} and more`;
  await mutate(
    `changePassword(currentPassword: "${PASSWORD}", newPassword: "${next}") { message }`,
    boss,
  );
  const { status } = await gate.ask(
    `{ me { id } sessions { id } users(where: { username: { icontains: "o" } }) { edges { cursor } }
       allSessions(where: { email: { icontains: "o" } }) { edges { cursor } }
       auditEvents { edges { cursor } } }`,
    { authorization: boss },
  );
  expect(status).toBe(200);
  await mutate("logoutAll { message }", boss);
  await gate.flush();
  await gate.auth.keys.rotate(true);
  gate.advance(366 * 86_400);
  await gate.auth.maintenance.prune();
}

/** Copies an empty SQLite database to PostgreSQL. */
async function copyToPostgres(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "gate-"));
  const target = await createDatabase("postgresql");
  try {
    const from = `sqlite:${join(folder, "gate.sqlite")}`;
    const source = await Database.open({ databaseUrl: from });
    await source.migrate().finally(() => source.close());
    const progress = new Progress({ isTTY: false, write: () => true });
    const to = { databaseUrl: target.url };
    await copyDatabase({ from, to, features: [], progress, print: () => undefined });
  } finally {
    await target.drop();
    await rm(folder, { recursive: true });
  }
}

describePostgres("over postgresql", () => {
  test("the SQL needs no advisory lock, no state of a connection, and nothing else that distributed databases lack", async () => {
    const gate = new Gate(SETTINGS, "postgresql");
    const statements = await recordStatements(async () => {
      await gate.start();
      try {
        await useAll(gate);
      } finally {
        await gate.close();
      }
      await copyToPostgres();
    });
    for (const table of WRITTEN) {
      const pattern = new RegExp(`(INSERT INTO|UPDATE|DELETE FROM) "?${table}\\b`);
      expect([table, statements.some((text) => pattern.test(text))]).toEqual([table, true]);
    }
    // The test itself empties a database before use, so that statement does not count.
    const own = statements.filter((text) => !text.includes("DROP SCHEMA public CASCADE"));
    for (const [name, pattern] of Object.entries(MISSING)) {
      expect([name, own.filter((text) => pattern.test(text))]).toEqual([name, []]);
    }
  });

  test("docs/postgresql.md has the right number of round trips for each request", async () => {
    const gate = await Gate.open({}, "postgresql");
    try {
      await gate.user("ada");
      const tokens = await gate.login("ada");
      const { authorization } = await gate.login("ada");
      await gate.me(authorization);
      const requests: Record<string, () => Promise<unknown>> = {
        me: () => gate.me(authorization),
        refreshToken: () => gate.refresh(tokens.refresh),
        login: () => gate.login("ada"),
        logout: () => gate.logout({ authorization }),
      };
      const page = await readFile(join(ROOT, "docs/postgresql.md"), "utf8");
      for (const [name, request] of Object.entries(requests)) {
        const [, count] = new RegExp(`^\\| \`${name}\` +\\| (\\d+) +\\|`, "m").exec(page) ?? [];
        expect([name, await gate.countStatements(request)]).toEqual([name, Number(count)]);
      }
    } finally {
      await gate.close();
    }
  });
});

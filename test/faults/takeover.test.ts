import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createAuth } from "../../src/index.js";
import { serveBeside, type Serving } from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { MailServer } from "../support/mail-server.js";

/** In milliseconds. */
const TIMEOUT = 300_000;

/** Seconds between two runs of the job. */
const INTERVAL = 5;
/**
 * The duration of a run, in seconds. It is so long that the runs of two servers would overlap, whenever each started.
 */
const RUN = 4;

/** A job that fails if it runs twice at the same time, because each run inserts the same row. */
const REPORTS = `export const reports = {
  name: "reports",
  migrations: [{ name: "2026-11-27-reports", statements: [
    'create table "report" ("pid" text not null)',
    'create table "running_report" ("name" text not null primary key, "pid" text not null)'] }],
  create: ({ sql }) => ({ jobs: [{ name: "report", interval: ${INTERVAL}, run: async () => {
    const pid = String(process.pid);
    await sql.write("INSERT INTO running_report (name, pid) VALUES ('report', ?) RETURNING pid", [pid]);
    await new Promise((resolve) => setTimeout(resolve, ${RUN * 1000}));
    await sql.write("INSERT INTO report (pid) VALUES (?) RETURNING pid", [pid]);
    await sql.write("DELETE FROM running_report WHERE pid = ? RETURNING pid", [pid]);
  } }] }),
};`;

const secretKey = randomBytes(32).toString("base64url");

describe.each(DATABASES)("two servers over %s, one of which is killed", (kind) => {
  let folder: string;
  let home: TestDatabase;
  let smtp: MailServer;
  let servers: Serving[];

  beforeAll(async () => {
    smtp = await MailServer.start();
    folder = await mkdtemp(join(tmpdir(), "reports-"));
    await writeFile(join(folder, "reports.mjs"), REPORTS);
  });

  afterAll(async () => {
    await smtp.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    home = await createDatabase(kind);
    servers = [];
  });

  afterEach(async () => {
    smtp.reset();
    await Promise.all(servers.map((server) => server.stop()));
    await home.drop();
  });

  async function serve(): Promise<Serving> {
    const server = await serveBeside({ databaseUrl: home.url }, secretKey, {
      FEATURES: join(folder, "reports.mjs"),
      SMTP_URL: smtp.url,
      MAIL_FROM: "no-reply@example.com",
    });
    servers.push(server);
    return server;
  }

  const pids = async (table: string): Promise<string[]> =>
    (await home.sql(`SELECT pid FROM ${table}`)).map(({ pid }) => pid);

  test(
    "M-13: one at a time runs a job, and the other one takes over if that one is killed during a run",
    async () => {
      await serve();
      await serve();
      await eventually(async () => (await pids("report")).length >= 2, TIMEOUT);
      let killed = "";
      await eventually(async () => {
        [killed = ""] = await pids("running_report");
        if (killed !== "") process.kill(Number(killed), "SIGKILL");
        return killed !== "";
      }, TIMEOUT);
      const since = performance.now();
      const before = (await pids("report")).length;
      await home.sql("DELETE FROM running_report");
      await eventually(async () => (await pids("report")).length > before, TIMEOUT);
      // The next run may take two intervals, its own duration, and some time on a busy machine.
      expect(performance.now() - since).toBeLessThan((2 * INTERVAL + RUN + 10) * 1000);
      const next = (await pids("report")).slice(before);
      expect(next).not.toContain(killed);
      for (const { output } of servers)
        expect(output).not.toContain("The job reports:report failed");
    },
    TIMEOUT,
  );

  test(
    "one sends each mail, and if it is killed, the other sends the mails that it had begun",
    async () => {
      const [one, two] = [await serve(), await serve()];
      const names = Array.from({ length: 10 }, (_, index) => `user${index}@example.com`);
      const auth = await createAuth({ databaseUrl: home.url, secretKey });
      for (const [index, email] of [...names, "ada@example.com"].entries()) {
        await auth.accounts.createUser({ username: `user${index}`, email });
      }
      await auth.close();
      const reset = (server: Serving, email: string) =>
        server.ask(`mutation { requestPasswordReset(email: "${email}") { message } }`);
      await Promise.all(names.map((name, index) => reset(index % 2 === 0 ? one : two, name)));
      await eventually(() => smtp.mails.length >= names.length, TIMEOUT);

      smtp.behaviour = { mailCode: "stalls" };
      await reset(one, "ada@example.com");
      await eventually(() => smtp.seen.length > names.length, TIMEOUT);
      await one.stop("SIGKILL");
      smtp.behaviour = {};
      // A mail may be claimed again two minutes after its claim. This statement saves the wait.
      await home.sql("UPDATE mail_outbox SET due_at = 0");
      await eventually(() => smtp.mails.length > names.length, TIMEOUT);
      const recipients = smtp.mails.flatMap((mail) => mail.recipients);
      expect(recipients.sort()).toEqual(["ada@example.com", ...names].sort());
    },
    TIMEOUT,
  );
});

import { afterAll, expect, test } from "@jest/globals";
import { expectAlike } from "../../support/alike.js";
import { eventually } from "../../support/eventually.js";
import { PASSWORD, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { REGISTER, RESEND } from "./documents.js";

const ROUNDS = 60;
const smtp = await MailServer.start();
afterAll(() => smtp.close());

const gate = setUpGate({
  smtpUrl: smtp.url,
  mailFrom: "no-reply@example.com",
  hashConcurrency: 1,
});

let names = 0;

/** Waits until the work after the response is done, the mails have left, and the limits on mails start again. */
async function settle(): Promise<void> {
  await gate.auth.mail.idle();
  await eventually(
    async () => (await gate.core.sql.read("SELECT id FROM mail_outbox", [])).length === 0,
  );
  await gate.auth.mail.idle();
  gate.advance(3600);
}

const register = async (email: string, password = PASSWORD) => {
  const variables = { username: `name${(names += 1)}`, email, password };
  expect((await gate.ask(REGISTER, { variables })).status).toBe(200);
};

test("RC-1: a registration takes the same time for a known and an unknown address", async () => {
  await gate.user("owner", { email: "owner@example.com" });
  const unknown = () => register(`new${names}@example.com`);
  const known = () => register("owner@example.com");
  await expectAlike({ unknown, known }, { margin: 0.08, rounds: ROUNDS, settle });
}, 900_000);

test("RC-1: a registration runs the same statements for a known and an unknown address", async () => {
  await gate.user("known", { email: "known@example.com" });
  await gate.auth.accounts.setActive(await gate.user("idle", { email: "idle@example.com" }), false);
  const counts: Record<string, number> = { unknown: Infinity, known: Infinity, idle: Infinity };
  const differ = () => new Set(Object.values(counts)).size > 1;
  // On a busy machine the work after the response may begin before the response arrives. The least counts.
  for (let turn = 0; turn < 3 || (turn < 20 && differ()); turn += 1) {
    for (const [kind, least] of Object.entries(counts)) {
      await settle();
      await gate.flush();
      const count = await gate.countStatements(() => register(`${kind}@example.com`));
      counts[kind] = Math.min(least, count);
    }
  }
  const { unknown } = counts;
  expect(counts).toEqual({ unknown, known: unknown, idle: unknown });
});

test("RC-1: a request for a new link takes the same time for a waiting and an unknown address", async () => {
  await register("waiting@example.com");
  const resend = (email: string) => gate.ask(RESEND, { variables: { email } });
  const unknown = (round: number) => resend(`unknown${round}@example.com`);
  const waiting = () => resend("waiting@example.com");
  await expectAlike({ unknown, waiting }, { margin: 0.15, rounds: ROUNDS, settle });
}, 900_000);

import { afterAll, expect, test } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { PASSWORD, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { REGISTER, RESEND } from "./documents.js";

const SAMPLES = 60;
/**
 * The number of attempts to measure. Other load changes the medians at random, but a real difference appears each
 * time.
 */
const MEASUREMENTS = 4;

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const gate = setUpGate({
  smtpUrl: smtp.url,
  mailFrom: "no-reply@example.com",
  hashConcurrency: 1,
});

let names = 0;

/** Runs both alternately. Returns the median of how much longer the first takes than the second. */
async function compare(
  first: (round: number) => Promise<unknown>,
  second: (round: number) => Promise<unknown>,
): Promise<number> {
  const ratios: number[] = [];
  for (let round = 0; round < SAMPLES; round += 1) {
    // After an hour, the limits on mails start again.
    gate.advance(3600);
    const times: number[] = [];
    // The order alternates, because work that one leaves behind must not always delay the other.
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const index of order) {
      const start = performance.now();
      await [first, second][index]!(round);
      times[index] = performance.now() - start;
      await settle();
    }
    ratios.push(times[0]! / times[1]!);
  }
  return Math.log(ratios.sort((a, b) => a - b)[SAMPLES / 2] ?? NaN);
}

/** Waits until the work after the response is done, and the mails have left. */
async function settle(): Promise<void> {
  await gate.auth.mail.idle();
  await eventually(
    async () => (await gate.core.sql.read("SELECT id FROM mail_outbox", [])).length === 0,
  );
}

async function expectAlike(margin: number, measure: () => Promise<number>): Promise<void> {
  const found: number[] = [];
  for (let turn = 0; turn < MEASUREMENTS; turn += 1) {
    found.push(Math.abs(await measure()));
    if (found.at(-1)! < margin) return;
  }
  throw new Error(`The logarithms of the medians are ${found.join(", ")}.`);
}

const register = async (email: string, password = PASSWORD) => {
  const variables = { username: `name${(names += 1)}`, email, password };
  expect((await gate.ask(REGISTER, { variables })).status).toBe(200);
};

test("RC-1: a registration takes the same time for a known and an unknown address", async () => {
  await gate.user("owner", { email: "owner@example.com" });
  await expectAlike(0.08, () =>
    compare(
      () => register("owner@example.com"),
      () => register(`new${names}@example.com`),
    ),
  );
}, 240_000);

test("RC-1: a registration runs the same statements for a known and an unknown address", async () => {
  await gate.user("known", { email: "known@example.com" });
  await gate.auth.accounts.setActive(await gate.user("idle", { email: "idle@example.com" }), false);
  const counts: number[] = [];
  for (const kind of ["unknown", "known", "idle"]) {
    const tries: number[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      await settle();
      await gate.flush();
      tries.push(await gate.countStatements(() => register(`${kind}@example.com`)));
    }
    // On a busy machine the work after the response may begin before the response arrives.
    counts.push(Math.min(...tries));
  }
  expect(counts).toEqual([counts[0], counts[0], counts[0]]);
});

test("RC-1: a request for a new link takes the same time for a waiting and an unknown address", async () => {
  await register("waiting@example.com");
  const resend = (email: string) => gate.ask(RESEND, { variables: { email } });
  await expectAlike(0.15, () =>
    compare(
      () => resend("waiting@example.com"),
      (round) => resend(`unknown${round}@example.com`),
    ),
  );
}, 240_000);

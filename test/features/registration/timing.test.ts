import { afterAll, expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import { PASSWORD, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { REGISTER, RESEND } from "./documents.js";

const SAMPLES = 60;
/** How often to measure again. Other load moves the medians at random; a real difference is there each time. */
const MEASUREMENTS = 4;

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const gate = setUpGate({
  smtpUrl: smtp.url,
  mailFrom: "no-reply@example.com",
  hashConcurrency: 1,
});

let names = 0;

/** Runs both in turn, and returns the median of how much longer the first takes. */
async function compare(
  first: (round: number) => Promise<unknown>,
  second: (round: number) => Promise<unknown>,
): Promise<number> {
  const ratios: number[] = [];
  for (let round = 0; round < SAMPLES; round += 1) {
    // The limits on mails begin again.
    gate.advance(3600);
    const times: number[] = [];
    // In turns, so that work left over from one does not always delay the same other one.
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const index of order) {
      const start = performance.now();
      await [first, second][index]!(round);
      times[index] = performance.now() - start;
      // Lets the mails leave, and the work after the response end.
      await sleep(10);
    }
    ratios.push(times[0]! / times[1]!);
  }
  return Math.log(ratios.sort((a, b) => a - b)[SAMPLES / 2] ?? NaN);
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

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectAlike } from "../../support/alike.js";
import { eventually } from "../../support/eventually.js";
import { type Answer, describeGates } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { leastOf } from "../../support/measure.js";
import { call, signIn } from "./calls.js";

const ACCOUNTS = 100;
const REQUESTED = "recovery:reset_requested";
/** The largest relative difference between the medians of two kinds of requests. */
const ALIKE = 0.1;
const smtp = await MailServer.start();

afterAll(() => smtp.close());

describeGates({ smtpUrl: smtp.url, mailFrom: "no-reply@example.com" }, (gate) => {
  let asked = 0;
  let authorization: string;

  beforeAll(async () => {
    for (let account = 0; account < ACCOUNTS; account += 1) {
      await gate.user(`ada${account}`, { email: `ada${account}@example.com` });
    }
    const inactive = await gate.user("idle", { email: "idle@example.com" });
    await gate.auth.accounts.setActive(inactive, false);
    await gate.user("limited", { email: "limited@example.com" });
    ({ authorization } = await signIn(gate, await gate.user("eve", { email: "eve@example.com" })));
  });

  const KINDS: Readonly<Record<string, (account: number) => string>> = {
    unknown: (account) => `bob${account}@example.com`,
    known: (account) => `ada${account % ACCOUNTS}@example.com`,
    inactive: () => "idle@example.com",
    limited: () => "limited@example.com",
  };

  const request = (email: string) => call(gate, "requestPasswordReset", { email });

  /** Returns the parts of a response that a client could compare. */
  const visible = ({ status, headers, text }: Answer) => ({
    status,
    text,
    headers: [...headers].filter(([name]) => name !== "date").sort(),
  });

  test("RC-1: requestPasswordReset gives the same response to everyone, byte for byte", async () => {
    const unknown = visible(await request("bob@example.com"));
    expect(unknown.status).toBe(200);
    for (const [kind, address] of Object.entries(KINDS)) {
      for (const again of [1, 2]) {
        expect([kind, again, visible(await request(address(0)))]).toEqual([kind, again, unknown]);
      }
    }
  });

  test("RC-1: changeEmail gives the same response for every address, byte for byte", async () => {
    const ask = async (newEmail: string) => {
      gate.advance(60);
      return visible(await call(gate, "changeEmail", { newEmail }, { authorization }));
    };
    const free = await ask("free@example.com");
    expect(free.status).toBe(200);
    for (const address of ["ada0@example.com", "idle@example.com", "eve@example.com"]) {
      expect([address, await ask(address)]).toEqual([address, free]);
    }
  });

  test("RC-1: the same statements run before the response, whether or not a mail will be sent", async () => {
    let turn = 0;
    for (const [kind, address] of Object.entries(KINDS)) {
      // On a busy machine the work of a request may begin before its response arrives.
      const count = await leastOf(2, async () => {
        await settle();
        const email = address((turn += 1));
        return gate.countStatements(() => request(email));
      });
      expect([kind, count]).toEqual([kind, 1]);
    }
  });

  test("RC-1: requestPasswordReset takes the same time for every address, within 10%", async () => {
    const kinds = Object.entries(KINDS).map(([kind, address]) => [
      kind,
      async (round: number) => {
        expect((await request(address(round))).status).toBe(200);
      },
    ]);
    let sent = 0;
    const settleAtTimes = async () => {
      sent += 1;
      // After an hour, the limits allow a mail to each known address again.
      if (sent % (kinds.length * ACCOUNTS) === 0) gate.advance(3600);
      if (sent % 80 === 0) await settle();
    };
    gate.advance(3600);
    await expectAlike(Object.fromEntries(kinds), {
      margin: ALIKE,
      rounds: ACCOUNTS,
      settle: settleAtTimes,
    });
  }, 900_000);

  /** Waits until the work of all earlier requests is done. */
  async function settle(): Promise<void> {
    const email = `last${(asked += 1)}@example.com`;
    const userId = await gate.user(`last${asked}`, { email });
    await request(email);
    await eventually(() =>
      gate.events.some((event) => event.type === REQUESTED && event.userId === userId),
    );
    await eventually(async () => (await gate.sql("SELECT id FROM mail_outbox")).length === 0);
    await sleep(20);
  }
});

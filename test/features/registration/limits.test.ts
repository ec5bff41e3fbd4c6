import { afterAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { attempt, expectThrottled, from, REFUSED } from "../../support/attempts.js";
import { eventually } from "../../support/eventually.js";
import { fakeIntervals } from "../../support/fake-timers.js";
import { DATABASES, Gate, PASSWORD, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { REGISTER, RESEND, VERIFY } from "./documents.js";

const WEEK = 7 * 86_400;
/** The interval of the job, and of its lease, in milliseconds. */
const INTERVAL = 600_000;

const smtp = await MailServer.start();
afterAll(() => smtp.close());
beforeEach(() => {
  smtp.reset();
});

const options = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

describe("from one address", () => {
  const gate = setUpGate({
    ...options,
    registration: "open",
    trustedProxies: ["127.0.0.1"],
    publicUrl: "https://auth.example.com",
    loginsPerAddress: 3,
    requestsPerAddress: 10,
  });

  const register = (name: string, address: string) =>
    gate.ask(REGISTER, {
      ...from(address),
      variables: { username: name, email: `${name}@example.com`, password: PASSWORD },
    });
  const resend = (address: string) =>
    gate.ask(RESEND, { ...from(address), variables: { email: "ada@example.com" } });
  const verify = (address: string) =>
    gate.ask(VERIFY, { ...from(address), variables: { token: "x" } });

  test("LG-3: registrations, new links and logins share the limit of logins", async () => {
    expect((await register("ada", "192.0.2.1")).status).toBe(200);
    expect((await resend("192.0.2.1")).status).toBe(200);
    expect(await attempt(gate, "nobody", PASSWORD, from("192.0.2.1"))).toMatchObject(REFUSED);
    expectThrottled(await register("bob", "192.0.2.1"), 60);
    expectThrottled(await resend("192.0.2.1"), 60);
    expect(await gate.auth.accounts.findUser({ username: "bob" })).toBeNull();
    expect((await register("bob", "192.0.2.2")).status).toBe(200);
  });

  test("LG-3: refused registrations count too", async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await register("a b", "192.0.2.3")).code).toBe("BAD_USER_INPUT");
    }
    expectThrottled(await register("eve", "192.0.2.3"), 60);
  });

  test("LG-3: an address can try only a limited number of tokens from mails", async () => {
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await verify("192.0.2.4")).reason).toBe("mail_token_not_valid");
    }
    expectThrottled(await verify("192.0.2.4"), 60);
  });
});

describe.each(DATABASES)("accounts that nobody verifies, over %s", (database) => {
  test("RC-7: lose their name after a week, unless they have been used or verified", async () => {
    fakeIntervals();
    const gate = await Gate.open({ ...options, emailVerification: "optional" }, database);
    const strict = await gate.another({ emailVerification: "required" });
    try {
      const register = (username: string, by = strict) =>
        by.ask(REGISTER, {
          variables: { username, email: `${username}@example.com`, password: PASSWORD },
        });
      for (const name of ["squatter", "member", "late"]) await register(name);
      await register("user", gate);
      await gate.user("created", { email: "created@example.com" });
      const token = await smtp.tokenTo("member@example.com");
      await gate.ask(VERIFY, { variables: { token } });
      const exists = async (username: string) =>
        (await gate.auth.accounts.findUser({ username })) !== null;
      const runJob = async () => {
        jest.advanceTimersByTime(INTERVAL);
        await eventually(() => isIdle(gate));
        await isIdle(strict);
      };
      gate.advance(WEEK - 0.001);
      await runJob();
      expect(await exists("squatter")).toBe(true);
      const idOf = async (username: string) =>
        (await gate.auth.accounts.findUser({ username }))!.id;
      // The first user signed in, but the session is over and pruned. The second user has a session that a command
      // opened.
      await gate.sql("DELETE FROM session WHERE user_id = ?", [await idOf("user")]);
      await gate.issue(await idOf("late"), "TOKEN");
      const squatter = await idOf("squatter");
      gate.advance(INTERVAL / 1000);
      await runJob();
      await eventually(async () => !(await exists("squatter")));
      const names = ["member", "user", "late", "created"];
      expect(await Promise.all(names.map(exists))).toEqual([true, true, true, true]);
      expect([...gate.events, ...strict.events]).toContainEqual({
        type: "user_deleted",
        userId: squatter,
      });
      expect((await register("squatter")).status).toBe(200);
    } finally {
      jest.useRealTimers();
      await gate.close();
    }
  });
});

async function isIdle(gate: Gate): Promise<boolean> {
  const maintenance = gate.auth.maintenance as unknown as { idle(): Promise<void> };
  await maintenance.idle();
  return true;
}

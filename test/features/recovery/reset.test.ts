import { request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { defineFeature, Vetoed } from "../../../src/index.js";
import { attempt, expectThrottled, from, REFUSED, WRONG } from "../../support/attempts.js";
import { eventually } from "../../support/eventually.js";
import { type Answer, describeFreshGates, describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { challengeOf, complete, enrol } from "../second-factor/calls.js";
import { call, linksIn, newTokenTo, NEXT, noticeTo, signIn } from "./calls.js";

const MINUTE = 60;
const LIFETIME = 30 * MINUTE;
const LOCK = 7;
const SENT = {
  requestPasswordReset: {
    message: "If this address has an account, a mail with a link is on its way",
  },
};
const NOT_VALID = {
  status: 400,
  code: "BAD_USER_INPUT",
  reason: "mail_token_not_valid",
  data: null,
};
const EXPIRED = { ...NOT_VALID, reason: "mail_token_expired" };

let veto: string | undefined;
const vetoing = defineFeature({
  name: "vetoing",
  create: () => ({
    hooks: {
      beforePasswordChange: () => {
        if (veto !== undefined) throw new Vetoed(veto);
      },
    },
  }),
});

const smtp = await MailServer.start();
const SMTP = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

afterAll(() => smtp.close());

const options = {
  ...SMTP,
  loginFailureLimit: LOCK,
  secondFactor: "optional",
  features: [vetoing],
} as const;

describeGates(options, (gate) => {
  let count = 0;
  let name: string;
  let email: string;
  let id: string;

  beforeEach(async () => {
    veto = undefined;
    smtp.reset();
    name = `user${(count += 1)}`;
    email = `${name}@example.com`;
    id = await gate.user(name, { email });
    gate.events.length = 0;
  });

  const ask = (address = email) => call(gate, "requestPasswordReset", { email: address });

  /** Asks for a link, and returns the token that arrives. */
  async function newToken(): Promise<string> {
    smtp.reset();
    gate.advance(MINUTE);
    await ask();
    return newTokenTo(smtp, email);
  }

  const reset = (token: string, newPassword = NEXT) =>
    call(gate, "resetPassword", { token, newPassword });

  const logIn = (password: string) => attempt(gate, name, password);

  describe("requestPasswordReset", () => {
    test("RC-2: sends a link to the stored address, valid for 30 minutes, and publishes an event", async () => {
      const { status, data } = await ask(email.toUpperCase());
      expect([status, data]).toEqual([200, SENT]);
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.subject).toBe("Set a new password");
      expect(mail?.text).toContain(`Hello ${name},`);
      expect(mail?.text).toMatch(/https:\/\/auth\.example\.com\/reset-password\?token=[\w-]{43}\n/);
      expect(gate.events).toEqual([{ type: "recovery:reset_requested", userId: id }]);
      const [{ expiry }] = await gate.sql(
        `SELECT expires_at AS expiry FROM mail_token WHERE user_id = ?`,
        [id],
      );
      expect(Number(expiry)).toBe(gate.now + LIFETIME * 1000);
    });

    test("RC-1: sends nothing for an unknown address or an inactive user, and gives the same answer", async () => {
      await gate.auth.accounts.setActive(id, false);
      gate.events.length = 0;
      for (const address of [email, "nobody@example.com", "not an address"]) {
        expect((await ask(address)).data).toEqual(SENT);
      }
      const sentinel = await gate.user(`sentinel${count}`, {
        email: `sentinel${count}@example.com`,
      });
      await ask(`sentinel${count}@example.com`);
      await smtp.mailsTo(`sentinel${count}@example.com`);
      expect(linksIn(smtp)).toHaveLength(1);
      expect(gate.events.filter(({ type }) => type.startsWith("recovery"))).toEqual([
        { type: "recovery:reset_requested", userId: sentinel },
      ]);
    });

    test("RC-4: sends one mail a minute, and the newer link kills the older one", async () => {
      const older = await newToken();
      for (let turn = 0; turn < 5; turn += 1) expect((await ask()).data).toEqual(SENT);
      gate.advance(MINUTE);
      await ask();
      await smtp.mailsTo(email, 2);
      expect(linksIn(smtp)).toHaveLength(2);
      expect(await reset(older)).toMatchObject(NOT_VALID);
      expect((await reset(await newTokenTo(smtp, email))).status).toBe(200);
    });

    test.each([
      "ada@example.com\r\nBcc: eve@example.com",
      "ada@example.com\n",
      "ada@example.com\0",
      "",
      "x".repeat(255),
      "\ud800@example.com",
    ])("refuses header injection and malformed text (%#)", async (address) => {
      expect(await ask(address)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect(linksIn(smtp)).toEqual([]);
    });

    test("RC-3: a forged host does not get into the link", async () => {
      const { port } = new URL(gate.url);
      const headers = {
        host: "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        forwarded: "host=evil.example;proto=http",
        origin: gate.url,
        "content-type": "application/json",
      };
      const query = `mutation { requestPasswordReset(email: "${email}") { message } }`;
      const answer = new Promise<string>((resolve, reject) => {
        request({ port, path: "/graphql", method: "POST", headers }, (response) => {
          text(response).then(resolve, reject);
        })
          .on("error", reject)
          .end(JSON.stringify({ query }));
      });
      expect(JSON.parse(await answer)).toEqual({ data: SENT });
      const [mail] = await smtp.mailsTo(email);
      expect(mail?.source).toContain("https://auth.example.com/reset-password");
      expect(mail?.source).not.toContain("evil");
    });

    test("a mail server that is away delays the mail, and the answer stays the same", async () => {
      await smtp.close();
      expect((await ask()).data).toEqual(SENT);
      await eventually(() => gate.events.some(({ type }) => type === "mail:delayed"));
      await smtp.listen();
      gate.advance(MINUTE);
      gate.auth.mail.wake();
      expect((await reset(await newTokenTo(smtp, email))).status).toBe(200);
    });
  });

  describe("resetPassword", () => {
    test("RC-5: sets the password, ends every session, logs nobody in, and tells the owner", async () => {
      const sessions = [
        await signIn(gate, id),
        await signIn(gate, id, "SLIDING"),
        await signIn(gate, id, "TOKEN"),
      ];
      const { token: named } = await gate.auth.authentication.createStaticToken(id, "script");
      const token = await newToken();
      gate.events.length = 0;
      const { status, data, headers } = await reset(token);
      expect([status, data]).toEqual([
        200,
        { resetPassword: { message: "Password changed", sessionsEnded: 4 } },
      ]);
      expect(headers.get("set-cookie")).toBeNull();
      for (const header of [...sessions.map((each) => each.authorization), `Token ${named}`]) {
        expect((await gate.me(header)).reason).toBe("password_changed");
      }
      expect((await gate.refresh(sessions[0]!.refresh)).status).toBe(401);
      const open = await gate.sql(`SELECT id FROM session WHERE user_id = ? AND ended_at IS NULL`, [
        id,
      ]);
      expect(open).toEqual([]);
      expect(await logIn(PASSWORD)).toMatchObject(REFUSED);
      expect((await logIn(NEXT)).status).toBe(200);
      await noticeTo(smtp, email, "Your password was changed");
      const types = gate.events.map(({ type }) => type);
      expect(types.slice(0, 6)).toEqual([
        "password_changed",
        ...Array<string>(4).fill("session_ended"),
        "recovery:password_reset",
      ]);
      expect(gate.events[5]).toEqual({ type: "recovery:password_reset", userId: id });
    });

    test("LG-7: unlocks a locked account", async () => {
      for (let turn = 0; turn < LOCK; turn += 1) await logIn(WRONG);
      await gate.flush();
      expect(await logIn(PASSWORD)).toMatchObject(REFUSED);
      expect((await reset(await newToken())).status).toBe(200);
      expect((await logIn(NEXT)).status).toBe(200);
    });

    test("MF-2: keeps the count of a user with a second factor, or a mailbox would be enough to guess codes", async () => {
      const { authorization } = await gate.login(name);
      await enrol(gate, authorization);
      for (let turn = 0; turn < LOCK; turn += 1) {
        const challenge = await challengeOf(gate, name);
        await complete(gate, challenge, { totp: "000000" });
        await gate.flush();
      }
      gate.advance(15 * MINUTE);
      expect((await reset(await newToken())).status).toBe(200);
      expect(await logIn(NEXT)).toMatchObject(REFUSED);
      await gate.auth.accounts.unlock(id);
      expect(await logIn(NEXT)).toMatchObject({ reason: "second_factor_required" });
    });

    test("a user without a password gets one", async () => {
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ?`, [id]);
      expect((await reset(await newToken())).data.resetPassword.sessionsEnded).toBe(0);
      expect((await logIn(NEXT)).status).toBe(200);
    });

    test.each([
      ["short", "too short"],
      ["long", "x".repeat(257)],
      ["guessable", "passwordpassword"],
      ["malformed", `${NEXT}\ud800`],
    ])("a password that is too %s leaves the token usable", async (_what, password) => {
      const token = await newToken();
      expect(await reset(token, password)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
      expect((await logIn(PASSWORD)).status).toBe(200);
      expect((await reset(token)).status).toBe(200);
    });

    test("a veto of a hook leaves the token usable, and the sessions alive", async () => {
      const { authorization } = await signIn(gate, id);
      const token = await newToken();
      veto = "Ask the office.";
      expect(await reset(token)).toMatchObject({ status: 403, reason: "vetoed" });
      expect((await gate.me(authorization)).status).toBe(200);
      veto = undefined;
      expect((await reset(token)).status).toBe(200);
    });

    test("RC-2: a token works once, and not after its expiry", async () => {
      const token = await newToken();
      gate.advance(LIFETIME - 0.001);
      expect((await reset(token)).status).toBe(200);
      expect(await reset(token)).toMatchObject(NOT_VALID);
      const late = await newToken();
      gate.advance(LIFETIME);
      expect(await reset(late)).toMatchObject(EXPIRED);
      expect((await logIn(NEXT)).status).toBe(200);
    });

    test("RC-2: of 50 parallel resets, one succeeds", async () => {
      const token = await newToken();
      const answers: Answer[] = await Promise.all(
        Array.from({ length: 50 }, (_, index) => reset(token, `${NEXT} ${index}`)),
      );
      const done = answers.findIndex(({ status }) => status === 200);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status, code, reason } of answers.toSpliced(done, 1)) {
        // Only a few passwords are hashed at the same time, so some requests may be refused.
        if (status === 503) expect(code).toBe("SERVICE_UNAVAILABLE");
        else expect({ status, reason }).toEqual({ status: 400, reason: "mail_token_not_valid" });
      }
      expect((await logIn(`${NEXT} ${done}`)).status).toBe(200);
      expect((await smtp.mailsTo(email, 2)).map(({ subject }) => subject)).toEqual([
        "Set a new password",
        "Your password was changed",
      ]);
    });

    test("RC-4: a token dies when the password, the address or the state changes", async () => {
      const { accounts } = gate.auth;
      const changes = [
        () => accounts.setPassword(id, `${NEXT}!`),
        () => accounts.updateUser(id, { email: (email = `new-${email}`) }),
        async () => {
          await accounts.setActive(id, false);
          await accounts.setActive(id, true);
        },
      ];
      for (const change of changes) {
        const token = await newToken();
        await change();
        expect(await reset(token)).toMatchObject(NOT_VALID);
      }
      const token = await newToken();
      await accounts.deleteUser(id);
      expect(await reset(token)).toMatchObject(NOT_VALID);
    });

    test("a session that refreshes at the same time ends as well", async () => {
      for (let round = 0; round < 4; round += 1) {
        const { refresh } = await signIn(gate, id);
        const token = await newToken();
        const [done, refreshed] = await Promise.all([
          reset(token, `${NEXT} ${round}`),
          gate.refresh(refresh),
        ]);
        expect(done.status).toBe(200);
        const { access, refresh: next } = refreshed.data?.refreshToken ?? {};
        expect((await gate.refresh(refresh)).status).toBe(401);
        if (next === undefined) continue;
        expect((await gate.refresh(next)).status).toBe(401);
        expect((await gate.me(`Bearer ${access}`)).status).toBe(401);
      }
    });

    test.each(["", "x", "x".repeat(43), "x".repeat(5000)])(
      "refuses every other text (%#)",
      async (token) => {
        expect(await reset(token)).toMatchObject(NOT_VALID);
      },
    );

    test("LG-4: a document may use only one token", async () => {
      const token = await newToken();
      const one = `resetPassword(token: "${token}", newPassword: "${NEXT}") { message }`;
      expect(await gate.ask(`mutation { a: ${one} b: ${one} }`)).toMatchObject({
        code: "GRAPHQL_VALIDATION_FAILED",
      });
    });
  });
});

describeFreshGates({ ...SMTP, loginsPerAddress: 3, trustedProxies: ["127.0.0.1"] }, (gate) => {
  test("LG-3: requests for mails and resets count against the limit of logins of an address", async () => {
    const token = "x".repeat(43);
    const address = from("192.0.2.1");
    await call(gate, "requestPasswordReset", { email: "nobody@example.com" }, address);
    await call(gate, "resetPassword", { token, newPassword: NEXT }, address);
    await call(gate, "confirmEmailChange", { token }, address);
    for (const [name, variables] of [
      ["requestPasswordReset", { email: "nobody@example.com" }],
      ["resetPassword", { token, newPassword: NEXT }],
      ["confirmEmailChange", { token }],
    ] as const) {
      expectThrottled(await call(gate, name, variables, address), MINUTE);
      expect((await call(gate, name, variables, from(`192.0.2.${name.length}`))).status).not.toBe(
        429,
      );
    }
  });
});

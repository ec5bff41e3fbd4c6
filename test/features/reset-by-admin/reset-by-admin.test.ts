import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, Gate, PASSWORD, type Tokens } from "../../support/gate.js";
import { MailServer, tokenIn } from "../../support/mail-server.js";
import { rowsDuring } from "../audit/stored.js";
import { fresh } from "../../support/fresh.js";

const MISSING = "0".repeat(32);
const ADDRESS = "ada@example.com";

const smtp = await MailServer.start();
const options = {
  smtpUrl: smtp.url,
  mailFrom: "no-reply@example.com",
  registration: "open" as const,
};

afterAll(() => smtp.close());

describeFreshGates(options, (gate) => {
  let rootId: string;
  let root: Tokens;
  let ada: string;

  beforeEach(async () => {
    rootId = await gate.user("root", { role: "ADMIN" });
    ada = await gate.user("ada", { email: ADDRESS });
    root = await fresh(gate, rootId);
    smtp.reset();
    gate.events.length = 0;
  });

  const start = (id: string, { authorization }: Tokens = root) =>
    gate.ask("mutation ($id: ID!) { startPasswordReset(id: $id) { message } }", {
      variables: { id },
      authorization,
    });
  const queued = () => gate.sql("SELECT id FROM mail_outbox");

  describe("startPasswordReset", () => {
    test("RC-2, PW-13: sends the user a link that works once, and changes nothing else", async () => {
      const { authorization } = await gate.issue(ada);
      const hash = async () => gate.sql(`SELECT password_hash FROM "user" WHERE id = ?`, [ada]);
      const before = await hash();
      const answer = await start(ada);
      expect([answer.status, answer.data]).toEqual([
        200,
        {
          startPasswordReset: {
            message: "The user gets a mail with a link to set a new password.",
          },
        },
      ]);
      await eventually(() => smtp.mails.length === 1);
      const [mail] = smtp.mails;
      expect(mail?.recipients).toEqual([ADDRESS]);
      expect(mail?.subject).toBe("Set a new password");
      expect(mail?.text).toContain("https://auth.example.com/reset-password?token=");
      const token = tokenIn(mail?.text);
      expect(answer.text + JSON.stringify(gate.events)).not.toContain(token);
      const use = () =>
        gate.core.sql.inTransaction((run) =>
          gate.auth.mail.tokens.consume(run, { purpose: "resetPassword", token }),
        );
      expect(await use()).toEqual({ userId: ada, address: ADDRESS, isContested: false });
      await expect(use()).rejects.toMatchObject({ reason: "mail_token_not_valid" });
      expect(await hash()).toEqual(before);
      expect((await gate.me(authorization)).status).toBe(200);
      await gate.login("ada", "JWT", PASSWORD);
    });

    test("the old address gets a notice when an administrator changes or removes it", async () => {
      for (const email of ["ADA@example.com", "root@example.com", "root@example.com", null]) {
        const { status } = await gate.ask(
          "mutation ($id: ID!, $email: String) { updateUser(id: $id, email: $email) { user { id } } }",
          { variables: { id: ada, email }, authorization: root.authorization },
        );
        expect(status).toBe(200);
      }
      await eventually(() => smtp.mails.length === 2);
      expect(smtp.mails.map(({ recipients }) => recipients).sort()).toEqual([
        ["ADA@example.com"],
        ["root@example.com"],
      ]);
      expect(new Set(smtp.mails.map(({ subject }) => subject)).size).toBe(1);
      await eventually(async () => (await queued()).length === 0);
    });

    describe("after an administrator has replaced the address", () => {
      const WEEK = 7 * 86_400;
      const OWN = "mallory@example.com";

      const setEmail = async (email: string | null, id = ada) => {
        const query = `mutation ($id: ID!, $email: String) { updateUser(id: $id, email: $email) { user { id } } }`;
        const { authorization } = await fresh(gate, rootId);
        expect((await gate.ask(query, { variables: { id, email }, authorization })).status).toBe(
          200,
        );
      };
      const startLater = async (seconds: number) => {
        gate.advance(seconds);
        return start(ada, await fresh(gate, rootId));
      };
      const links = () =>
        gate.sql("SELECT id FROM mail_token WHERE purpose = 'resetPassword' AND user_id = ?", [
          ada,
        ]);

      test("RC-6, AZ-8: for a week no link sets a new password, whoever asks for it", async () => {
        await setEmail(OWN);
        const until = new Date(gate.now + WEEK * 1000).toISOString();
        const refused = await start(ada);
        expect(refused).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
        expect(refused.errors?.[0]?.message).toBe(
          `An administrator has replaced the address of this user. No link sets a new password until ${until}.`,
        );
        for (const query of [
          `mutation { requestPasswordReset(email: "${OWN}") { message } }`,
          `mutation { register(username: "bob", email: "${OWN}", password: "${PASSWORD}") { message } }`,
          `mutation { changeEmail(newEmail: "${OWN}") { message } }`,
        ]) {
          gate.advance(3600);
          expect((await gate.ask(query, await fresh(gate, rootId))).status).toBe(200);
          await gate.auth.mail.idle();
        }
        expect(gate.events.map(({ type }) => type).filter((type) => type.includes(":"))).toEqual([
          "registration:registered",
          "recovery:email_change_requested",
        ]);
        expect((await startLater(WEEK - 3 * 3600 - 1)).status).toBe(400);
        expect(await links()).toEqual([]);
        expect((await startLater(1)).status).toBe(200);
        expect(await links()).toHaveLength(1);
      });

      test("the user can log in by the new address and the old password", async () => {
        await setEmail(OWN);
        const query = `mutation { emailLogin(email: "${OWN}", password: "${PASSWORD}") { user { id } } }`;
        expect((await gate.ask(query)).data).toEqual({ emailLogin: { user: { id: ada } } });
      });

      test("RC-6: a removed address counts as replaced, and each further change starts the week again", async () => {
        await setEmail(null);
        await setEmail(OWN);
        expect((await start(ada)).status).toBe(400);
        gate.advance(WEEK - 1);
        await setEmail("trudy@example.com");
        expect((await startLater(WEEK - 1)).status).toBe(400);
        expect((await startLater(1)).status).toBe(200);
      });

      test("the wait ends when the user confirms an address", async () => {
        await setEmail("new@example.com");
        const change = await gate.ask(
          `mutation { changeEmail(newEmail: "new@example.com") { message } }`,
          await fresh(gate, ada),
        );
        expect(change.status).toBe(200);
        const token = await smtp.tokenTo("new@example.com");
        const confirmed = await gate.ask(
          "mutation ($token: String!) { confirmEmailChange(token: $token) { message } }",
          { variables: { token } },
        );
        expect(confirmed.status).toBe(200);
        expect((await startLater(3600)).status).toBe(200);
      });

      test.each([
        ["the same address in another spelling", "ADA@example.com"],
        ["the first address", undefined],
      ])("%s starts no wait", async (_what, email) => {
        if (email === undefined) {
          await gate.auth.accounts.updateUser(ada, { email: null });
          await setEmail(ADDRESS);
        } else await setEmail(email);
        expect((await start(ada)).status).toBe(200);
      });

      test("a wrong address of an unused account can be corrected, and the link is sent at once", async () => {
        const { accounts } = gate.auth;
        const id = await accounts.createUser({ username: "bob", email: "bob@exmaple.com" });
        await setEmail("bob@example.com", id);
        expect((await start(id)).status).toBe(200);
        await smtp.tokenTo("bob@example.com");
      });

      test("`gatehouse prune` deletes waits that are over", async () => {
        await setEmail(OWN);
        const held = () => gate.sql("SELECT user_id FROM reset_hold");
        await gate.auth.maintenance.prune();
        expect(await held()).toHaveLength(1);
        gate.advance(WEEK);
        await gate.auth.maintenance.prune();
        expect(await held()).toEqual([]);
      });
    });

    test("AZ-8: is stored as one event, with its actor and its subject", async () => {
      const rows = await rowsDuring(gate, () => start(ada));
      expect(rows).toMatchObject([
        {
          type: "reset-by-admin:started",
          actor_id: rootId,
          actor_session_id: root.session.id,
          subject_id: ada,
          details: null,
        },
      ]);
    });

    test("a link works for half an hour", async () => {
      await start(ada);
      await eventually(() => smtp.mails.length === 1);
      gate.advance(30 * 60);
      const given = { purpose: "resetPassword", token: tokenIn(smtp.mails[0]?.text) } as const;
      const used = gate.core.sql.inTransaction((run) => gate.auth.mail.tokens.consume(run, given));
      await expect(used).rejects.toMatchObject({ reason: "mail_token_expired" });
    });

    test("RC-4: a user gets one mail a minute, and another call within that minute is refused", async () => {
      expect((await start(ada)).status).toBe(200);
      expect(await start(ada)).toMatchObject({
        status: 429,
        code: "TOO_MANY_REQUESTS",
        reason: "throttled",
        data: null,
      });
      // A newer link would kill the link of a mail that is not sent yet.
      await eventually(() => smtp.mails.length === 1);
      gate.advance(60);
      expect((await start(ada)).status).toBe(200);
      await eventually(() => smtp.mails.length === 2);
    });

    test("also sends a link to a user without a password", async () => {
      const id = await gate.auth.accounts.createUser({ username: "bob", email: "bob@example.com" });
      expect((await start(id)).status).toBe(200);
      await eventually(() => smtp.mails.length === 1);
    });

    test.each([
      ["a missing user", () => Promise.resolve(MISSING), "There is no such user."],
      ["a malformed id", () => Promise.resolve("1"), "There is no such user."],
      [
        "a user without an address",
        (): Promise<string> => gate.user("bob"),
        "This user has no e-mail address. Add one with updateUser first.",
      ],
      [
        "an inactive user",
        async () => {
          await gate.auth.accounts.setActive(ada, false);
          return ada;
        },
        "This user is inactive. Activate the user first.",
      ],
    ])("AZ-6: refuses %s, and queues nothing", async (_what, idOf, message) => {
      const id = await idOf();
      gate.events.length = 0;
      const { status, code, errors } = await start(id);
      expect([status, code, errors?.[0]?.message]).toEqual([400, "BAD_USER_INPUT", message]);
      expect(await queued()).toEqual([]);
      expect(gate.events).toEqual([]);
    });

    test("AZ-8: refuses a static token, a session that is not fresh and a USER, and queues nothing", async () => {
      expect(await start(ada, await fresh(gate, rootId, "TOKEN"))).toMatchObject({
        code: "BAD_USER_INPUT",
      });
      expect(await start(ada, await gate.issue(rootId))).toMatchObject({
        reason: "reauthentication_required",
      });
      expect(await start(ada, await fresh(gate, ada))).toMatchObject({ reason: "role_required" });
      expect(await queued()).toEqual([]);
    });
  });
});

describe("without mail", () => {
  test("the field does not exist, but the rest of the administration does", async () => {
    const gate = await Gate.open({ isProduction: true });
    try {
      expect(gate.auth.typeDefs).not.toMatch(/startPasswordReset|MailPayload/);
      expect(gate.auth.typeDefs).toContain("createUser(");
    } finally {
      await gate.close();
    }
  });
});

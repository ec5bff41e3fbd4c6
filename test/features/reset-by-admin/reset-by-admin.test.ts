import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, Gate, PASSWORD, type Tokens } from "../../support/gate.js";
import { MailServer, tokenIn } from "../../support/mail-server.js";
import { rowsDuring } from "../audit/stored.js";
import { fresh } from "../../support/fresh.js";

const MISSING = "0".repeat(32);
const ADDRESS = "ada@example.com";

const smtp = await MailServer.start();
const options = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

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
      expect(await use()).toEqual({ userId: ada, address: ADDRESS });
      await expect(use()).rejects.toMatchObject({ reason: "mail_token_not_valid" });
      expect(await hash()).toEqual(before);
      expect((await gate.me(authorization)).status).toBe(200);
      await gate.login("ada", "JWT", PASSWORD);
    });

    test("an address that an administrator changes or removes is told to the old one", async () => {
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

    test("RC-4: a user gets one mail a minute, and the administrator learns it", async () => {
      expect((await start(ada)).status).toBe(200);
      expect(await start(ada)).toMatchObject({
        status: 429,
        code: "TOO_MANY_REQUESTS",
        reason: "throttled",
        data: null,
      });
      gate.advance(60);
      expect((await start(ada)).status).toBe(200);
      await eventually(() => smtp.mails.length === 2);
    });

    test("works for a user without a password", async () => {
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

    test("AZ-8: refuses a static token, a stale session and a USER, and queues nothing", async () => {
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
  test("the field does not exist, and the rest of the administration does", async () => {
    const gate = await Gate.open({ isProduction: true });
    try {
      expect(gate.auth.typeDefs).not.toMatch(/startPasswordReset|MailPayload/);
      expect(gate.auth.typeDefs).toContain("createUser(");
    } finally {
      await gate.close();
    }
  });
});

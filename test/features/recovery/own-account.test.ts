import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { graphql } from "graphql";
import { createAuth, defineFeature, Vetoed } from "../../../src/index.js";
import { attempt, REFUSED, WRONG } from "../../support/attempts.js";
import { createDatabase } from "../../support/databases.js";
import { type Answer, describeFreshGates, describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { call, NEXT, noticeTo, signIn } from "./calls.js";

const MINUTE = 60;
const LOCK = 7;
const STATIC = "A static token cannot do this. Log in instead.";

const seen: { veto?: string | undefined; deleted: unknown[] } = { deleted: [] };
const watching = defineFeature({
  name: "watching",
  create: () => ({
    hooks: {
      beforePasswordChange: () => {
        if (seen.veto !== undefined) throw new Vetoed(seen.veto);
      },
      onUserDeleted: (user) => void seen.deleted.push(user),
    },
  }),
});

const smtp = await MailServer.start();
const SMTP = { smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

afterAll(() => smtp.close());

describeGates({ ...SMTP, features: [watching], loginFailureLimit: LOCK }, (gate) => {
  let count = 0;
  let name: string;
  let email: string;
  let id: string;

  beforeEach(async () => {
    seen.veto = undefined;
    seen.deleted = [];
    smtp.reset();
    name = `user${(count += 1)}`;
    email = `${name}@example.com`;
    id = await gate.user(name, { email });
    gate.events.length = 0;
  });

  const change = (authorization: string, currentPassword = PASSWORD, newPassword = NEXT) =>
    call(gate, "changePassword", { currentPassword, newPassword }, { authorization });

  const logIn = (password: string) => attempt(gate, name, password);

  describe("changePassword", () => {
    test.each(["JWT", "SLIDING"] as const)(
      "PW-11: ends the other sessions, keeps the current one of the scheme %s, and tells the owner",
      async (scheme) => {
        const mine = await signIn(gate, id, scheme);
        const others = [
          await signIn(gate, id),
          await signIn(gate, id, "SLIDING"),
          await signIn(gate, id, "TOKEN"),
        ];
        const { status, data } = await change(mine.authorization);
        expect([status, data]).toEqual([
          200,
          { changePassword: { message: "Password changed", sessionsEnded: 3 } },
        ]);
        expect((await gate.me(mine.authorization)).status).toBe(200);
        expect((await gate.refresh(scheme === "JWT" ? mine.refresh : mine.token)).status).toBe(200);
        for (const { authorization } of others) {
          expect((await gate.me(authorization)).reason).toBe("password_changed");
        }
        for (const rotating of [others[0]!.refresh, others[1]!.token]) {
          expect((await gate.refresh(rotating)).reason).toBe("password_changed");
        }
        expect(await logIn(PASSWORD)).toMatchObject(REFUSED);
        expect((await logIn(NEXT)).status).toBe(200);
        await noticeTo(smtp, email, "Your password was changed");
        expect(gate.events.filter(({ type }) => type === "password_changed")).toEqual([
          { type: "password_changed", userId: id },
        ]);
      },
    );

    test("RC-4: kills a link to reset the password", async () => {
      const { authorization } = await signIn(gate, id);
      gate.advance(MINUTE);
      await call(gate, "requestPasswordReset", { email });
      const token = await smtp.tokenTo(email);
      expect((await change(authorization)).status).toBe(200);
      expect(await call(gate, "resetPassword", { token, newPassword: PASSWORD })).toMatchObject({
        reason: "mail_token_not_valid",
      });
      expect((await logIn(NEXT)).status).toBe(200);
    });

    test("PW-11, LG-6: a wrong password counts as a failed login, and can lock the account", async () => {
      const { authorization } = await signIn(gate, id);
      for (let turn = 0; turn < LOCK; turn += 1) {
        expect(await change(authorization, WRONG)).toMatchObject(REFUSED);
      }
      await gate.flush();
      expect(gate.events).toContainEqual({ type: "account_locked", userId: id });
      expect(gate.events).toContainEqual({
        type: "password_refused",
        userId: id,
        reason: "invalid_credentials",
      });
      expect(await change(authorization)).toMatchObject(REFUSED);
      expect(await logIn(PASSWORD)).toMatchObject(REFUSED);
      expect((await gate.me(authorization)).status).toBe(200);
    });

    test("LG-6: an account that failed logins have locked is also locked for changePassword", async () => {
      const { authorization } = await signIn(gate, id);
      for (let turn = 0; turn < LOCK; turn += 1) await logIn(WRONG);
      await gate.flush();
      expect(await change(authorization)).toMatchObject(REFUSED);
    });

    test.each(["passwordpassword", "short", "x".repeat(257)])(
      "PW-5: a weak password and a veto change nothing (%#)",
      async (weak) => {
        const { authorization } = await signIn(gate, id);
        const other = await signIn(gate, id);
        expect(await change(authorization, PASSWORD, weak)).toMatchObject({
          status: 400,
          reason: "password_too_weak",
        });
        seen.veto = "Ask the office.";
        expect(await change(authorization)).toMatchObject({ status: 403, reason: "vetoed" });
        expect((await gate.me(other.authorization)).status).toBe(200);
        expect((await logIn(PASSWORD)).status).toBe(200);
      },
    );

    test("AZ-8: refuses static tokens before it checks the password", async () => {
      const { token } = await gate.auth.authentication.createStaticToken(id, "script");
      const { authorization } = await signIn(gate, id, "TOKEN");
      for (const header of [authorization, `Token ${token}`]) {
        for (let turn = 0; turn < LOCK; turn += 1) {
          const refused = await change(header, WRONG);
          expect(refused).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
          expect(refused.errors?.[0]?.message).toBe(STATIC);
        }
      }
      await gate.flush();
      expect((await logIn(PASSWORD)).status).toBe(200);
    });

    test("G-02: needs a live session", async () => {
      const { authorization } = await signIn(gate, id);
      await gate.logout({ authorization });
      expect((await change(authorization)).reason).toBe("token_revoked");
      expect((await change("")).reason).toBe("no_credentials");
    });

    test("of eight changes at the same time, one succeeds, and only its session survives", async () => {
      const sessions = await Promise.all(Array.from({ length: 8 }, () => signIn(gate, id)));
      const answers = await Promise.all(
        sessions.map(({ authorization }, index) =>
          change(authorization, PASSWORD, `${NEXT} ${index}`),
        ),
      );
      const done = answers.findIndex(({ status }) => status === 200);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status } of answers.toSpliced(done, 1)) expect(status).toBe(401);
      const alive = await Promise.all(
        sessions.map(async ({ authorization }) => (await gate.me(authorization)).status === 200),
      );
      expect(alive).toEqual(sessions.map((_, index) => index === done));
      expect((await logIn(`${NEXT} ${done}`)).status).toBe(200);
    });

    test("LG-4: a document may check one credential only", async () => {
      const { authorization } = await signIn(gate, id);
      const one = `changePassword(currentPassword: "${PASSWORD}", newPassword: "${NEXT}") { message }`;
      const { code } = await gate.ask(`mutation { a: ${one} b: ${one} }`, { authorization });
      expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    });

    test("a user whose address can get no mail can still change the password", async () => {
      // An older version stored such addresses.
      const hidden = `a\u200b${email}`;
      await gate.sql(`UPDATE "user" SET email = ?, email_key = ? WHERE id = ?`, [
        hidden,
        hidden,
        id,
      ]);
      const { authorization } = await signIn(gate, id);
      expect((await change(authorization)).status).toBe(200);
    });
  });

  describe("deleteAccount", () => {
    const deleteAccount = (authorization: string): Promise<Answer> =>
      call(gate, "deleteAccount", {}, { authorization });

    test("deletes the user with all sessions, runs onUserDeleted, and tells the owner", async () => {
      const mine = await signIn(gate, id);
      const { token } = await gate.auth.authentication.createStaticToken(id, "script");
      const { status, data } = await deleteAccount(mine.authorization);
      expect([status, data]).toEqual([200, { deleteAccount: { message: "Account deleted" } }]);
      for (const header of [mine.authorization, `Token ${token}`]) {
        expect((await gate.me(header)).status).toBe(401);
      }
      expect((await gate.refresh(mine.refresh)).reason).toBe("user_not_found");
      expect(await logIn(PASSWORD)).toMatchObject(REFUSED);
      expect(await gate.sql(`SELECT id FROM "user" WHERE id = ?`, [id])).toEqual([]);
      expect(seen.deleted).toEqual([{ id, username: name, email }]);
      expect(gate.events).toContainEqual({ type: "user_deleted", userId: id });
      await noticeTo(smtp, email, "Your account was deleted");
    });

    test("needs a recent password", async () => {
      const { authorization } = await gate.issue(id);
      expect(await deleteAccount(authorization)).toMatchObject({
        status: 403,
        reason: "reauthentication_required",
      });
      expect((await gate.me(authorization)).status).toBe(200);
      expect(seen.deleted).toEqual([]);
    });

    test("AZ-8: refuses the static token of a login", async () => {
      const { authorization } = await signIn(gate, id, "TOKEN");
      const refused = await deleteAccount(authorization);
      expect(refused).toMatchObject({ status: 400, code: "BAD_USER_INPUT", data: null });
      expect(refused.errors?.[0]?.message).toBe(STATIC);
      expect((await gate.me(authorization)).status).toBe(200);
    });
  });
});

describeFreshGates({ ...SMTP, features: [watching] }, (gate) => {
  test("AZ-8: the last administrators cannot delete themselves, even by two requests at once", async () => {
    seen.deleted = [];
    smtp.reset();
    const ids = [
      await gate.user("ada", { role: "ADMIN", email: "ada@example.com" }),
      await gate.user("eve", { role: "ADMIN", email: "eve@example.com" }),
    ];
    const headers = await Promise.all(ids.map((id) => signIn(gate, id)));
    const answers = await Promise.all(
      headers.map(({ authorization }) => call(gate, "deleteAccount", {}, { authorization })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const refused = answers.findIndex(({ status }) => status === 400);
    expect(answers[refused]?.errors?.[0]?.message).toBe(
      "This user is the last active ADMIN. Give another user the role ADMIN first.",
    );
    expect((await gate.me(headers[refused]?.authorization)).status).toBe(200);
    expect(seen.deleted).toHaveLength(1);
    const waiting = await gate.sql(`SELECT id FROM mail_outbox WHERE user_id = ?`, [ids[refused]]);
    expect(waiting).toEqual([]);
  });
});

const ALL = ["changePassword", "deleteAccount", "requestPasswordReset", "resetPassword"].concat(
  "changeEmail",
  "confirmEmailChange",
);

/** Returns the mutations of this feature in a schema. */
const mutationsIn = (typeDefs: string) =>
  ALL.filter((field) => new RegExp(`^  ${field}\\b`, "m").test(typeDefs));

describeGates({ recovery: false }, (gate) => {
  test("there is no mutation if it is switched off", async () => {
    expect(mutationsIn(gate.auth.typeDefs)).toEqual([]);
    const { code } = await call(gate, "requestPasswordReset", { email: "ada@example.com" });
    expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
    expect(gate.auth.typeDefs).not.toContain("PasswordPayload");
  });
});

test("without mail, an application has only changePassword and deleteAccount", async () => {
  const database = await createDatabase("sqlite");
  const secretKey = "b5d1f0c7a9e34e0f8c2d6b7a1e9f3c40";
  const auth = await createAuth({ databaseUrl: database.url, secretKey });
  try {
    expect(mutationsIn(auth.typeDefs)).toEqual(["changePassword", "deleteAccount"]);
    expect(auth.typeDefs).not.toContain("MailPayload");
    await auth.accounts.createUser({
      username: "ada",
      email: "ada@example.com",
      password: PASSWORD,
    });
    const { access } = await auth.authentication.login({ username: "ada" }, PASSWORD);
    const run = async (source: string) => {
      const contextValue = await auth.createContext({
        headers: { authorization: `Bearer ${access}` },
      });
      return graphql({ schema: auth.schema, source, contextValue });
    };
    expect(
      await run(`mutation {
        changePassword(currentPassword: "${PASSWORD}", newPassword: "${NEXT}") { sessionsEnded }
      }`),
    ).toEqual({ data: { changePassword: { sessionsEnded: 0 } } });
    await auth.authentication.login({ username: "ada" }, NEXT);
    expect(await run(`mutation { deleteAccount { message } }`)).toEqual({
      data: { deleteAccount: { message: "Account deleted" } },
    });
    expect(await database.sql(`SELECT id FROM "user"`)).toEqual([]);
  } finally {
    await auth.close();
    await database.drop();
  }
});

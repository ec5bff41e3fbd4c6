import { beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, describeGates, type Tokens } from "../../support/gate.js";
import { signIn } from "../recovery/calls.js";
import { answered, begin, complete, logIn } from "./calls.js";
import { type Person } from "./identity-server.js";
import { FAILED, startProvider } from "./setup.js";

const LAST = { status: 400, code: "BAD_USER_INPUT", reason: "last_sign_in_method", data: null };
const MINUTE = 60;

const { server, options } = await startProvider();
const OPTIONS = {
  ...options,
  impersonation: true,
} as const;

describeGates(OPTIONS, (gate) => {
  let count = 0;
  let person: Person;
  let id: string;
  let session: Tokens;

  beforeEach(async () => {
    server.reset();
    const sub = `person-${(count += 1)}`;
    person = { sub, email: `${sub}@example.com`, email_verified: true };
    id = await gate.user(sub, { email: `${sub}@example.com` });
    session = await signIn(gate, id);
    gate.events.length = 0;
  });

  const own = () => ({ authorization: session.authorization });
  const link = () => logIn(gate, server, person, own());

  async function linkedAccounts(authorization = session.authorization) {
    const query = "{ linkedAccounts { id provider name linkedAt lastUsedAt } }";
    return (await gate.ask(query, { authorization })).data.linkedAccounts;
  }

  const unlink = (account: string, call = own()): Promise<Answer> =>
    gate.ask(`mutation ($id: ID!) { unlinkAccount(id: $id) { message } }`, {
      ...call,
      variables: { id: account },
    });

  describe("a signed-in user", () => {
    test("links an account, keeps the session, and can log in by the account", async () => {
      const { data } = await link();
      expect(data.completeExternalLogin).toMatchObject({
        ...{ scheme: "JWT", tokenType: "Bearer", token: null, access: null, refresh: null },
        session: { id: session.session.id },
        user: { id },
      });
      const details = { provider: "corp" };
      expect(gate.events).toEqual([{ type: "external-login:linked", userId: id, details }]);
      const linkedAt = new Date(gate.now).toISOString();
      const account = { provider: "corp", name: person.email, linkedAt };
      expect(await linkedAccounts()).toMatchObject([{ ...account, lastUsedAt: null }]);
      gate.advance(MINUTE);
      expect((await logIn(gate, server, person)).data.completeExternalLogin.user.id).toBe(id);
      const lastUsedAt = new Date(gate.now).toISOString();
      expect(await linkedAccounts()).toMatchObject([{ ...account, lastUsedAt }]);
    });

    test("may link an account with an address that is not verified, or not the user's", async () => {
      person = { ...person, email: "other@example.com", email_verified: false };
      expect((await link()).status).toBe(200);
      expect(await linkedAccounts()).toMatchObject([{ name: null }]);
      expect((await gate.me(session.authorization)).status).toBe(200);
    });

    test("may link an account twice, which changes nothing", async () => {
      await link();
      const before = await linkedAccounts();
      gate.events.length = 0;
      expect((await link()).status).toBe(200);
      expect([await linkedAccounts(), gate.events]).toEqual([before, []]);
    });

    test("cannot link the account of another user", async () => {
      await link();
      const other = await signIn(gate, await gate.user(`other-${count}`));
      const answer = await logIn(gate, server, person, { authorization: other.authorization });
      expect(answer).toMatchObject({ status: 400, reason: "external_account_taken", data: null });
      expect(await linkedAccounts(other.authorization)).toEqual([]);
      expect(await linkedAccounts()).toHaveLength(1);
    });

    test("may link one account in two requests at once, and one of two users gets it", async () => {
      const other = await signIn(gate, await gate.user(`other-${count}`));
      const calls = [own(), { authorization: other.authorization }];
      const given = [];
      for (const call of calls) given.push(await answered(gate, server, person, call));
      const answers = await Promise.all(
        given.map((answer, index) => complete(gate, answer, calls[index])),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
      const rows = await gate.sql(`SELECT id FROM linked_account WHERE subject = ?`, [person.sub]);
      expect(rows).toHaveLength(1);
    });
  });

  describe("a hijacked session", () => {
    test("EX-4: without a password given in the last 15 minutes, no account can be linked", async () => {
      const { authorization } = await signIn(gate, id, "SLIDING");
      gate.advance(15 * MINUTE + 1);
      const answer = await begin(gate, {}, { authorization });
      expect(answer).toMatchObject({ status: 403, reason: "reauthentication_required" });
      const issued = await gate.issue(id);
      expect(await begin(gate, {}, issued)).toMatchObject({ reason: "reauthentication_required" });
      expect(server.requests).toEqual([]);
    });

    test("a static token and an administrator who acts as the user cannot link", async () => {
      const token = await signIn(gate, id, "TOKEN");
      expect(await begin(gate, {}, token)).toMatchObject({ code: "BAD_USER_INPUT" });
      const admin = await signIn(gate, await gate.user(`admin-${count}`, { role: "ADMIN" }));
      const query = `mutation { impersonate(userId: "${id}", reason: "test") { access } }`;
      const { data } = await gate.ask(query, { authorization: admin.authorization });
      const authorization = `Bearer ${data.impersonate.access}`;
      expect(await begin(gate, {}, { authorization })).toMatchObject({ code: "BAD_USER_INPUT" });
      expect(await unlink("0".repeat(32), { authorization })).toMatchObject({
        data: null,
      });
    });

    test("an expired access token begins neither a link nor a login", async () => {
      gate.advance(6 * MINUTE);
      expect(await begin(gate, {}, own())).toMatchObject({ reason: "token_expired" });
    });
  });

  describe("the link of a session", () => {
    test.each([
      ["without a session", () => Promise.resolve({})],
      ["by another session of the user", () => signIn(gate, id)],
      ["by another user", async () => signIn(gate, await gate.user(`other-${count}`))],
    ])("cannot be completed %s, and nothing is linked", async (_who, other) => {
      const given = await answered(gate, server, person, own());
      const { authorization } = (await other()) as Partial<Tokens>;
      const call = authorization === undefined ? {} : { authorization };
      expect(await complete(gate, given, call)).toMatchObject(FAILED);
      // The refused attempt has used the link up, so the user cannot complete it either.
      expect(await complete(gate, given, own())).toMatchObject(FAILED);
      expect(await linkedAccounts()).toEqual([]);
    });

    test("cannot be completed after the session has ended", async () => {
      const given = await answered(gate, server, person, own());
      await gate.logout(own());
      expect(await complete(gate, given, own())).toMatchObject(FAILED);
      expect(await gate.sql(`SELECT id FROM linked_account WHERE user_id = ?`, [id])).toEqual([]);
    });

    test("a login that was begun without a session links nothing", async () => {
      const given = await answered(gate, server, person);
      expect(await complete(gate, given, own())).toMatchObject({ reason: "account_exists" });
      expect(await linkedAccounts()).toEqual([]);
    });
  });

  describe("unlinkAccount", () => {
    test("removes an account, which then logs nobody in", async () => {
      await link();
      const [account] = await linkedAccounts();
      gate.events.length = 0;
      const { data } = await unlink(account.id);
      expect(data).toEqual({ unlinkAccount: { message: "Account unlinked" } });
      const details = { provider: "corp" };
      expect(gate.events).toEqual([{ type: "external-login:unlinked", userId: id, details }]);
      expect(await linkedAccounts()).toEqual([]);
      expect(await logIn(gate, server, person)).toMatchObject({ reason: "account_exists" });
    });

    test("needs a password given in the last 15 minutes", async () => {
      await link();
      const [account] = await linkedAccounts();
      const issued = await gate.issue(id);
      expect(await unlink(account.id, issued)).toMatchObject({
        reason: "reauthentication_required",
      });
      expect(await linkedAccounts()).toHaveLength(1);
    });

    test("keeps an account if the session has ended since the request began", async () => {
      await link();
      const [account] = await linkedAccounts();
      const answer = await gate.ask(
        `mutation ($id: ID!) { logoutAll { message } unlinkAccount(id: $id) { message } }`,
        { ...own(), variables: { id: account.id } },
      );
      expect(answer).toMatchObject({ reason: "token_revoked", data: null });
      expect(await gate.sql("SELECT id FROM linked_account WHERE user_id = ?", [id])).toHaveLength(
        1,
      );
    });

    test("refuses another user's account, and an unknown one", async () => {
      await link();
      const [account] = await linkedAccounts();
      const other = await signIn(gate, await gate.user(`other-${count}`));
      for (const wrong of [account.id, "0".repeat(32), "", "x", "' OR 1=1 --"]) {
        expect(await unlink(wrong, other)).toMatchObject({ code: "BAD_USER_INPUT", data: null });
      }
      expect(await linkedAccounts()).toHaveLength(1);
    });

    test("EX-6: keeps the only way of a user to log in", async () => {
      await link();
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ? RETURNING id`, [id]);
      const [account] = await linkedAccounts();
      expect(await unlink(account.id)).toMatchObject(LAST);
      person = { ...person, sub: `${person.sub}-2` };
      await link();
      expect((await unlink(account.id)).status).toBe(200);
      const [kept] = await linkedAccounts();
      expect(await unlink(kept.id)).toMatchObject(LAST);
    });

    test("EX-6: keeps one of the last two, if both are removed at once", async () => {
      await link();
      person = { ...person, sub: `${person.sub}-2` };
      await link();
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ? RETURNING id`, [id]);
      const accounts: { id: string }[] = await linkedAccounts();
      const answers = await Promise.all(accounts.map((account) => unlink(account.id)));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
      expect(await linkedAccounts()).toHaveLength(1);
    });

    test("an account at a provider that was removed from the settings does not count as a way to log in", async () => {
      await link();
      await gate.sql(
        `INSERT INTO linked_account (id, user_id, provider, issuer, subject, linked_at)
         VALUES (?, ?, 'gone', 'https://gone.example', '1', 1) RETURNING id`,
        [session.session.id, id],
      );
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ? RETURNING id`, [id]);
      const [gone, usable] = await linkedAccounts();
      expect(await unlink(usable.id)).toMatchObject(LAST);
      expect((await unlink(gone.id)).status).toBe(200);
      await gate.sql(`DELETE FROM linked_account WHERE user_id = ? RETURNING id`, [id]);
    });
  });

  test("a deleted user leaves no linked account, and no link that has begun", async () => {
    await link();
    await begin(gate, {}, own());
    await gate.auth.accounts.deleteUser(id);
    for (const table of ["linked_account", "external_login"]) {
      expect(await gate.sql(`SELECT * FROM ${table} WHERE user_id = ?`, [id])).toEqual([]);
    }
  });

  test("linkedAccounts needs a signed-in user", async () => {
    expect(await gate.ask("{ linkedAccounts { id } }")).toMatchObject({ reason: "no_credentials" });
  });
});

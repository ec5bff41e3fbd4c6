import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, Gate, PASSWORD } from "../support/gate.js";

const EMAIL_LOGIN = `mutation ($email: String!, $password: String!, $scheme: AuthScheme! = JWT) {
  emailLogin(email: $email, password: $password, scheme: $scheme) {
    token access refresh user { id email }
  }
}`;

describeGates((gate, database) => {
  let mamun: string;

  const emailLogin = (email: string, password = PASSWORD, scheme?: string) =>
    gate.ask(EMAIL_LOGIN, { variables: { email, password, scheme } });

  beforeAll(async () => {
    mamun = await gate.user("mamun", { email: "mamun@gmail.com" });
    await gate.user("idle", { email: "idle@gmail.com" });
    await gate.user("keyless", { email: "keyless@gmail.com", password: null });
    const { id } = (await gate.auth.accounts.findUser({ username: "idle" }))!;
    await gate.auth.accounts.setActive(id, false);
  });

  describe("emailLogin", () => {
    test("L-08: returns working tokens, the user's id and e-mail, for each scheme", async () => {
      const jwt = (await emailLogin("mamun@gmail.com")).data.emailLogin;
      const fixed = (await emailLogin("mamun@gmail.com", PASSWORD, "TOKEN")).data.emailLogin;
      for (const { user } of [jwt, fixed])
        expect(user).toEqual({ id: mamun, email: "mamun@gmail.com" });
      expect((await gate.me(`Bearer ${jwt.access}`)).data.me.id).toBe(mamun);
      expect((await gate.me(`Token ${fixed.token}`)).data.me.id).toBe(mamun);
      expect((await gate.refresh(jwt.refresh)).status).toBe(200);
    });

    test("L-09, L-15: gives byte-identical responses for unknown users, wrong passwords, inactive users and users without a password", async () => {
      const unknown = await emailLogin("nobody@gmail.com");
      expect(unknown).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "invalid_credentials",
      });
      const others = [
        await emailLogin("mamun@gmail.com", "a wrong password"),
        await emailLogin("idle@gmail.com"),
        await emailLogin("keyless@gmail.com"),
        await emailLogin("not an address"),
        await emailLogin("mamun"),
      ];
      for (const { status, text } of others) {
        expect([status, text]).toEqual([unknown.status, unknown.text]);
      }
    });

    test.each(["Mamun@Gmail.com ", "  mamun@gmail.com", "MAMUN@GMAIL.COM", "mamun@GMAIL.com"])(
      "L-11: trims the address and ignores its case: '%s'",
      async (email) => {
        expect((await emailLogin(email)).data.emailLogin.user.id).toBe(mamun);
      },
    );

    test("L-11, W12: uses the password unchanged, with its blanks and its case", async () => {
      for (const password of [`${PASSWORD} `, ` ${PASSWORD}`, PASSWORD.toUpperCase()]) {
        expect((await emailLogin("mamun@gmail.com", password)).reason).toBe("invalid_credentials");
      }
    });

    test("L-10: another spelling of an address is the same address, and cannot be registered again", async () => {
      for (const email of ["MAMUN@gmail.com", "mamun@GMAIL.COM"]) {
        await expect(gate.user("second", { email })).rejects.toMatchObject({
          code: "BAD_USER_INPUT",
        });
      }
    });

    test("L-10: two users who share an address, as in old data, are refused without a 500", async () => {
      const old = await Gate.open({}, database);
      try {
        await old.user("one", { email: "both@example.com" });
        await old.user("two", { email: "other@example.com" });
        // Old data has no unique index on the addresses.
        await old.sql(`DROP INDEX user_email_key_unique`);
        await old.sql(`UPDATE "user" SET email_key = 'both@example.com'`);
        const variables = { email: "both@example.com", password: PASSWORD };
        const answer = await old.ask(EMAIL_LOGIN, { variables });
        expect(answer).toMatchObject({ status: 401, reason: "invalid_credentials" });
      } finally {
        await old.close();
      }
    });

    test("refuses a user name as the address, and `login` refuses an address as the user name", async () => {
      expect((await emailLogin("mamun")).reason).toBe("invalid_credentials");
      const variables = { username: "mamun@gmail.com", password: PASSWORD };
      const query = `mutation ($username: String!, $password: String!) {
      login(username: $username, password: $password) { scheme }
    }`;
      expect((await gate.ask(query, { variables })).reason).toBe("invalid_credentials");
    });
  });
});

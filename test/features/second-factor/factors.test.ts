import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { defineFeature, requireSecondFactor } from "../../../src/index.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { codeAt, STEP } from "../../support/totp.js";
import {
  beginTotp,
  challengeOf,
  complete,
  confirmTotp,
  disableTotp,
  enrol,
  type Enrolled,
  enrolled,
  login,
  newName,
  notThe,
  readState,
  reauthenticate,
  signIn,
} from "./calls.js";

const ACR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";
const MINUTE = 60;
const STALE = { status: 403, code: "FORBIDDEN", reason: "reauthentication_required", data: null };

const smtp = await MailServer.start();

/** An application's own fields that need a second factor. */
const vault = defineFeature({
  name: "vault",
  create: () => ({
    extension: {
      typeDefs: `extend type Query {
        vault: Int! @auth(with: SECOND_FACTOR)
        freshVault: Int! @auth(freshWithin: "15m", with: SECOND_FACTOR)
        ownVault: Int! @auth
      }`,
      resolvers: {
        Query: {
          vault: () => 1,
          freshVault: () => 2,
          ownVault: async (_root: unknown, _args: unknown, context: object) => {
            await requireSecondFactor(context);
            return 3;
          },
        },
      },
    },
  }),
});

const options = {
  ...{ features: [vault], impersonation: true },
  secondFactor: "optional",
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com", accessTokenLifetime: 3600 },
} as const;

beforeEach(() => {
  smtp.reset();
});
afterAll(() => smtp.close());

describeGates(options, (gate) => {
  const regenerate = (authorization: string) =>
    gate.ask("mutation { regenerateRecoveryCodes { recoveryCodes } }", { authorization });

  describe("an enrolment", () => {
    test("gives a secret of 160 bits, as text, as a URI and as a QR code", async () => {
      const name = newName();
      await gate.user(name);
      const { authorization } = await gate.login(name);
      const { secret, uri, qr } = (await beginTotp(gate, authorization)).data.beginTotp;
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      expect(uri).toBe(
        `otpauth://totp/auth.example.com:${name}?issuer=auth.example.com&secret=${secret}&algorithm=SHA1&digits=6&period=30`,
      );
      expect(qr).toMatch(/^<svg .*<\/svg>$/s);
      expect(qr).not.toContain("script");
      expect((await login(gate, name)).status).toBe(200);
    });

    test("shows ten recovery codes once, ends the other sign-ins and sends a mail", async () => {
      const name = newName();
      const email = `${name}@example.com`;
      const id = await gate.user(name, { email });
      const thief = await gate.login(name);
      const { authorization } = await gate.login(name);
      const { recoveryCodes } = await enrol(gate, authorization);
      expect(new Set(recoveryCodes).size).toBe(10);
      for (const code of recoveryCodes) expect(code).toMatch(/^(?:[0-9a-z]{6}-){3}[0-9a-z]{6}$/);
      expect((await readState(gate, authorization)).data.secondFactor).toEqual({
        ...{ factors: ["totp", "recoveryCode"], recoveryCodesLeft: 10, isRequired: false },
      });
      expect((await gate.me(thief.authorization)).reason).toBe("token_revoked");
      const [mail] = await smtp.mailsTo(email, 1);
      expect(mail?.subject).toBe("A second factor was added");
      const details = { factor: "totp" };
      expect(gate.events).toContainEqual({ type: "second-factor:enrolled", userId: id, details });
      // Another app replaces the first one.
      gate.advance(STEP);
      expect((await enrol(gate, authorization)).recoveryCodes).toBeNull();
    });

    test("needs a fresh session that a login has opened", async () => {
      const name = newName();
      const id = await gate.user(name);
      const { authorization } = await gate.login(name);
      gate.advance(15 * MINUTE + 1);
      expect(await beginTotp(gate, authorization)).toMatchObject(STALE);
      expect(await confirmTotp(gate, authorization, "123456")).toMatchObject(STALE);
      const { authorization: token } = await gate.login(name, "TOKEN");
      expect((await beginTotp(gate, token)).code).toBe("BAD_USER_INPUT");
      const root = newName();
      await gate.user(root, { role: "ADMIN" });
      const { authorization: admin } = await gate.login(root);
      const acting = await gate.ask(
        `mutation { impersonate(userId: "${id}", reason: "help") { access } }`,
        { authorization: admin },
      );
      const acted = await beginTotp(gate, `Bearer ${acting.data.impersonate.access}`);
      expect([acted.code, acted.reason]).toEqual(["FORBIDDEN", "reauthentication_required"]);
    });

    test("is confirmed by a right code, in the session that began it, within 15 minutes", async () => {
      const name = newName();
      await gate.user(name);
      const { authorization } = await gate.login(name);
      const { secret } = (await beginTotp(gate, authorization)).data.beginTotp;
      const code = codeAt(secret, gate.now);
      const other = await gate.login(name);
      for (const [header, given] of [
        [other.authorization, code],
        [authorization, notThe(code)],
      ] as const) {
        expect((await confirmTotp(gate, header, given)).reason).toBe("code_not_valid");
      }
      gate.advance(15 * MINUTE);
      const late = codeAt(secret, gate.now);
      expect((await confirmTotp(gate, authorization, late)).reason).toBe("code_not_valid");
    });

    test("MF-8: is not stored in a session that has ended since the request began", async () => {
      const name = newName();
      const id = await gate.user(name);
      const { authorization } = await gate.login(name);
      const { secret } = (await beginTotp(gate, authorization)).data.beginTotp;
      const code = codeAt(secret, gate.now);
      const answer = await gate.ask(
        `mutation { logoutAll { message } confirmTotp(code: "${code}") { message } }`,
        { authorization },
      );
      expect(answer).toMatchObject({ reason: "token_revoked", data: null });
      for (const table of ["totp", "recovery_code"]) {
        expect(await gate.sql(`SELECT * FROM ${table} WHERE user_id = ?`, [id])).toHaveLength(0);
      }
    });

    test("counts against the request limit of its address, because the QR code takes time", async () => {
      const limited = await gate.another({ requestsPerAddress: 2 });
      const name = newName();
      await gate.user(name);
      const { authorization } = await gate.login(name);
      const begin = async () => (await beginTotp(limited, authorization)).status;
      expect([await begin(), await begin(), await begin()]).toEqual([200, 200, 429]);
      await limited.close();
    });

    test("is not begun for a user who was deleted since the request began", async () => {
      const name = newName();
      await gate.user(name);
      const { authorization } = await gate.login(name);
      const answer = await gate.ask("mutation { deleteAccount { message } beginTotp { secret } }", {
        authorization,
      });
      expect(answer).toMatchObject({ reason: "token_revoked", data: null });
    });

    test("uses up the code that confirms it, which then does not log in", async () => {
      const { name, code } = await enrolled(gate);
      const answer = await complete(gate, await challengeOf(gate, name), { totp: code(-STEP) });
      expect(answer.reason).toBe("code_not_valid");
    });
  });

  describe("a user with a second factor", () => {
    let ada: Enrolled;
    let authorization: string;

    beforeEach(async () => {
      ada = await enrolled(gate);
      ({ authorization } = ada);
    });

    test.each([
      ["disableTotp", () => disableTotp(gate, authorization)],
      ["regenerateRecoveryCodes", () => regenerate(authorization)],
      ["beginTotp", () => beginTotp(gate, authorization)],
    ])(
      "MF-6: must prove that factor for %s, and the password is not enough",
      async (_name, send) => {
        gate.advance(15 * MINUTE);
        expect((await reauthenticate(gate, authorization, { password: PASSWORD })).status).toBe(
          200,
        );
        const stale = await send();
        expect(stale).toMatchObject(STALE);
        expect(stale.errors?.[0]?.extensions).toMatchObject({
          ...{ freshWithin: "15m", max_age: 900, acr_values: ACR },
        });
        const proved = await reauthenticate(gate, authorization, { totp: ada.code() });
        expect(proved.data.reauthenticate.message).toBe("Second factor confirmed");
        expect((await send()).status).toBe(200);
      },
    );

    test.each([
      ["disableTotp", "message"],
      ["regenerateRecoveryCodes", "recoveryCodes"],
    ])(
      "MF-8: keeps the factor and the codes if the session has ended since the request with %s began",
      async (field, selected) => {
        const dump = async () => [
          await gate.sql(`SELECT * FROM totp WHERE user_id = ?`, [ada.id]),
          await gate.sql(`SELECT * FROM recovery_code WHERE user_id = ?`, [ada.id]),
        ];
        const before = await dump();
        const query = `mutation { logoutAll { message } ${field} { ${selected} } }`;
        const answer = await gate.ask(query, { authorization });
        expect(answer).toMatchObject({ reason: "token_revoked", data: null });
        expect(await dump()).toEqual(before);
      },
    );

    test("loses the recovery codes with the last factor, and logs in by password again", async () => {
      expect((await disableTotp(gate, authorization)).status).toBe(200);
      expect((await readState(gate, authorization)).data.secondFactor).toMatchObject({
        ...{ factors: [], recoveryCodesLeft: 0 },
      });
      expect((await login(gate, ada.name)).status).toBe(200);
      expect((await disableTotp(gate, authorization)).code).toBe("BAD_USER_INPUT");
    });

    test("MF-4: gets new recovery codes, and the earlier ones no longer work", async () => {
      const { data } = await regenerate(authorization);
      const [fresh] = data.regenerateRecoveryCodes.recoveryCodes;
      const [old = ""] = ada.recoveryCodes;
      const challenge = await challengeOf(gate, ada.name);
      expect((await complete(gate, challenge, { recoveryCode: old })).reason).toBe(
        "code_not_valid",
      );
      expect((await complete(gate, challenge, { recoveryCode: fresh })).status).toBe(200);
    });

    test("cannot use one code for both reauthenticate and a login", async () => {
      const totp = ada.code();
      const challenge = await challengeOf(gate, ada.name);
      const both = await Promise.all([
        reauthenticate(gate, authorization, { totp }),
        complete(gate, challenge, { totp }),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    });
  });

  test("MF-4: each use of a recovery code is reported by mail", async () => {
    const email = `${newName()}@example.com`;
    const ada = await enrolled(gate, { email });
    const [recoveryCode = ""] = ada.recoveryCodes;
    await complete(gate, await challengeOf(gate, ada.name), { recoveryCode });
    const mails = await smtp.mailsTo(email, 2);
    expect(mails.map(({ subject }) => subject)).toContain("A recovery code was used");
    expect(mails.map(({ text }) => text).join("")).not.toContain(recoveryCode);
  });

  describe("@auth(with: SECOND_FACTOR) and requireSecondFactor", () => {
    test("refuse a session without a second factor, with the challenge of RFC 9470", async () => {
      const name = newName();
      await gate.user(name);
      const { authorization } = await gate.login(name);
      for (const field of ["vault", "ownVault"]) {
        const refused = await gate.ask(`{ ${field} }`, { authorization });
        expect(refused).toMatchObject(STALE);
        expect(refused.errors?.[0]?.extensions["acr_values"]).toBe(ACR);
        expect(refused.headers.get("www-authenticate")).toBe(
          `Bearer realm="gatehouse", error="insufficient_user_authentication", error_description="More recent or stronger authentication is required", acr_values="${ACR}"`,
        );
      }
      const fresh = await gate.ask("{ freshVault }", { authorization });
      expect(fresh.headers.get("www-authenticate")).toContain('max_age="900", acr_values=');
      expect(gate.events).toContainEqual({
        type: "second_factor_denied",
        userId: expect.any(String),
      });
    });

    test("accept a session with a second factor, and freshWithin asks for a recent one", async () => {
      const ada = await enrolled(gate);
      const authorization = await signIn(gate, ada);
      const read = () => gate.ask("{ vault freshVault ownVault }", { authorization });
      expect((await read()).data).toEqual({ vault: 1, freshVault: 2, ownVault: 3 });
      gate.advance(15 * MINUTE);
      await reauthenticate(gate, authorization, { password: PASSWORD });
      expect((await read()).errors?.map(({ path }) => path)).toEqual([["freshVault"]]);
      await reauthenticate(gate, authorization, { totp: ada.code() });
      expect((await read()).errors).toBeUndefined();
    });
  });

  describe("reauthenticate", () => {
    test("takes exactly one proof", async () => {
      const { authorization, code } = await enrolled(gate);
      for (const given of [{}, { password: PASSWORD, totp: code() }]) {
        expect((await reauthenticate(gate, authorization, given)).code).toBe("BAD_USER_INPUT");
      }
      const wrong = await reauthenticate(gate, authorization, { totp: notThe(code()) });
      expect(wrong).toMatchObject({ status: 401, reason: "code_not_valid" });
    });
  });

  describe("an administrator", () => {
    const remove = (authorization: string, id: string) =>
      gate.ask(`mutation { removeSecondFactor(id: "${id}") { user { id } } }`, { authorization });

    test("removes the factors of a user who has lost them", async () => {
      const ada = await enrolled(gate);
      const root = newName();
      await gate.user(root, { role: "ADMIN" });
      const { authorization } = await gate.login(root);
      expect((await remove(ada.authorization, ada.id)).reason).toBe("role_required");
      expect((await remove(authorization, ada.id)).data.removeSecondFactor.user.id).toBe(ada.id);
      expect((await login(gate, ada.name)).status).toBe(200);
      expect(gate.events).toContainEqual({
        type: "second-factor:removed",
        userId: ada.id,
        details: { factors: "totp" },
      });
      gate.advance(12 * 60 * MINUTE + 1);
      const late = await gate.login(root, "SLIDING");
      expect((await remove(late.authorization, ada.id)).status).toBe(200);
    });

    test("MF-6: must prove an own second factor before removing it", async () => {
      const root = await enrolled(gate, { role: "ADMIN" });
      gate.advance(15 * MINUTE);
      await reauthenticate(gate, root.authorization, { password: PASSWORD });
      expect(await remove(root.authorization, root.id)).toMatchObject(STALE);
    });
  });

  test("OP-3: the database has no secret and no recovery code", async () => {
    const { secret, recoveryCodes } = await enrolled(gate);
    const rows = [
      ...(await gate.sql("SELECT * FROM totp")),
      ...(await gate.sql("SELECT * FROM recovery_code")),
    ];
    const dump = JSON.stringify(rows);
    for (const text of [
      secret,
      ...recoveryCodes.flatMap((code) => [code, code.replaceAll("-", "")]),
    ]) {
      expect(dump).not.toContain(text);
    }
  });
});

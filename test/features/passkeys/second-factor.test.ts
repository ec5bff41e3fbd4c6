import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  type Answer,
  describeGates,
  type Gate,
  PASSWORD,
  setUpGate,
  type Tokens,
} from "../../support/gate.js";
import { signIn } from "../recovery/calls.js";
import { enrol, readState } from "../second-factor/calls.js";
import { Authenticator } from "./authenticator.js";
import { assertion, call, logIn, register } from "./calls.js";

const OPTIONS = {
  ...{ passkeys: true, rpId: "example.com", secondFactor: "optional" as const },
  corsOrigins: ["https://app.example.com"],
};

const MINUTE = 60;

/** Gives the password, and returns the challenge of the second step. */
async function challengeOf(gate: Gate, username: string) {
  const query = `mutation ($username: String!, $password: String!) {
    login(username: $username, password: $password) { access }
  }`;
  const { errors, reason } = await gate.ask(query, { variables: { username, password: PASSWORD } });
  expect(reason).toBe("second_factor_required");
  return errors![0]!.extensions["challenge"] as { token: string; factors: string[] };
}

const complete = (gate: Gate, challenge: string, passkey: unknown): Promise<Answer> =>
  gate.ask(
    `mutation ($challenge: String!, $passkey: JSON) {
      completeLogin(challenge: $challenge, passkey: $passkey) { access session { methods } user { id } }
    }`,
    { variables: { challenge, passkey } },
  );

const reauthenticate = (gate: Gate, authorization: string, passkey: unknown): Promise<Answer> =>
  gate.ask(`mutation ($passkey: JSON) { reauthenticate(passkey: $passkey) { message } }`, {
    authorization,
    variables: { passkey },
  });

describeGates(OPTIONS, (gate) => {
  let count = 0;
  let name: string;
  let id: string;
  let session: Tokens;
  let device: Authenticator;

  beforeEach(async () => {
    name = `person${(count += 1)}`;
    id = await gate.user(name);
    session = await signIn(gate, id);
    device = new Authenticator();
  });

  describe("a user's first passkey", () => {
    test("gives recovery codes, and ends the user's other sign-ins", async () => {
      const other = await signIn(gate, id);
      const { data } = await register(gate, session, device);
      expect(data.addPasskey.recoveryCodes).toHaveLength(10);
      expect(await gate.me(other.authorization)).toMatchObject({ reason: "token_revoked" });
      const again = await register(gate, session, new Authenticator());
      expect(again.data.addPasskey).toMatchObject({ recoveryCodes: null });
    });

    test("makes logins by password need a second step, by the passkey or a recovery code", async () => {
      await register(gate, session, device);
      const { token, factors } = await challengeOf(gate, name);
      expect(factors.toSorted()).toEqual(["passkey", "recoveryCode"]);
      const answer = await complete(gate, token, device.get(await assertion(gate)));
      expect(answer.data.completeLogin).toMatchObject({
        ...{ user: { id }, session: { methods: ["pwd", "hwk", "user", "mfa"] } },
      });
    });

    test("needs no second step itself", async () => {
      await register(gate, session, device);
      expect((await logIn(gate, device)).data.passkeyLogin.user.id).toBe(id);
    });
  });

  describe("the options for the second step of a login", () => {
    const begin = (challenge?: string) => call(gate, "beginPasskeyLogin", { challenge });

    test("name the user's passkeys to whoever has the challenge, and to nobody else", async () => {
      await register(gate, session, device);
      const { token } = await challengeOf(gate, name);
      const { options } = (await begin(token)).data.beginPasskeyLogin;
      const credentialId = device.credentials[0]?.id;
      expect(options.allowCredentials).toEqual([
        { id: credentialId, type: "public-key", transports: ["hybrid", "internal"] },
      ]);
      expect((await begin()).data.beginPasskeyLogin.options).not.toHaveProperty("allowCredentials");
      expect(await begin("x".repeat(43))).toMatchObject({ reason: "challenge_not_valid" });
      const answer = device.get(options, { userHandle: undefined });
      expect((await complete(gate, token, answer)).data.completeLogin.user.id).toBe(id);
      expect(await begin(token)).toMatchObject({ reason: "challenge_not_valid" });
    });

    test("are refused after the challenge has expired, and after another password", async () => {
      await register(gate, session, device);
      const { token } = await challengeOf(gate, name);
      const { token: late } = await challengeOf(gate, name);
      gate.advance(5 * MINUTE);
      expect(await begin(late)).toMatchObject({ reason: "challenge_expired" });
      const { token: old } = await challengeOf(gate, name);
      await gate.auth.accounts.setPassword(id, `${PASSWORD}!`);
      expect(await begin(old)).toMatchObject({ reason: "challenge_not_valid" });
      expect(await begin(token)).toMatchObject({ data: null });
    });

    test("are refused to a user without a passkey, because browsers would offer any", async () => {
      await enrol(gate, session.authorization);
      const { token } = await challengeOf(gate, name);
      expect(await begin(token)).toMatchObject({ code: "BAD_USER_INPUT", data: null });
    });

    test("are refused if second factors are off", async () => {
      const plain = await gate.another({ secondFactor: "off" });
      const answer = await gate.ask(
        `mutation { beginPasskeyLogin(challenge: "${"x".repeat(43)}") { options } }`,
        { url: plain.url },
      );
      expect(answer).toMatchObject({ code: "BAD_USER_INPUT", data: null });
      await plain.close();
    });
  });

  describe("the second step is refused", () => {
    test("for a passkey of another user", async () => {
      await register(gate, session, device);
      const stranger = new Authenticator();
      await register(gate, await signIn(gate, await gate.user(`other${count}`)), stranger);
      const { token } = await challengeOf(gate, name);
      const foreign = stranger.get(await assertion(gate));
      const refused = { status: 401, reason: "passkey_not_valid", data: null };
      expect(await complete(gate, token, foreign)).toMatchObject(refused);
      const { userHandle } = device.credentials[0]!;
      const disguised = stranger.get(await assertion(gate), { userHandle });
      expect(await complete(gate, token, disguised)).toMatchObject(refused);
      expect((await complete(gate, token, device.get(await assertion(gate)))).status).toBe(200);
    });

    test("for an answer that was used before, even if it was used for a login", async () => {
      await register(gate, session, device);
      const response = device.get(await assertion(gate));
      expect((await call(gate, "passkeyLogin", { response })).status).toBe(200);
      const { token } = await challengeOf(gate, name);
      expect(await complete(gate, token, response)).toMatchObject({ reason: "passkey_not_valid" });
    });

    test("without a check of the user, and with malformed JSON", async () => {
      await register(gate, session, device);
      const { token } = await challengeOf(gate, name);
      const touched = device.get(await assertion(gate), { isUserVerified: false });
      expect(await complete(gate, token, touched)).toMatchObject({ reason: "passkey_not_valid" });
      expect(await complete(gate, token, { id: "x" })).toMatchObject({ code: "BAD_USER_INPUT" });
    });
  });

  describe("a user with another factor", () => {
    test("must have used that factor within 15 minutes to add and to remove a passkey", async () => {
      await enrol(gate, session.authorization);
      const stale = await signIn(gate, id);
      const refused = { status: 403, reason: "reauthentication_required" };
      const begun = await call(
        gate,
        "beginPasskeyRegistration",
        {},
        { authorization: stale.authorization },
      );
      expect(begun).toMatchObject(refused);
      const { data } = await register(gate, session, device);
      expect(data.addPasskey.recoveryCodes).toBeNull();
      const { id: passkey } = data.addPasskey.passkey;
      const removed = await call(
        gate,
        "removePasskey",
        { id: passkey },
        { authorization: stale.authorization },
      );
      expect(removed).toMatchObject(refused);
      const answer = device.get(await assertion(gate));
      expect((await reauthenticate(gate, stale.authorization, answer)).status).toBe(200);
      const again = await call(
        gate,
        "removePasskey",
        { id: passkey },
        { authorization: stale.authorization },
      );
      expect(again.status).toBe(200);
      const state = await readState(gate, session.authorization);
      expect(state.data.secondFactor).toMatchObject({ factors: ["totp", "recoveryCode"] });
    });
  });

  test("the recovery codes are deleted with the last passkey", async () => {
    const { data } = await register(gate, session, device);
    const { id: passkey } = data.addPasskey.passkey;
    const own = { authorization: session.authorization };
    expect((await call(gate, "removePasskey", { id: passkey }, own)).status).toBe(200);
    const state = await readState(gate, session.authorization);
    expect(state.data.secondFactor).toMatchObject({ factors: [], recoveryCodesLeft: 0 });
  });

  test("reauthenticate takes a passkey of the caller, and makes an old session fresh", async () => {
    const { authorization } = await signIn(gate, id, "SLIDING");
    await register(gate, { authorization }, device);
    gate.advance(16 * MINUTE);
    const begin = () => call(gate, "beginPasskeyRegistration", {}, { authorization });
    expect(await begin()).toMatchObject({ reason: "reauthentication_required" });
    const answer = device.get(await assertion(gate));
    expect((await reauthenticate(gate, authorization, answer)).status).toBe(200);
    expect((await begin()).status).toBe(200);
    expect(await reauthenticate(gate, authorization, answer)).toMatchObject({
      reason: "passkey_not_valid",
    });
  });

  describe("an administrator who removes the second factors of a user", () => {
    const removeFactors = async () => {
      const admin = await signIn(gate, await gate.user(`admin${count}`, { role: "ADMIN" }));
      const query = `mutation { removeSecondFactor(id: "${id}") { user { id } } }`;
      expect((await gate.ask(query, { authorization: admin.authorization })).status).toBe(200);
    };

    test("removes the passkeys too", async () => {
      await register(gate, session, device);
      await register(gate, session, new Authenticator());
      await removeFactors();
      expect((await gate.login(name)).access).toEqual(expect.any(String));
      expect(await logIn(gate, device)).toMatchObject({ reason: "passkey_not_valid" });
    });

    test("leaves the recovery codes, and the passkeys of a user who could not log in otherwise", async () => {
      await register(gate, session, device);
      await gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ?`, [id]);
      await removeFactors();
      expect((await logIn(gate, device)).status).toBe(200);
      const state = await readState(gate, session.authorization);
      expect(state.data.secondFactor).toMatchObject({ recoveryCodesLeft: 10 });
    });
  });
});

describe("where a second factor is required", () => {
  const gate = setUpGate({ ...OPTIONS, secondFactor: "required" });

  test("a user without one can add a passkey, and can do nothing else before", async () => {
    const session = await signIn(gate, await gate.user("ada"));
    const sessions = () =>
      gate.ask("{ sessions { id } }", { authorization: session.authorization });
    expect(await sessions()).toMatchObject({ status: 403, reason: "enrolment_required" });
    expect((await register(gate, session, new Authenticator())).status).toBe(200);
    expect((await sessions()).status).toBe(200);
  });
});

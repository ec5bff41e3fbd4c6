import { beforeEach, describe, expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { defineFeature, Vetoed } from "../../../src/index.js";
import type { SecondFactorRequired } from "../../../src/features/second-factor/errors.js";
import { attempt, expectThrottled, from } from "../../support/attempts.js";
import { describeFreshGates, describeGates, PASSWORD } from "../../support/gate.js";
import { STEP } from "../../support/totp.js";
import {
  challengeOf,
  complete,
  type Enrolled,
  enrol,
  enrolled,
  login,
  newName,
  notThe,
  reauthenticate,
  signIn,
  tokenIn,
} from "./calls.js";

const refused = (reason: string) => ({ status: 401, code: "UNAUTHENTICATED", reason, data: null });
const NOT_VALID = refused("code_not_valid");
const CHALLENGE_NOT_VALID = refused("challenge_not_valid");
const MINUTE = 60;

let veto: string | undefined;
const vetoing = defineFeature({
  name: "vetoing",
  create: () => ({
    hooks: {
      beforeLogin: () => {
        if (veto !== undefined) throw new Vetoed(veto);
      },
    },
  }),
});

/** Runs once during a login, after the check of the factors and before the session is opened. */
let meanwhile: (() => Promise<unknown>) | undefined;

const options = {
  secondFactor: "optional",
  features: [vetoing],
  claims: async () => {
    const run = meanwhile;
    meanwhile = undefined;
    await run?.();
    return {};
  },
} as const;

describeGates(options, (gate) => {
  let ada: Enrolled;

  beforeEach(async () => {
    veto = undefined;
    ada = await enrolled(gate);
  });

  const sessions = async () => (await gate.auth.sessions.list(ada.id)).length;

  describe("a login by password", () => {
    test("is refused with a challenge, and opens no session", async () => {
      const answer = await login(gate, ada.name);
      expect(answer).toMatchObject(refused("second_factor_required"));
      const { challenge, ...rest } = answer.errors?.[0]?.extensions ?? {};
      expect(challenge).toEqual({
        token: expect.stringMatching(/^[\w-]{43}$/),
        factors: ["totp", "recoveryCode"],
        expiresAt: new Date(gate.now + 5 * MINUTE * 1000).toISOString(),
      });
      expect(rest).toEqual({ code: "UNAUTHENTICATED", reason: "second_factor_required" });
      expect(await sessions()).toBe(1);
      const details = { methods: "pwd" };
      expect(gate.events).toEqual([{ type: "second-factor:required", userId: ada.id, details }]);
    });

    test("gets no challenge for a wrong password, nor after an application's veto", async () => {
      expect((await attempt(gate, ada.name)).reason).toBe("invalid_credentials");
      veto = "Logins are closed.";
      expect((await login(gate, ada.name)).reason).toBe("vetoed");
    });

    test.each(["JWT", "TOKEN", "SLIDING"])(
      "is completed by a code with the scheme %s",
      async (scheme) => {
        const challenge = await challengeOf(gate, ada.name);
        const { data } = await complete(gate, challenge, { totp: ada.code(), scheme });
        const { token, access, session, user } = data.completeLogin;
        expect(session.methods).toEqual(["pwd", "otp", "mfa"]);
        expect(user.id).toBe(ada.id);
        const authorization = `${scheme === "TOKEN" ? "Token" : "Bearer"} ${token ?? access}`;
        expect((await gate.me(authorization)).data.me.username).toBe(ada.name);
        if (access !== null) expect(decodeJwt(access)["amr"]).toEqual(["pwd", "otp", "mfa"]);
        expect(gate.events).toContainEqual({
          type: "second-factor:used",
          userId: ada.id,
          details: { factor: "totp" },
        });
      },
    );

    test("is completed by a recovery code once, however the code is typed", async () => {
      const [code = ""] = ada.recoveryCodes;
      const typed = ` ${code.toUpperCase().replaceAll("-", " ")} `;
      const first = await complete(gate, await challengeOf(gate, ada.name), {
        recoveryCode: typed,
      });
      expect(first.data.completeLogin.session.methods).toEqual(["pwd", "otp", "mfa"]);
      expect(gate.events).toContainEqual({
        type: "second-factor:recovery_code_used",
        userId: ada.id,
        details: { left: 9 },
      });
      const again = await complete(gate, await challengeOf(gate, ada.name), { recoveryCode: code });
      expect(again).toMatchObject(NOT_VALID);
    });

    test("an application can also veto the second step", async () => {
      const challenge = await challengeOf(gate, ada.name);
      veto = "Logins are closed.";
      expect((await complete(gate, challenge, { totp: ada.code() })).reason).toBe("vetoed");
      expect(await sessions()).toBe(1);
    });
  });

  describe("MF-1: a code", () => {
    test.each([
      [-90, false],
      [-STEP, true],
      [STEP, true],
      [90, false],
    ])("of a clock that is %i seconds off: %s", async (drift, isAccepted) => {
      gate.advance(4 * STEP);
      const answer = await complete(gate, await challengeOf(gate, ada.name), {
        totp: ada.code(drift),
      });
      expect(answer).toMatchObject(isAccepted ? { status: 200 } : NOT_VALID);
    });

    test("works once, and afterwards no earlier code works, even in another challenge", async () => {
      const totp = ada.code();
      expect((await complete(gate, await challengeOf(gate, ada.name), { totp })).status).toBe(200);
      const challenge = await challengeOf(gate, ada.name);
      expect(await complete(gate, challenge, { totp })).toMatchObject(NOT_VALID);
      expect(await complete(gate, challenge, { totp: ada.code(-STEP) })).toMatchObject(NOT_VALID);
    });

    test("opens one session if it answers two challenges at once", async () => {
      const challenges = [await challengeOf(gate, ada.name), await challengeOf(gate, ada.name)];
      const totp = ada.code();
      const all = await Promise.all(challenges.map((token) => complete(gate, token, { totp })));
      expect(all.map(({ status }) => status).sort()).toEqual([200, 401]);
      expect(await sessions()).toBe(2);
    });
  });

  test("MF-4: a recovery code opens one session if it answers two challenges at once", async () => {
    const challenges = [await challengeOf(gate, ada.name), await challengeOf(gate, ada.name)];
    const [recoveryCode = ""] = ada.recoveryCodes;
    const all = await Promise.all(
      challenges.map((token) => complete(gate, token, { recoveryCode })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  describe("a challenge", () => {
    test("opens one session if two right answers arrive at once", async () => {
      const challenge = await challengeOf(gate, ada.name);
      const [recoveryCode = ""] = ada.recoveryCodes;
      const answers = [{ totp: ada.code() }, { recoveryCode }];
      const all = await Promise.all(answers.map((given) => complete(gate, challenge, given)));
      expect(all.map(({ status }) => status).sort()).toEqual([200, 401]);
      expect(await sessions()).toBe(2);
      expect(await complete(gate, challenge, { totp: ada.code(STEP) })).toMatchObject(
        CHALLENGE_NOT_VALID,
      );
    });

    test("expires after five minutes", async () => {
      const challenge = await challengeOf(gate, ada.name);
      gate.advance(5 * MINUTE);
      const answer = await complete(gate, challenge, { totp: ada.code() });
      expect(answer).toMatchObject(refused("challenge_expired"));
    });

    test("MF-2: ends after five wrong answers, however many arrive at once", async () => {
      const challenge = await challengeOf(gate, ada.name);
      const guesses = [1, 2, 3, 4, 5, 6, 7].map((by) =>
        complete(gate, challenge, { totp: notThe(ada.code(), by) }),
      );
      const reasons = (await Promise.all(guesses)).map(({ reason }) => reason).sort();
      expect(reasons).toEqual([
        ...["challenge_not_valid", "challenge_not_valid"],
        ...Array<string>(5).fill("code_not_valid"),
      ]);
      expect(await complete(gate, challenge, { totp: ada.code() })).toMatchObject(
        CHALLENGE_NOT_VALID,
      );
    });

    test("can be answered only by codes of its own user", async () => {
      const bob = await enrolled(gate);
      const challenge = await challengeOf(gate, ada.name);
      const [recoveryCode = ""] = bob.recoveryCodes;
      for (const given of [{ totp: bob.code() }, { recoveryCode }]) {
        expect(await complete(gate, challenge, given)).toMatchObject(NOT_VALID);
      }
      expect((await complete(gate, challenge, { totp: ada.code() })).status).toBe(200);
    });

    test("MF-3: is no token, neither in a header nor in an argument", async () => {
      const challenge = await challengeOf(gate, ada.name);
      for (const scheme of ["Bearer", "Token"]) {
        expect((await gate.me(`${scheme} ${challenge}`)).reason).toBe("token_not_valid");
      }
      expect((await gate.refresh(challenge)).reason).toBe("token_not_valid");
      expect((await gate.verify(challenge)).data.verifyToken.active).toBe(false);
      const [{ total }] = await gate.sql(
        `SELECT count(*) AS total FROM login_challenge WHERE token_hash = ?`,
        [challenge],
      );
      expect(Number(total)).toBe(0);
    });

    test("dies with a new password, and with the deactivation of its user", async () => {
      const [first, second] = [
        await challengeOf(gate, ada.name),
        await challengeOf(gate, ada.name),
      ];
      await gate.auth.accounts.setActive(ada.id, false);
      expect(await complete(gate, first, { totp: ada.code() })).toMatchObject(CHALLENGE_NOT_VALID);
      await gate.auth.accounts.setActive(ada.id, true);
      await gate.auth.accounts.setPassword(ada.id, "another long and unused phrase");
      expect(await complete(gate, second, { totp: ada.code() })).toMatchObject(CHALLENGE_NOT_VALID);
    });

    test("that was never issued is refused", async () => {
      for (const challenge of ["", "x".repeat(43), "\0", "x".repeat(10_000)]) {
        const answer = await complete(gate, challenge, { totp: "123456" });
        expect(answer).toMatchObject(CHALLENGE_NOT_VALID);
      }
    });

    test("takes exactly one well-formed answer, and no other answer counts as a try", async () => {
      const challenge = await challengeOf(gate, ada.name);
      for (const given of [
        {},
        { totp: ada.code(), recoveryCode: ada.recoveryCodes[0] ?? "" },
        { totp: "12345" },
        { totp: "１２３４５６" },
        { recoveryCode: "nonsense" },
        { passkey: {} },
      ]) {
        expect((await complete(gate, challenge, given)).code).toBe("BAD_USER_INPUT");
      }
      const [{ tries }] = await gate.sql(`SELECT tries FROM login_challenge WHERE user_id = ?`, [
        ada.id,
      ]);
      expect(Number(tries)).toBe(0);
    });
  });

  test.each(["pwd", "otp", "fed"] as const)(
    "MF-9: a first step by %s opens no session if the user's first factor is added meanwhile",
    async (method) => {
      const name = newName();
      const id = await gate.user(name);
      const { authorization } = await gate.login(name);
      meanwhile = () => enrol(gate, authorization);
      const { authentication } = gate.core;
      const opening =
        method === "pwd"
          ? authentication.login({ username: name }, PASSWORD)
          : authentication.signIn(id, { methods: [method] });
      await expect(opening).rejects.toMatchObject({ reason: "invalid_credentials" });
      expect(await gate.auth.sessions.list(id)).toHaveLength(1);
    },
  );

  test("a refresh needs no second step", async () => {
    const challenge = await challengeOf(gate, ada.name);
    const { data } = await complete(gate, challenge, { totp: ada.code() });
    const { data: refreshed } = await gate.refresh(data.completeLogin.refresh);
    expect(decodeJwt(refreshed.refreshToken.access)["amr"]).toEqual(["pwd", "otp", "mfa"]);
  });
});

describeFreshGates({ ...options, loginFailuresPerAccount: 5 }, (gate) => {
  test("MF-2: a right password does not reset the delay between wrong codes", async () => {
    const ada = await enrolled(gate);
    for (let turn = 0; turn < 5; turn += 1) {
      const challenge = await challengeOf(gate, ada.name);
      const totp = notThe(ada.code());
      expect(await complete(gate, challenge, { totp })).toMatchObject(NOT_VALID);
    }
    const challenge = await challengeOf(gate, ada.name);
    expectThrottled(await complete(gate, challenge, { totp: ada.code() }), 1);
    // Somebody who reads the user's mails can set a new password, so that does not end the wait. Only an
    // administrator ends it.
    const password = "another long and unused phrase";
    await gate.auth.accounts.setPassword(ada.id, password);
    const next = tokenIn(await attempt(gate, ada.name, password));
    expectThrottled(await complete(gate, next, { totp: ada.code() }), 1);
    await gate.auth.accounts.unlock(ada.id);
    expect((await complete(gate, next, { totp: ada.code() })).status).toBe(200);
  });
});

describeFreshGates({ ...options, loginsPerAddress: 12, trustedProxies: ["127.0.0.1"] }, (gate) => {
  test("MF-2: tries of codes for many accounts count against the limit of the client's address", async () => {
    const users = [await enrolled(gate), await enrolled(gate), await enrolled(gate)];
    gate.advance(MINUTE);
    const challenges: string[] = [];
    for (const { name } of users) challenges.push(await challengeOf(gate, name));
    const guess = (challenge = "", address = "192.0.2.7") =>
      complete(gate, challenge, { totp: "000000" }, from(address));
    for (let turn = 0; turn < 12; turn += 1) {
      expect(await guess(challenges[turn % 3])).toMatchObject(NOT_VALID);
    }
    expect((await guess(challenges[0])).status).toBe(429);
    expect(await guess(challenges[0], "192.0.2.8")).toMatchObject(NOT_VALID);
  });
});

describeGates({ ...options, loginFailureLimit: 7 }, (gate) => {
  test("MF-2: wrong codes in many challenges lock the account until it is unlocked", async () => {
    const ada = await enrolled(gate);
    for (let turn = 0; turn < 7; turn += 1) {
      await complete(gate, await challengeOf(gate, ada.name), { totp: notThe(ada.code()) });
      await gate.flush();
    }
    expect(gate.events).toContainEqual({ type: "account_locked", userId: ada.id });
    expect((await login(gate, ada.name)).reason).toBe("invalid_credentials");
    await gate.auth.accounts.unlock(ada.id);
    expect(await signIn(gate, ada)).toMatch(/^Bearer /);
  });

  test("a new password that the application sets unlocks the account, although the user has a second factor", async () => {
    const ada = await enrolled(gate);
    for (let turn = 0; turn < 7; turn += 1) {
      await complete(gate, await challengeOf(gate, ada.name), { totp: notThe(ada.code()) });
      await gate.flush();
    }
    const password = "another long and unused phrase";
    await gate.auth.accounts.setPassword(ada.id, password);
    expect((await attempt(gate, ada.name, password)).reason).toBe("second_factor_required");
  });

  test("MF-2: giving the password in a session resets no count", async () => {
    const ada = await enrolled(gate);
    await complete(gate, await challengeOf(gate, ada.name), { totp: notThe(ada.code()) });
    await gate.flush();
    const { authorization } = ada;
    expect((await reauthenticate(gate, authorization, { password: PASSWORD })).status).toBe(200);
    const changed = await gate.ask(
      `mutation { changePassword(currentPassword: "${PASSWORD}", newPassword: "another long and unused phrase") { message } }`,
      { authorization },
    );
    expect(changed.status).toBe(200);
    const [user] = await gate.sql(`SELECT failed_logins FROM "user" WHERE id = ?`, [ada.id]);
    expect(Number(user.failed_logins)).toBe(1);
  });

  test("a complete login without a password also resets the count of wrong codes", async () => {
    const ada = await enrolled(gate);
    const opening = gate.core.authentication.signIn(ada.id, { methods: ["otp"] });
    const { extensions } = (await opening.catch((error: unknown) => error)) as SecondFactorRequired;
    const { token } = extensions["challenge"] as { token: string };
    await complete(gate, token, { totp: notThe(ada.code()) });
    await gate.flush();
    expect((await complete(gate, token, { totp: ada.code() })).status).toBe(200);
    const [user] = await gate.sql(`SELECT failed_logins FROM "user" WHERE id = ?`, [ada.id]);
    expect(Number(user.failed_logins)).toBe(0);
  });

  test("a complete login resets the count of wrong codes", async () => {
    const ada = await enrolled(gate);
    for (let round = 0; round < 2; round += 1) {
      const challenge = tokenIn(await attempt(gate, ada.name, PASSWORD));
      for (let turn = 0; turn < 4; turn += 1) {
        await complete(gate, challenge, { totp: notThe(ada.code()) });
      }
      await gate.flush();
      expect((await complete(gate, challenge, { totp: ada.code() })).status).toBe(200);
      gate.advance(STEP);
    }
  });
});

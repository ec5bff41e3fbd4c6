import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { StoredPasskeys } from "../../../src/features/passkeys/stored-passkeys.js";
import { defineFeature, Vetoed } from "../../../src/index.js";
import { describeGates, setUpGate, type Tokens } from "../../support/gate.js";
import { signIn } from "../recovery/calls.js";
import { type Answering, Authenticator } from "./authenticator.js";
import { assertion, call, logIn, register } from "./calls.js";

const REFUSED = { status: 401, code: "UNAUTHENTICATED", reason: "passkey_not_valid", data: null };
const MINUTE = 60;

const closed = new Set<string>();
/** A feature that refuses the logins of some users. */
const doorkeeper = defineFeature({
  name: "doorkeeper",
  create: () => ({
    hooks: {
      beforeLogin: ({ id }) => {
        if (closed.has(id)) throw new Vetoed("Not now.");
      },
    },
  }),
});

const OPTIONS = {
  // Second factors have their own tests.
  secondFactor: "off" as const,
  ...{ passkeys: true, rpId: "example.com" },
  corsOrigins: ["https://app.example.com", "https://example.org"],
  features: [doorkeeper],
};

describeGates(OPTIONS, (gate) => {
  let count = 0;
  let id: string;
  let session: Tokens;
  let device: Authenticator;

  beforeEach(async () => {
    id = await gate.user(`person${(count += 1)}`);
    session = await signIn(gate, id);
    device = new Authenticator();
    await register(gate, session, device);
    gate.events.length = 0;
  });

  const passkeyId = async () =>
    (await gate.sql(`SELECT id FROM passkey WHERE user_id = ?`, [id]))[0].id as string;
  const codes = () =>
    gate.events.flatMap((event) =>
      event.type === "passkeys:refused" ? event.details?.["code"] : [],
    );

  describe("a login", () => {
    test.each([
      ["JWT", false, "hwk"],
      ["SLIDING", true, "swk"],
      ["TOKEN", false, "hwk"],
    ])(
      "needs no user name, and counts as two factors (%s, synced: %s)",
      async (scheme, isSynced, key) => {
        device = new Authenticator({ isSynced });
        await register(gate, session, device);
        const { data } = await logIn(gate, device, { scheme });
        expect(data.passkeyLogin).toMatchObject({
          ...{ scheme, user: { id, username: `person${count}` } },
          session: { methods: [key, "user", "mfa"] },
        });
        const { token, access, session: opened } = data.passkeyLogin;
        const authorization = scheme === "TOKEN" ? `Token ${token}` : `Bearer ${token ?? access}`;
        expect((await gate.me(authorization)).data.me.id).toBe(id);
        const used = gate.events.find(({ type }) => type === "passkeys:used");
        expect(used).toMatchObject({ userId: id, details: { sessionId: opened.id } });
      },
    );

    test("asks for every passkey of the application, with a check of the user", async () => {
      const answer = await call(gate, "beginPasskeyLogin");
      const { options, expiresAt } = answer.data.beginPasskeyLogin;
      expect(options).toEqual({
        ...{ challenge: expect.stringMatching(/^[\w-]{43}$/), rpId: "example.com" },
        ...{ timeout: 300_000, userVerification: "required" },
      });
      expect(expiresAt).toBe(new Date(gate.now + 5 * MINUTE * 1000).toISOString());
    });

    test("records when the passkey was used", async () => {
      gate.advance(MINUTE);
      await logIn(gate, device);
      const { data } = await call(gate, "passkeys", {}, { authorization: session.authorization });
      expect(data.passkeys).toMatchObject([{ lastUsedAt: new Date(gate.now).toISOString() }]);
    });

    test("is fresh, so that it may add another passkey", async () => {
      const { access } = (await logIn(gate, device)).data.passkeyLogin;
      const added = await register(
        gate,
        { authorization: `Bearer ${access}` },
        new Authenticator(),
      );
      expect(added.status).toBe(200);
    });

    test("works on each page of the application, and on related origins", async () => {
      for (const origin of ["https://auth.example.com", "https://example.org"]) {
        expect((await logIn(gate, device, { origin })).status).toBe(200);
      }
    });

    test("works on another instance than the one where it began", async () => {
      const other = await gate.another();
      const response = device.get(await assertion(gate));
      expect((await call(other, "passkeyLogin", { response })).status).toBe(200);
    });
  });

  describe("PK-1, PK-2: a login is refused", () => {
    test.each<[string, Answering, code: string]>([
      ["from another page", { origin: "https://evil.example" }, "origin"],
      ["from a page with another scheme", { origin: "http://app.example.com" }, "origin"],
      ["from a page in another's frame", { crossOrigin: true }, "origin"],
      ["for another domain", { rpId: "evil.example" }, "not_verified"],
      ["without a check of the user", { isUserVerified: false }, "not_verified"],
      ["without the user", { isUserPresent: false }, "not_verified"],
      ["with a signature of another key", { isForged: true }, "not_verified"],
      ["with the answer of a registration", { type: "webauthn.create" }, "not_verified"],
      ["with a key of one device that is on several now", { isSynced: true }, "not_verified"],
      ["with an unknown challenge", { challenge: "x".repeat(43) }, "challenge"],
      ["without a challenge", { challenge: "" }, "challenge"],
      ["without saying who the user is", { userHandle: undefined }, "other_user"],
      ["as another user", { userHandle: "x".repeat(86) }, "other_user"],
    ])("%s, and the client does not learn why", async (_what, how, code) => {
      const answer = await logIn(gate, device, how);
      expect(answer).toMatchObject(REFUSED);
      const message = "This passkey does not work. Try again, or use another way to log in.";
      expect(answer.errors?.[0]?.message).toBe(message);
      expect([codes(), gate.events.length]).toEqual([[code], 1]);
      expect((await logIn(gate, device)).status).toBe(200);
    });

    test("with an unknown passkey", async () => {
      const stranger = new Authenticator();
      stranger.create({ challenge: "", user: { id: device.credentials[0]!.userHandle } });
      expect(await logIn(gate, stranger)).toMatchObject(REFUSED);
      expect(codes()).toEqual(["unknown"]);
    });

    test("with the key of one user and the id of another", async () => {
      const other = new Authenticator();
      await register(gate, await signIn(gate, await gate.user(`other${count}`)), other);
      const { userHandle } = other.credentials[0]!;
      expect(await logIn(gate, device, { userHandle })).toMatchObject(REFUSED);
      // An answer that claims another user's passkey, but is signed with the caller's key.
      const answer = device.get(await assertion(gate));
      const { id: taken } = other.credentials[0]!;
      const response = { ...answer, id: taken, rawId: taken };
      response.response.userHandle = userHandle;
      expect(await call(gate, "passkeyLogin", { response })).toMatchObject(REFUSED);
    });

    test("for an inactive or deleted user", async () => {
      await gate.auth.accounts.setActive(id, false);
      expect(await logIn(gate, device)).toMatchObject(REFUSED);
      await gate.auth.accounts.setActive(id, true);
      expect((await logIn(gate, device)).status).toBe(200);
      await gate.auth.accounts.deleteUser(id);
      expect(await logIn(gate, device)).toMatchObject(REFUSED);
      expect(codes()).toEqual(["invalid_credentials", "unknown"]);
    });

    test("for all but one of several requests with the same answer at once", async () => {
      const response = device.get(await assertion(gate));
      const answers = await Promise.all(
        [1, 2, 3].map(() => call(gate, "passkeyLogin", { response })),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
      expect(await call(gate, "passkeyLogin", { response })).toMatchObject(REFUSED);
      expect(codes()).toEqual(["challenge", "challenge", "challenge"]);
    });

    test("5 minutes after it began", async () => {
      const options = await assertion(gate);
      gate.advance(5 * MINUTE);
      const response = device.get(options);
      expect(await call(gate, "passkeyLogin", { response })).toMatchObject(REFUSED);
      expect(codes()).toEqual(["challenge"]);
    });

    test("after an attempt that has used the challenge up", async () => {
      const options = await assertion(gate);
      const forged = device.get(options, { isForged: true });
      expect(await call(gate, "passkeyLogin", { response: forged })).toMatchObject(REFUSED);
      const response = device.get(options);
      expect(await call(gate, "passkeyLogin", { response })).toMatchObject(REFUSED);
    });

    test.each([
      null,
      "x",
      {},
      { id: "x", rawId: "x", type: "public-key", response: { clientDataJSON: 1 } },
    ])("as BAD_USER_INPUT with malformed JSON (%#)", async (response) => {
      const answer = await call(gate, "passkeyLogin", { response });
      expect(answer).toMatchObject({ code: "BAD_USER_INPUT", reason: undefined });
    });

    test("by a hook, which the client learns", async () => {
      closed.add(id);
      expect(await logIn(gate, device)).toMatchObject({ status: 403, reason: "vetoed" });
    });
  });

  describe("WebAuthn 6.1.1: the signature counter", () => {
    test("must rise, and a copy of the key is refused and reported", async () => {
      expect((await logIn(gate, device, { counter: 7 })).status).toBe(200);
      for (const counter of [7, 6, 0]) {
        gate.events.length = 0;
        expect(await logIn(gate, device, { counter })).toMatchObject(REFUSED);
        const details = { passkeyId: await passkeyId() };
        expect(gate.events).toEqual([
          { type: "passkeys:cloned", userId: id, details },
          { type: "passkeys:refused", userId: id, details: { code: "counter" } },
        ]);
      }
      expect((await logIn(gate, device, { counter: 4_294_967_295 })).status).toBe(200);
    });

    test("of a wrong signature does not count", async () => {
      await logIn(gate, device, { counter: 4_000_000_000, isForged: true });
      expect((await logIn(gate, device)).status).toBe(200);
      expect(gate.events.some(({ type }) => type === "passkeys:cloned")).toBe(false);
    });

    test("stays 0 with an authenticator that has none", async () => {
      device = new Authenticator({ isSynced: true, step: 0 });
      await register(gate, session, device);
      for (let uses = 0; uses < 2; uses += 1) {
        expect((await logIn(gate, device)).status).toBe(200);
      }
    });

    test("lets only one of two logins with the same value in", async () => {
      const answers = [];
      for (let uses = 0; uses < 2; uses += 1) {
        answers.push(device.get(await assertion(gate), { counter: 9 }));
      }
      const logins = await Promise.all(
        answers.map((response) => call(gate, "passkeyLogin", { response })),
      );
      expect(logins.map(({ status }) => status).toSorted()).toEqual([200, 401]);
    });
  });

  test("a passkey that is removed while it is used is unknown, and not reported as cloned", async () => {
    const remove = async () => {
      await gate.sql(`DELETE FROM passkey WHERE user_id = ?`, [id]);
      return false;
    };
    const use = jest.spyOn(StoredPasskeys.prototype, "recordUse").mockImplementationOnce(remove);
    expect(await logIn(gate, device)).toMatchObject(REFUSED);
    use.mockRestore();
    expect(gate.events).toEqual([{ type: "passkeys:refused", details: { code: "unknown" } }]);
  });

  test("the database has no challenges, and only public keys", async () => {
    const options = await assertion(gate);
    const tables = await Promise.all(
      ["passkey", "passkey_user", "passkey_challenge"].map((name) =>
        gate.sql(`SELECT * FROM ${name}`),
      ),
    );
    const dump = JSON.stringify(tables);
    expect(dump).not.toContain(options.challenge);
    const { d = "none" } = device.credentials[0]!.privateKey.export({ format: "jwk" });
    expect(dump).not.toContain(d);
  });
});

describe("the rate limits", () => {
  const gate = setUpGate({ ...OPTIONS, requestsPerAddress: 3 });

  test("count the beginning of a login, and the login", async () => {
    await assertion(gate);
    await assertion(gate);
    expect((await call(gate, "passkeyLogin", { response: {} })).code).toBe("BAD_USER_INPUT");
    const throttled = { status: 429, reason: "throttled" };
    expect(await call(gate, "passkeyLogin", { response: {} })).toMatchObject(throttled);
    expect(await call(gate, "beginPasskeyLogin")).toMatchObject(throttled);
  });
});

import { beforeEach, describe, expect, test } from "@jest/globals";
import { describeGates, type Tokens } from "../../support/gate.js";
import { signIn } from "../recovery/calls.js";
import { type Algorithm, type Answering, Authenticator, map, text } from "./authenticator.js";
import { call, creation, logIn, register } from "./calls.js";

const REFUSED = { status: 400, code: "BAD_USER_INPUT", reason: "passkey_not_valid", data: null };
const MINUTE = 60;

const OPTIONS = {
  // Second factors have their own tests.
  secondFactor: "off" as const,
  ...{ passkeys: true, rpId: "example.com", rpName: "Example" },
  corsOrigins: ["https://app.example.com"],
  impersonation: true,
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
    gate.events.length = 0;
  });

  const own = () => ({ authorization: session.authorization });
  const list = async () => (await call(gate, "passkeys", {}, own())).data.passkeys;
  const stored = () => gate.sql(`SELECT * FROM passkey WHERE user_id = ?`, [id]);

  describe("a passkey", () => {
    test("is added, listed, renamed and removed, and each change is in the audit trail", async () => {
      const added = await register(gate, session, device);
      const [credential] = device.credentials;
      const { passkey } = added.data.addPasskey;
      expect(added.data.addPasskey).toEqual({
        message: "Passkey added",
        passkey: {
          ...{ id: expect.any(String), label: "Laptop", rpId: "example.com" },
          ...{ createdAt: new Date(gate.now).toISOString(), lastUsedAt: null },
          ...{ isSynced: false, isBackedUp: false, transports: ["hybrid", "internal"] },
          ...{ credentialId: credential!.id, userHandle: credential!.userHandle },
        },
        ...{ acceptedCredentialIds: [credential!.id], recoveryCodes: null },
      });
      expect(await list()).toEqual([passkey]);
      const renamed = await call(gate, "renamePasskey", { id: passkey.id, label: "Phone" }, own());
      const phone = { ...passkey, label: "Phone" };
      expect(renamed.data.renamePasskey).toMatchObject({
        message: "Passkey renamed",
        passkey: phone,
      });
      const removed = await call(gate, "removePasskey", { id: passkey.id }, own());
      expect(removed.data.removePasskey).toEqual({
        ...{ message: "Passkey removed", passkey: phone, acceptedCredentialIds: [] },
      });
      expect([await list(), await stored()]).toEqual([[], []]);
      const details = { passkeyId: passkey.id };
      expect(gate.events).toEqual(
        ["added", "renamed", "removed"].map((name) => ({
          type: `passkeys:${name}`,
          userId: id,
          details,
        })),
      );
      expect(await logIn(gate, device)).toMatchObject({ status: 401, reason: "passkey_not_valid" });
    });

    test.each<[Algorithm, isSynced: boolean]>([
      ["ES256", true],
      ["EdDSA", false],
      ["RS256", false],
    ])("may have a key for %s, and may be synced: %s", async (algorithm, isSynced) => {
      device = new Authenticator({ algorithm, isSynced });
      const { data } = await register(gate, session, device);
      expect(data.addPasskey.passkey).toMatchObject({ isSynced, isBackedUp: isSynced });
      expect((await logIn(gate, device)).data.passkeyLogin.user.id).toBe(id);
    });

    test("has the user's name for authenticators, but an id that does not reveal the user", async () => {
      const options = await creation(gate, own());
      expect(options).toMatchObject({
        rp: { id: "example.com", name: "Example" },
        user: { name: `person${count}`, displayName: `person${count}` },
        pubKeyCredParams: [-8, -7, -257].map((alg) => ({ alg, type: "public-key" })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        ...{ attestation: "none", excludeCredentials: [], timeout: 300_000 },
      });
      expect(Buffer.from(options.user.id, "base64url")).toHaveLength(64);
      expect(options.user.id).not.toContain(id);
      await register(gate, session, device);
      const again = await creation(gate, own());
      expect(again.user).toEqual(options.user);
      expect(again.excludeCredentials).toMatchObject([{ id: device.credentials[0]!.id }]);
    });

    test("is added whatever its maker attests, because no maker is trusted", async () => {
      const statement = { fmt: "tpm", attStmt: map([[text("ver"), text("2.0")]]) };
      expect((await register(gate, session, device, { statement })).status).toBe(200);
    });

    test("a user can have 10", async () => {
      const options = await creation(gate, own());
      for (let index = 0; index < 10; index += 1) {
        await gate.sql(
          `INSERT INTO passkey (id, user_id, credential_id, public_key, counter, transports, is_synced, is_backed_up, label,
             created_at) VALUES (?, ?, ?, '', 0, '', false, false, 'x', 1)`,
          [`${count}-${index}`.padStart(32, "0"), id, `${id}-${index}`],
        );
      }
      const refused = { code: "BAD_USER_INPUT", reason: undefined };
      expect(await call(gate, "beginPasskeyRegistration", {}, own())).toMatchObject(refused);
      const variables = { label: "x", response: device.create(options) };
      expect(await call(gate, "addPasskey", variables, own())).toMatchObject(refused);
      expect(await stored()).toHaveLength(10);
    });

    test.each(["", "x".repeat(65), "line\nbreak", "\0"])(
      "cannot have the label %j",
      async (label) => {
        const refused = { code: "BAD_USER_INPUT", data: null };
        expect(await register(gate, session, device, { label })).toMatchObject(refused);
        const { data } = await register(gate, session, new Authenticator());
        const { id: passkey } = data.addPasskey.passkey;
        const renamed = await call(gate, "renamePasskey", { id: passkey, label }, own());
        expect(renamed).toMatchObject(refused);
      },
    );

    test("of another user can be neither renamed nor removed", async () => {
      const { data } = await register(gate, session, device);
      const other = await signIn(gate, await gate.user(`other${count}`));
      for (const wrong of [data.addPasskey.passkey.id, "0".repeat(32), "", "' OR 1=1 --"]) {
        const call1 = { authorization: other.authorization };
        expect(await call(gate, "removePasskey", { id: wrong }, call1)).toMatchObject({
          ...{ status: 400, code: "BAD_USER_INPUT", data: null },
        });
        const renamed = await call(gate, "renamePasskey", { id: wrong, label: "x" }, call1);
        expect(renamed).toMatchObject({ status: 400, data: null });
      }
      expect(await list()).toHaveLength(1);
    });
  });

  describe("PK-2: a registration is refused", () => {
    test.each<[string, Answering, code: string]>([
      ["from another page", { origin: "https://app.example.com.evil.example" }, "origin"],
      ["from a page in another's frame", { crossOrigin: true }, "origin"],
      ["for another domain", { rpId: "evil.example" }, "not_verified"],
      ["without a check of the user", { isUserVerified: false }, "not_verified"],
      ["without the user", { isUserPresent: false }, "not_verified"],
      ["with the answer of a login", { type: "webauthn.get" }, "not_verified"],
      ["with an unknown challenge", { challenge: "x".repeat(43) }, "challenge"],
      ["with a malformed challenge", { challenge: "" }, "challenge"],
    ])("%s", async (_what, how, code) => {
      expect(await register(gate, session, device, how)).toMatchObject(REFUSED);
      const refused = { type: "passkeys:refused", details: { code } };
      expect([gate.events, await stored()]).toEqual([[refused], []]);
    });

    test("with an algorithm that was not offered", async () => {
      device = new Authenticator({ algorithm: "ES384" });
      expect(await register(gate, session, device)).toMatchObject(REFUSED);
    });

    test("with an RSA key that would make each login expensive", async () => {
      device = new Authenticator({ algorithm: "RS256" });
      expect(await register(gate, session, device, { modulusLength: 8192 })).toMatchObject(REFUSED);
      const longest = await register(gate, session, device, { modulusLength: 4096 });
      expect(longest.status).toBe(200);
    });

    test("with a passkey that is registered already", async () => {
      await register(gate, session, device);
      const again = { ...device.create(await creation(gate, own())) };
      const twice = { label: "x", response: again };
      expect((await call(gate, "addPasskey", twice, own())).status).toBe(200);
      // The same key, as the answer to another challenge.
      const other = await signIn(gate, await gate.user(`other${count}`));
      const call1 = { authorization: other.authorization };
      const { challenge } = await creation(gate, call1);
      const clientData = Buffer.from(again.response.clientDataJSON, "base64url").toString();
      const stolen = clientData.replace(/"challenge":"[^"]*"/, `"challenge":"${challenge}"`);
      const clientDataJSON = Buffer.from(stolen).toString("base64url");
      const response = { ...again, response: { ...again.response, clientDataJSON } };
      expect(await call(gate, "addPasskey", { label: "x", response }, call1)).toMatchObject(
        REFUSED,
      );
      expect(await stored()).toHaveLength(2);
    });

    test.each([
      null,
      "x",
      [],
      {},
      { id: "x", rawId: "x", type: "public-key", response: {} },
      {
        id: "x".repeat(2000),
        rawId: "x",
        type: "public-key",
        response: { clientDataJSON: "x", attestationObject: "x" },
      },
      {
        id: "x",
        rawId: "x",
        type: "public-key",
        response: { clientDataJSON: "x", attestationObject: "x".repeat(20_000) },
      },
    ])("with malformed JSON, before the challenge is used (%#)", async (response) => {
      const answer = await call(gate, "addPasskey", { label: "x", response }, own());
      expect(answer).toMatchObject({ code: "BAD_USER_INPUT", reason: undefined });
      expect(gate.events).toEqual([]);
    });

    test.each(["o", "oA", "_w", "gYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGB".repeat(300)])(
      "with nonsense from the authenticator (%#)",
      async (attestationObject) => {
        const made = device.create(await creation(gate, own()));
        const response = { ...made, response: { ...made.response, attestationObject } };
        const answer = await call(gate, "addPasskey", { label: "x", response }, own());
        expect(answer).toMatchObject(REFUSED);
      },
    );
  });

  test("PK-3: a passkey is not added in a session that has ended since the request began", async () => {
    const response = device.create(await creation(gate, own()));
    const answer = await gate.ask(
      `mutation ($response: JSON!) {
        logoutAll { message }
        addPasskey(label: "x", response: $response) { message }
      }`,
      { ...own(), variables: { response } },
    );
    expect(answer).toMatchObject({ code: "BAD_USER_INPUT", reason: "passkey_not_valid" });
    expect(await stored()).toHaveLength(0);
    expect(gate.events).toContainEqual({
      type: "passkeys:refused",
      details: { code: "session_ended" },
    });
  });

  test("PK-3: a passkey is not removed in a session that has ended since the request began", async () => {
    const { data } = await register(gate, session, device);
    const answer = await gate.ask(
      `mutation ($id: ID!) { logoutAll { message } removePasskey(id: $id) { message } }`,
      { ...own(), variables: { id: data.addPasskey.passkey.id } },
    );
    expect(answer).toMatchObject({ reason: "token_revoked", data: null });
    expect(await stored()).toHaveLength(1);
  });

  test("no registration is begun by a user who was deleted since the request began", async () => {
    const query = "mutation { deleteAccount { message } beginPasskeyRegistration { options } }";
    expect(await gate.ask(query, own())).toMatchObject({ reason: "token_revoked", data: null });
  });

  describe("PK-1: the challenge of a registration", () => {
    test("works once, even in two requests at once", async () => {
      const response = device.create(await creation(gate, own()));
      const add = () => call(gate, "addPasskey", { label: "x", response }, own());
      const answers = await Promise.all([add(), add()]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
      expect(await add()).toMatchObject(REFUSED);
      expect(await stored()).toHaveLength(1);
    });

    test("expires after 5 minutes", async () => {
      const { authorization } = await signIn(gate, id, "SLIDING");
      const options = await creation(gate, { authorization });
      gate.advance(5 * MINUTE);
      const variables = { label: "x", response: device.create(options) };
      expect(await call(gate, "addPasskey", variables, { authorization })).toMatchObject(REFUSED);
    });

    test("works in its own session only", async () => {
      const response = device.create(await creation(gate, own()));
      for (const other of [
        await signIn(gate, id),
        await signIn(gate, await gate.user(`other${count}`)),
      ]) {
        const answer = await call(
          gate,
          "addPasskey",
          { label: "x", response },
          { authorization: other.authorization },
        );
        expect(answer).toMatchObject(REFUSED);
      }
      expect(await stored()).toEqual([]);
      expect((await call(gate, "addPasskey", { label: "x", response }, own())).status).toBe(200);
    });

    test("does not work for a login, and a login's challenge does not work for a registration", async () => {
      await register(gate, session, device);
      const options = await creation(gate, own());
      const response = device.get({ ...options, rpId: "example.com" });
      expect(await call(gate, "passkeyLogin", { response })).toMatchObject({ status: 401 });
      const login = (await call(gate, "beginPasskeyLogin")).data.beginPasskeyLogin.options;
      const made = new Authenticator().create({ ...login, rp: { id: "example.com" } });
      expect(await call(gate, "addPasskey", { label: "x", response: made }, own())).toMatchObject(
        REFUSED,
      );
    });
  });

  describe("a hijacked session", () => {
    test("without a login in the last 15 minutes, it adds and removes no passkey", async () => {
      const { data } = await register(gate, session, device);
      const issued = await gate.issue(id);
      const stale = { authorization: issued.authorization };
      const refused = { status: 403, reason: "reauthentication_required" };
      expect(await call(gate, "beginPasskeyRegistration", {}, stale)).toMatchObject(refused);
      const { id: passkey } = data.addPasskey.passkey;
      expect(await call(gate, "removePasskey", { id: passkey }, stale)).toMatchObject(refused);
      expect(await list()).toHaveLength(1);
    });

    test("a static token and an administrator who acts as the user change nothing", async () => {
      const { data } = await register(gate, session, device);
      const variables = { id: data.addPasskey.passkey.id, label: "x", response: {} };
      const token = await signIn(gate, id, "TOKEN");
      const admin = await signIn(gate, await gate.user(`admin${count}`, { role: "ADMIN" }));
      const acted = await gate.ask(
        `mutation { impersonate(userId: "${id}", reason: "test") { access } }`,
        { authorization: admin.authorization },
      );
      for (const authorization of [
        token.authorization,
        `Bearer ${acted.data.impersonate.access}`,
      ]) {
        for (const name of [
          "beginPasskeyRegistration",
          "addPasskey",
          "renamePasskey",
          "removePasskey",
        ] as const) {
          const { code } = await call(gate, name, variables, { authorization });
          expect([name, ["BAD_USER_INPUT", "FORBIDDEN"].includes(code!)]).toEqual([name, true]);
        }
      }
      expect(await list()).toMatchObject([{ label: "Laptop" }]);
    });
  });

  describe("the last way to log in", () => {
    const forgetPassword = () =>
      gate.sql(`UPDATE "user" SET password_hash = NULL WHERE id = ?`, [id]);

    test("cannot be removed", async () => {
      const { data } = await register(gate, session, device);
      await forgetPassword();
      expect(
        await call(gate, "removePasskey", { id: data.addPasskey.passkey.id }, own()),
      ).toMatchObject({
        ...{ status: 400, code: "BAD_USER_INPUT", reason: "last_sign_in_method", data: null },
      });
      expect((await logIn(gate, device)).status).toBe(200);
    });

    test("stays when two requests remove the last two at once", async () => {
      const first = await register(gate, session, device);
      const second = await register(gate, session, new Authenticator());
      await forgetPassword();
      const answers = await Promise.all(
        [first, second].map(({ data }) =>
          call(gate, "removePasskey", { id: data.addPasskey.passkey.id }, own()),
        ),
      );
      expect(answers.map(({ reason }) => reason).toSorted()).toEqual([
        "last_sign_in_method",
        undefined,
      ]);
      expect(await list()).toHaveLength(1);
    });
  });

  test("old challenges are pruned", async () => {
    await creation(gate, own());
    await call(gate, "beginPasskeyLogin");
    gate.advance(5 * MINUTE);
    await gate.auth.maintenance.prune();
    expect(await gate.sql(`SELECT * FROM passkey_challenge`)).toEqual([]);
  });
});

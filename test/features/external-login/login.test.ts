import { beforeEach, describe, expect, test } from "@jest/globals";
import type { LoginAttempt } from "../../../src/authentication/hooks.js";
import { hashSecret } from "../../../src/tokens/secret-hash.js";
import { defineFeature, Vetoed } from "../../../src/index.js";
import { expectThrottled } from "../../support/attempts.js";
import { type Answer, describeGates, PASSWORD, setUpGate } from "../../support/gate.js";
import { SECRET_KEY } from "../../support/wrong-settings.js";
import { answered, begin, begun, complete, type Given, logIn } from "./calls.js";
import { PAGE, type Person } from "./identity-server.js";
import { FAILED, startProvider } from "./setup.js";

const MINUTE = 60;

const { server, options } = await startProvider();

let loginVeto: string | undefined;
let registerVeto: string | undefined;
let attempts: LoginAttempt[] = [];
const vetoing = defineFeature({
  name: "vetoing",
  create: () => ({
    hooks: {
      beforeLogin: (_user, _client, attempt) => {
        attempts.push(attempt);
        if (loginVeto !== undefined) throw new Vetoed(loginVeto);
      },
      beforeRegister: () => {
        if (registerVeto !== undefined) throw new Vetoed(registerVeto);
      },
    },
  }),
});

const OPTIONS = {
  ...options,
  features: [vetoing],
} as const;

let count = 0;
/** Returns a person whom the gate does not know yet. */
function newPerson(more: Partial<Person> = {}): Person {
  const sub = `person-${(count += 1)}`;
  const email = `${sub}@example.com`;
  return { sub, email, email_verified: true, preferred_username: sub, ...more };
}

describeGates(OPTIONS, (gate) => {
  beforeEach(() => {
    server.reset();
    gate.events.length = 0;
    loginVeto = registerVeto = undefined;
    attempts = [];
  });

  const countRows = async (table: string) =>
    Number((await gate.sql(`SELECT count(*) AS total FROM ${table}`))[0].total);
  const userOf = ({ data }: Answer) => data.completeExternalLogin.user;
  const refusals = () => gate.events.filter(({ type }) => type === "external-login:refused");

  /** Expects that `run` logs nobody in, and creates and links no account. */
  async function expectNothing(run: () => Promise<void>): Promise<void> {
    const tables = ["user", "session", "linked_account", "external_login"];
    const counts = () => Promise.all(tables.map((table) => countRows(`"${table}"`)));
    const before = await counts();
    await run();
    expect(await counts()).toEqual(before);
  }

  test("everybody may read the names of the providers", async () => {
    expect((await gate.ask("{ externalProviders }")).data).toEqual({ externalProviders: ["corp"] });
  });

  describe("a new user", () => {
    test("gets an account with the verified address, and a session", async () => {
      const person = newPerson({ preferred_username: `Ada ${count}` });
      const answer = await logIn(gate, server, person);
      const { access, refresh, session, user } = answer.data.completeExternalLogin;
      expect(user).toEqual({ id: user.id, username: `Ada-${count - 1}`, email: person.email });
      expect(session.methods).toEqual(["fed"]);
      expect((await gate.me(`Bearer ${access}`)).data.me.id).toBe(user.id);
      expect((await gate.refresh(refresh)).status).toBe(200);
      expect(gate.events.slice(0, 3)).toEqual([
        { type: "user_created", userId: user.id },
        { type: "external-login:registered", userId: user.id, details: { provider: "corp" } },
        { type: "token_issued", userId: user.id, sessionId: session.id, scheme: "JWT" },
      ]);
      const query = "{ me { emailVerifiedAt } }";
      const { data } = await gate.ask(query, { authorization: `Bearer ${access}` });
      expect(data.me.emailVerifiedAt).toBe(new Date(gate.now).toISOString());
    });

    test("gets the same account at the next login, with the scheme that they ask for", async () => {
      const person = newPerson();
      const first = userOf(await logIn(gate, server, person));
      // Since the first login the address belongs to the account, whatever the provider says later.
      const later = { ...person, email: "other@example.com", email_verified: false };
      const given = await answered(gate, server, later);
      const { data } = await complete(gate, { ...given, scheme: "TOKEN" });
      expect(data.completeExternalLogin).toMatchObject({ scheme: "TOKEN", user: first });
      expect((await gate.me(`Token ${data.completeExternalLogin.token}`)).data.me.id).toBe(
        first.id,
      );
      expect(attempts).toEqual([
        { methods: ["fed"], scheme: "JWT" },
        { methods: ["fed"], scheme: "TOKEN" },
      ]);
    });

    test("gets one account, even if two first logins complete at once", async () => {
      const person = newPerson();
      const two = [await answered(gate, server, person), await answered(gate, server, person)];
      const answers = await Promise.all(two.map((given) => complete(gate, given)));
      const ids = answers.map((answer) => userOf(answer).id);
      expect(new Set(ids).size).toBe(1);
    });

    test.each([
      ["not verified", { email_verified: false }],
      ["not said to be verified", { email_verified: undefined }],
      ["verified by a value other than true", { email_verified: "yes" }],
      ["no address", { email: undefined }],
      ["not an address", { email: "ada" }],
      ["two addresses", { email: "ada@example.com,eve@example.com" }],
    ])("is refused if the address is %s", async (_what, more) => {
      await expectNothing(async () => {
        expect(await logIn(gate, server, newPerson(more as Partial<Person>))).toMatchObject({
          status: 403,
          reason: "external_email_not_verified",
        });
      });
      const details = { provider: "corp", code: "external_email_not_verified" };
      expect(refusals()).toEqual([{ type: "external-login:refused", details }]);
    });

    test("is accepted from a provider that says true as a text", async () => {
      expect((await logIn(gate, server, newPerson({ email_verified: "true" }))).status).toBe(200);
    });

    test.each([
      [{ preferred_username: "ada@corp.example", given_name: "Grace" }, /^Grace$/],
      [{ preferred_username: "grace" }, /^grace-\d{4}$/],
      [{ preferred_username: "gr\u0430ce" }, /^user-[0-9a-f]{12}$/],
      [{ preferred_username: "<b>\u202etext</b>" }, /^b-text-b$/],
      [{ preferred_username: "..--" }, /^user-[0-9a-f]{12}$/],
      [{ preferred_username: "x".repeat(5000) }, /^x{30}$/],
      [{ preferred_username: undefined }, /^user-[0-9a-f]{12}$/],
    ])("gets a safe name that is free (%#)", async (more, name) => {
      const answer = await logIn(gate, server, newPerson(more as Partial<Person>));
      expect(userOf(answer).username).toMatch(name);
    });

    test("is refused by a veto of the registration", async () => {
      registerVeto = "Only by invitation.";
      await expectNothing(async () => {
        const answer = await logIn(gate, server, newPerson());
        expect([answer.reason, answer.errors?.[0]?.message]).toEqual(["vetoed", registerVeto]);
      });
    });

    test("does not get a password, and nobody else can set one", async () => {
      const { username } = userOf(await logIn(gate, server, newPerson()));
      await expect(gate.login(username)).rejects.toThrow("invalid_credentials");
    });

    test("RC-7: removes the address from the pending registration of a stranger", async () => {
      const person = newPerson();
      const query = `mutation { register(username: "eve${count}", email: "${person.email}", password: "${PASSWORD} eve") { message } }`;
      expect((await gate.ask(query)).status).toBe(200);
      expect((await logIn(gate, server, person)).status).toBe(200);
      const rows = await gate.sql(`SELECT email FROM registration WHERE email IS NOT NULL`);
      expect(rows).toEqual([]);
    });
  });

  describe("an account with the same address", () => {
    test("EX-4: is never linked by a login, even if the provider has verified the address, and is not changed", async () => {
      const person = newPerson();
      const id = await gate.user(person.sub, { email: String(person.email).toUpperCase() });
      await expectNothing(async () => {
        expect(await logIn(gate, server, person)).toMatchObject({
          status: 403,
          code: "FORBIDDEN",
          reason: "account_exists",
        });
      });
      expect((await gate.login(person.sub)).session.id).toBeTruthy();
      const details = { provider: "corp", code: "account_exists" };
      expect(refusals()).toEqual([{ type: "external-login:refused", details }]);
      expect(await gate.sql(`SELECT id FROM linked_account WHERE user_id = ?`, [id])).toEqual([]);
    });
  });

  describe("vetoes", () => {
    test("a veto refuses the login, and the login can be repeated without it", async () => {
      const person = newPerson();
      await logIn(gate, server, person);
      loginVeto = "Not on Sundays.";
      expect(await logIn(gate, server, person)).toMatchObject({ reason: "vetoed" });
      loginVeto = undefined;
      expect((await logIn(gate, server, person)).status).toBe(200);
    });

    test("an inactive user is refused as after a wrong password", async () => {
      const person = newPerson();
      const { id } = userOf(await logIn(gate, server, person));
      await gate.auth.accounts.setActive(id, false);
      gate.events.length = 0;
      const answer = await logIn(gate, server, person);
      expect(answer).toMatchObject({ status: 401, reason: "invalid_credentials" });
      const details = { provider: "corp", code: "invalid_credentials" };
      expect(gate.events).toEqual([{ type: "external-login:refused", details }]);
    });
  });

  describe("beginExternalLogin", () => {
    test("sends the browser to the provider with PKCE, state and nonce", async () => {
      const { url, proof, expiresAt } = await begun(gate);
      const { origin, searchParams } = new URL(url);
      expect(origin).toBe(server.issuer);
      expect(Object.fromEntries(searchParams)).toEqual({
        client_id: server.clientId,
        response_type: "code",
        redirect_uri: PAGE,
        scope: "openid email profile",
        code_challenge: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge_method: "S256",
        state: expect.stringMatching(/^[\w-]{43}$/),
        nonce: expect.stringMatching(/^[\w-]{43}$/),
      });
      expect(proof).toMatch(/^[\w-]{43}$/);
      expect(Date.parse(expiresAt)).toBe(gate.now + 10 * MINUTE * 1000);
    });

    test("stores no secret that a reader of the database could use", async () => {
      const { url, proof } = await begun(gate);
      const { searchParams: sent } = new URL(url);
      const hash = hashSecret(String(sent.get("state")));
      const [row] = await gate.sql(`SELECT * FROM external_login WHERE state_hash = ?`, [hash]);
      const text = JSON.stringify(row);
      expect(row.proof_hash).toBe(hashSecret(proof));
      for (const secret of [sent.get("state"), sent.get("nonce"), proof, "codeVerifier"]) {
        expect(text).not.toContain(secret);
      }
    });

    test.each([
      "https://evil.example/signed-in",
      "https://app.example.com.evil.example/signed-in",
      "https://app.example.com@evil.example/",
      "https://evil.example@app.example.com/",
      "https://evil.example\\@app.example.com/x?y",
      "http://app.example.com/signed-in",
      "https://app.example.com:8443/signed-in",
      "//app.example.com/signed-in",
      "/signed-in",
      "javascript:alert(1)",
      "blob:https://app.example.com/3f2b",
      "data:text/html,x",
      "https://app.example.com/signed-in?next=https://evil.example",
      "https://app.example.com/signed-in?",
      "https://app.example.com/signed-in#x",
      `https://app.example.com/${"x".repeat(2000)}`,
      "",
    ])(
      "EX-3, open redirect: a page of an unknown origin is refused, and nothing is stored (%#)",
      async (redirectTo) => {
        await expectNothing(async () => {
          expect(await begin(gate, { redirectTo })).toMatchObject({
            status: 400,
            code: "BAD_USER_INPUT",
          });
        });
        expect(server.requests).toEqual([]);
      },
    );

    test.each(["google", "Corp", "", "__proto__", "corp\0"])(
      "refuses the unknown provider %j",
      async (provider) => {
        expect(await begin(gate, { provider })).toMatchObject({ code: "BAD_USER_INPUT" });
      },
    );
  });

  describe("completeExternalLogin", () => {
    const refused = async (given: Given) => {
      await expectNothing(async () => {
        expect(await complete(gate, given)).toMatchObject(FAILED);
      });
    };

    test("EX-1: works once: a replayed state and a replayed code are refused", async () => {
      const person = newPerson();
      const given = await answered(gate, server, person);
      expect((await complete(gate, given)).status).toBe(200);
      await refused(given);
      // The provider refuses the used code in a new login too.
      const { url, proof } = await begun(gate);
      const { state } = await server.visit(url, person);
      expect(await complete(gate, { ...given, state, proof })).toMatchObject(FAILED);
      expect(refusals().map(({ details }: any) => details.code)).toEqual([
        "state",
        "OAUTH_RESPONSE_BODY_ERROR",
      ]);
    });

    test("EX-1: works once, even if it is sent twice at once", async () => {
      const given = await answered(gate, server, newPerson());
      const answers = await Promise.all([complete(gate, given), complete(gate, given)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401]);
    });

    test("EX-2, fixation: another browser cannot complete it, and the right browser still can", async () => {
      const given = await answered(gate, server, newPerson());
      const { proof } = await begun(gate);
      for (const foreign of [proof, given.proof.toLowerCase(), given.state, "", "x".repeat(43)]) {
        await refused({ ...given, proof: foreign });
      }
      expect((await complete(gate, given)).status).toBe(200);
    });

    test("EX-2, CSRF: a return URL that the browser did not ask for is refused", async () => {
      const given = await answered(gate, server, newPerson());
      for (const state of ["x".repeat(43), "", "null", given.proof, given.code]) {
        await refused({ ...given, state });
      }
    });

    test("EX-2: the code of another login is refused, because PKCE and the nonce bind it", async () => {
      const mine = await answered(gate, server, newPerson());
      const theirs = await answered(gate, server, newPerson());
      expect(await complete(gate, { ...mine, code: theirs.code })).toMatchObject(FAILED);
    });

    test("mix-up: an answer from another issuer, or without an issuer, is refused", async () => {
      for (const iss of ["https://evil.example", null, ""]) {
        const given = await answered(gate, server, newPerson());
        expect(await complete(gate, { ...given, iss })).toMatchObject(FAILED);
      }
    });

    test("is refused after 10 minutes, without asking the provider", async () => {
      const given = await answered(gate, server, newPerson());
      gate.advance(10 * MINUTE);
      server.reset();
      expect(await complete(gate, given)).toMatchObject(FAILED);
      expect(server.requests).toEqual([]);
      await gate.auth.maintenance.prune();
      expect(await countRows("external_login")).toBe(0);
    });

    test("a login that was begun before the root secret was replaced can be completed", async () => {
      const given = await answered(gate, server, newPerson());
      const next = await gate.another({ secretKey: [SECRET_KEY, gate.secretKey] });
      expect((await complete(next, given)).status).toBe(200);
    });

    test("malformed arguments are refused, and the login can still be completed", async () => {
      const given = await answered(gate, server, newPerson());
      for (const wrong of [{ code: "" }, { code: "x".repeat(4097) }, { iss: "x".repeat(4097) }]) {
        const answer = await complete(gate, { ...given, ...wrong });
        expect(answer).toMatchObject({ code: "BAD_USER_INPUT" });
      }
      expect((await complete(gate, given)).status).toBe(200);
    });
  });
});

describe("with registration closed", () => {
  const gate = setUpGate({ ...OPTIONS, registration: "closed" });

  test("a new user is refused, whether or not the address is verified", async () => {
    for (const email_verified of [true, false]) {
      const answer = await logIn(gate, server, newPerson({ email_verified }));
      expect(answer).toMatchObject({ status: 403, reason: "registration_closed", data: null });
    }
    expect(await gate.sql(`SELECT id FROM "user"`)).toEqual([]);
  });
});

describe("rate limits", () => {
  const gate = setUpGate({ ...OPTIONS, loginsPerAddress: 2, requestsPerAddress: 8 });

  test("completeExternalLogin counts as a login, and beginExternalLogin as a request", async () => {
    const given = { code: "x", state: "x", proof: "x", iss: null };
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await complete(gate, given)).toMatchObject(FAILED);
    }
    expectThrottled(await complete(gate, given), MINUTE);
    while ((await begin(gate)).status === 200);
    expectThrottled(await begin(gate), MINUTE);
  });
});

import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineFeature } from "../../../src/index.js";
import { becomes } from "../../support/eventually.js";
import { describeFreshGates, describeGates, PASSWORD, type Tokens } from "../../support/gate.js";
import { call, signIn } from "../recovery/calls.js";
import { REGISTER, VERIFY } from "../registration/documents.js";
import { answered, begin, complete, logIn } from "./calls.js";
import { type Person, sign } from "./identity-server.js";
import { FAILED, startProvider } from "./setup.js";

/** Runs during a login at a provider, after the provider has said who the user is. */
let beforeLogin = (): Promise<unknown> => Promise.resolve();

const meanwhile = defineFeature({
  name: "meanwhile",
  create: () => ({
    hooks: {
      beforeLogin: async (_user, _client, { methods }) => {
        if (methods.includes("fed")) await beforeLogin();
      },
    },
  }),
});

const { server, smtp, options } = await startProvider();
const OPTIONS = {
  ...options,
  emailVerification: "optional",
  features: [meanwhile],
} as const;

describeGates(OPTIONS, (gate) => {
  let count = 0;
  let person: Person;
  let id: string;
  let email: string;
  let session: Tokens;

  beforeEach(async () => {
    server.reset();
    smtp.reset();
    beforeLogin = () => Promise.resolve();
    const sub = `person-${(count += 1)}`;
    person = { sub, email: `${sub}@corp.example`, email_verified: true };
    email = `${sub}@example.com`;
    id = await gate.user(sub, { email });
    session = await signIn(gate, id);
    gate.events.length = 0;
  });

  const own = () => ({ authorization: session.authorization });
  const link = () => logIn(gate, server, person, own());
  const links = () => gate.sql(`SELECT name FROM linked_account WHERE user_id = ?`, [id]);

  /** Signs up. Returns the `Authorization` header of the new user, and the token of the mail. */
  async function register(username: string, address: string) {
    const variables = { username, email: address, password: `${PASSWORD} ${username}` };
    const { data } = await gate.ask(REGISTER, { variables });
    const authorization = `Bearer ${data.register.auth.access}`;
    return { authorization, token: await smtp.tokenTo(address) };
  }

  test("RC-7: an account without a proved address cannot be linked", async () => {
    const { authorization, token } = await register(`new-${count}`, `new-${count}@example.com`);
    expect(await begin(gate, {}, { authorization })).toMatchObject({
      reason: "email_not_verified",
    });
    expect((await gate.ask(VERIFY, { variables: { token } })).status).toBe(200);
    expect((await logIn(gate, server, person, { authorization })).status).toBe(200);
  });

  test("RC-7: an account that loses its password to the owner of the address also loses its links", async () => {
    await link();
    const address = `owner-${count}@example.com`;
    await register(`owner-${count}`, address);
    smtp.reset();
    gate.advance(61);
    // The owner cannot know which of the two mails is the stranger's.
    await call(gate, "changeEmail", { newEmail: address }, own());
    const token = await smtp.tokenTo(address);
    gate.events.length = 0;
    expect((await call(gate, "confirmEmailChange", { token })).status).toBe(200);
    expect(gate.events).toContainEqual({ type: "password_removed", userId: id });
    expect(await links()).toEqual([]);
    const { data } = await logIn(gate, server, person);
    expect(data.completeExternalLogin.user.id).not.toBe(id);
  });

  describe("a link", () => {
    test.each([
      ["has ended", () => gate.logout(own())],
      [
        "has expired",
        () => {
          gate.advance(365 * 86_400);
          return Promise.resolve();
        },
      ],
      ["ended with the password", () => gate.auth.accounts.setPassword(id, `${PASSWORD}!`)],
    ])("EX-7: is not made if its session %s while the provider answers", async (_how, end) => {
      const given = await answered(gate, server, person, own());
      server.behaviour = {
        idToken: async (claims) => {
          await end();
          return sign(claims, server.key);
        },
      };
      expect(await complete(gate, given, own())).toMatchObject(FAILED);
      expect(await links()).toEqual([]);
      const details = { provider: "corp", code: "session_ended" };
      expect(gate.events).toContainEqual({ type: "external-login:refused", details });
    });

    test("EX-8: is reported to the user in one mail", async () => {
      await link();
      await link();
      await smtp.mailsTo(email);
      const [mail, ...others] = smtp.mails.filter(({ recipients }) => recipients.includes(email));
      expect(others).toEqual([]);
      expect(mail?.subject).toBe("You can sign in with another account");
      expect(mail?.text).toContain(`Hello person-${count},`);
    });

    test("needs no mail if the user has no address", async () => {
      await gate.auth.accounts.updateUser(id, { email: null });
      expect((await link()).status).toBe(200);
    });

    test.each([
      ["a control character", "n\u0000a\u0007me", "name"],
      ["a hundred thousand characters", "x".repeat(100_000), "x".repeat(254)],
      ["nothing but control characters", "\u0000", null],
    ])("may have a name with %s at the provider", async (_what, name, stored) => {
      server.behaviour = {
        idToken: (claims) => sign({ ...claims, email: name, email_verified: true }, server.key),
      };
      expect((await link()).status).toBe(200);
      expect(await links()).toMatchObject([{ name: stored }]);
    });
  });

  test("EX-7: a login by an account that is unlinked meanwhile opens no session", async () => {
    await link();
    beforeLogin = () => gate.sql(`DELETE FROM linked_account WHERE user_id = ? RETURNING id`, [id]);
    gate.events.length = 0;
    expect(await logIn(gate, server, person)).toMatchObject(FAILED);
    expect(await gate.auth.sessions.list(id)).toHaveLength(1);
    const details = { provider: "corp", code: "unlinked" };
    expect(gate.events).toEqual([{ type: "external-login:refused", details }]);
  });

  test.each([
    ["a control character", "a\u0000b"],
    ["no characters", ""],
    ["too many characters", "x".repeat(256)],
  ])("a subject with %s is refused with a code", async (_what, sub) => {
    server.behaviour = { idToken: (claims) => sign({ ...claims, sub }, server.key) };
    expect(await logIn(gate, server, person)).toMatchObject(FAILED);
  });
});

describeFreshGates(OPTIONS, (gate) => {
  test("a link that is begun while its user is deleted is refused with a code", async () => {
    server.reset();
    const path = "/.well-known/openid-configuration";
    const metadata = await (await fetch(server.issuer + path)).text();
    const id = await gate.user("ada");
    const { authorization } = await signIn(gate, id);
    server.behaviour = {
      answers: {
        [path]: (_request, response) => {
          void gate.auth.accounts.deleteUser(id).then(() => {
            response.writeHead(200, { "content-type": "application/json" }).end(metadata);
          });
        },
      },
    };
    expect(await begin(gate, {}, { authorization })).toMatchObject(FAILED);
  });
});

describeFreshGates(OPTIONS, (gate) => {
  test("a storm of wrong answers stores few events", async () => {
    const secret = "x".repeat(43);
    const wrong = { code: "x", state: secret, proof: secret, iss: null };
    for (let turn = 0; turn < 15; turn += 1) {
      expect(await complete(gate, wrong)).toMatchObject(FAILED);
    }
    const of = (type: string) => gate.sql("SELECT details FROM audit_event WHERE type = ?", [type]);
    await becomes(async () => {
      const [row] = await of("audit:events_dropped");
      return JSON.parse(row?.details ?? "{}").count;
    }, 5);
    expect(await of("external-login:refused")).toHaveLength(10);
  });
});

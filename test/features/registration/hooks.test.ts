import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { defineFeature, Vetoed } from "../../../src/index.js";
import { attempt } from "../../support/attempts.js";
import { type Answer, describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { REGISTER, VERIFY } from "./documents.js";

const REGISTER_AND_SELECT = `mutation ($username: String!, $email: String!, $scheme: AuthScheme) {
  register(username: $username, email: $email, password: "${PASSWORD}", scheme: $scheme) {
    message auth { scheme tokenType token access user { username email emailVerifiedAt } }
  }
}`;

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const seen: [hook: string, user: object][] = [];
let obstacle: (hook: string) => unknown = () => undefined;

/** An application's feature with hooks, and a field that needs a recent password. */
const watcher = defineFeature({
  name: "watcher",
  create: () => {
    const watch = (hook: string) => async (user: object) => {
      seen.push([hook, user]);
      await obstacle(hook);
    };
    return {
      hooks: {
        beforeRegister: watch("beforeRegister"),
        afterRegister: watch("afterRegister"),
        beforeLogin: watch("beforeLogin"),
        onUserDeleted: watch("onUserDeleted"),
      },
      extension: {
        typeDefs: `extend type Query { salary: Int! @auth(freshWithin: "15m") }`,
        resolvers: { Query: { salary: () => 1000 } },
      },
    };
  },
});

let count = 0;
let username: string;
let email: string;

beforeEach(() => {
  smtp.reset();
  seen.length = 0;
  obstacle = () => undefined;
  count += 1;
  username = `person${count}`;
  email = `person${count}@example.com`;
});

const options = { features: [watcher], smtpUrl: smtp.url, mailFrom: "no-reply@example.com" };

describe("the hooks of a registration", () => {
  describeGates(options, (gate) => {
    const register = () =>
      gate.ask(REGISTER, { variables: { username, email, password: PASSWORD } });

    /** Expects that a refused registration has left nothing behind. */
    const expectNothing = async () => {
      expect(await gate.auth.accounts.findUser({ username })).toBeNull();
      // Only mails to this address count, because a mail of an earlier test may still arrive.
      expect(smtp.mails.filter(({ recipients }) => recipients.includes(email))).toEqual([]);
      const waiting = await gate.sql("SELECT id FROM mail_outbox WHERE recipient = ?", [email]);
      expect(waiting).toEqual([]);
    };

    test("run before and after it, and in the same way for a known address", async () => {
      await register();
      const { id } = (await gate.auth.accounts.findUser({ username }))!;
      const calls = [
        ["beforeRegister", { username, email }],
        ["afterRegister", { id, username, email: null }],
      ];
      expect(seen).toEqual(calls);
      await gate.user("owner", { email: `known${email}` });
      seen.length = 0;
      [username, email] = [`${username}b`, `known${email}`];
      await register();
      const other = (await gate.auth.accounts.findUser({ username }))!;
      expect(seen).toEqual([
        ["beforeRegister", { username, email }],
        ["afterRegister", { id: other.id, username, email: null }],
      ]);
      await gate.auth.accounts.deleteUser(
        (await gate.auth.accounts.findUser({ username: "owner" }))!,
      );
    });

    test("can refuse it with a message, and the address can register a moment later", async () => {
      obstacle = () => {
        throw new Vetoed("Only members may register.");
      };
      const answer = await register();
      expect(answer).toMatchObject({
        status: 403,
        code: "FORBIDDEN",
        reason: "vetoed",
        data: null,
      });
      expect(answer.errors?.[0]?.message).toBe("Only members may register.");
      await expectNothing();
      obstacle = () => undefined;
      expect((await register()).status).toBe(200);
      await smtp.mailsTo(email);
    });

    test("refuse it if they fail or hang for 5 seconds, and the error hides the cause", async () => {
      obstacle = (hook) => (hook === "beforeRegister" ? new Promise(() => undefined) : undefined);
      expect(await register()).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE" });
      obstacle = () => {
        throw new Error("no disk");
      };
      const answer = await register();
      expect(answer).toMatchObject({ status: 500, code: "INTERNAL_SERVER_ERROR" });
      expect(answer.text).not.toContain("disk");
      await expectNothing();
    });

    test("do not run for a weak password, a malformed address, or a name that is malformed or taken", async () => {
      await gate.user(`taken${username}`);
      for (const wrong of [
        { password: "short" },
        { email: "x" },
        { username: "" },
        { username: `taken${username}` },
      ]) {
        const variables = { username, email, password: PASSWORD, ...wrong };
        expect(await gate.ask(REGISTER, { variables })).toMatchObject({ code: "BAD_USER_INPUT" });
      }
      expect(seen).toEqual([]);
    });
  });
});

describe("with EMAIL_VERIFICATION=optional", () => {
  describeGates({ ...options, emailVerification: "optional" }, (gate) => {
    const register = (scheme = "JWT") =>
      gate.ask(REGISTER_AND_SELECT, { variables: { username, email, scheme } });

    test.each([
      ["TOKEN", "Token"],
      ["JWT", "Bearer"],
      ["SLIDING", "Bearer"],
    ])("a registration also logs the user in, by the scheme %s", async (scheme, tokenType) => {
      const { auth } = (await register(scheme)).data.register;
      expect(auth).toMatchObject({
        scheme,
        tokenType,
        user: { username, email: null, emailVerifiedAt: null },
      });
      const authorization = `${tokenType} ${auth.token ?? auth.access}`;
      expect((await gate.me(authorization)).data.me.username).toBe(username);
      expect((await gate.ask("{ salary }", { authorization })).status).toBe(200);
      await verifyAndExpect(authorization);
    });

    async function verifyAndExpect(authorization: string): Promise<void> {
      await gate.ask(VERIFY, { variables: { token: await smtp.tokenTo(email) } });
      const { data } = await gate.ask("{ me { email emailVerifiedAt } }", { authorization });
      expect(data.me).toEqual({ email, emailVerifiedAt: new Date(gate.now).toISOString() });
    }

    test("RC-1: a registration with a known address gets the same kind of answer", async () => {
      const unknown = await register();
      await gate.user(`owner${count}`, { email: `known${email}` });
      [username, email] = [`${username}b`, `known${email}`];
      const known = await register();
      const shape = ({ status, data }: Answer) => {
        const { access, user, ...auth } = data.register.auth;
        const words = access.split(".").length;
        return [status, data.register.message, auth, words, { ...user, username: "" }];
      };
      expect(shape(known)).toEqual(shape(unknown));
      expect((await smtp.mailsTo(email))[0]?.subject).toBe("You already have an account");
    });

    test("a login by user name works before the address is proved", async () => {
      await register();
      expect((await attempt(gate, username, PASSWORD)).status).toBe(200);
    });

    test("a hook that refuses the login keeps the account, but no tokens are issued", async () => {
      obstacle = (hook) => {
        if (hook === "beforeLogin") throw new Vetoed("Logins are closed.");
      };
      expect((await register()).data.register.auth).toBeNull();
      expect(await attempt(gate, username, PASSWORD)).toMatchObject({ reason: "vetoed" });
      obstacle = () => undefined;
      await gate.login(username);
    });
  });
});

import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthEvent } from "../../../src/events.js";
import { defineFeature, Vetoed } from "../../../src/index.js";
import { becomes } from "../../support/eventually.js";
import { type Answer, describeFreshGates, type Gate, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";

const REQUEST = `mutation ($email: String!, $proof: String) {
  requestLoginCode(email: $email, proof: $proof) { message proof expiresAt }
}`;
const LOGIN = `mutation ($email: String!, $code: String!, $proof: String, $scheme: AuthScheme! = JWT) {
  loginWithCode(email: $email, code: $code, proof: $proof, scheme: $scheme) {
    scheme token access user { username } session { methods }
  }
}`;
const EMAIL = "ada@example.com";
const NOT_VALID = { status: 401, reason: "code_not_valid", data: null };
const MINUTE = 60;

const smtp = await MailServer.start();
const events: AuthEvent[] = [];
let isVetoed = false;

const veto = defineFeature({
  name: "veto",
  create: () => ({
    hooks: {
      beforeLogin: () => {
        if (isVetoed) throw new Vetoed("Logins are closed.");
      },
    },
  }),
});

const options = {
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com", loginCodes: true, features: [veto] },
  publicUrl: "https://shop.example.com",
  onEvent: (event: AuthEvent) => void events.push(event),
};

beforeEach(() => {
  smtp.reset();
  events.length = 0;
  isVetoed = false;
});

afterAll(() => smtp.close());

interface Received {
  readonly proof: string;
  readonly code: string;
  readonly link: string;
}

/** Asks for a code without reading the mail. */
async function request(gate: Gate, email = EMAIL, proof?: string): Promise<Answer> {
  const asked = await gate.ask(REQUEST, { variables: { email, proof } });
  await gate.auth.mail.idle();
  return asked;
}

/** Asks for a code, and reads it in the mail. */
async function receive(gate: Gate, email = EMAIL, kept?: string): Promise<Received> {
  const before = smtp.mails.filter(({ recipients }) => recipients.includes(email)).length;
  const { data } = await request(gate, email, kept);
  const mails = await smtp.mailsTo(email, before + 1);
  const text = mails.at(-1)?.text ?? "";
  const code = /^\d{6}$/m.exec(text)?.[0] ?? "";
  const link = /\?token=([\w-]{43})$/m.exec(text)?.[1] ?? "";
  expect([code, link]).not.toContain("");
  return { proof: data.requestLoginCode.proof, code, link };
}

/** Returns another code of six digits. */
const notThe = (code: string, by = 1) => String((Number(code) + by) % 1_000_000).padStart(6, "0");

describeFreshGates(options, (gate) => {
  let id: string;

  beforeEach(async () => {
    id = await gate.user("ada", { email: EMAIL });
  });

  const login = (variables: object) =>
    gate.ask(LOGIN, { variables: { email: EMAIL, ...variables } });

  describe("the code", () => {
    test.each(["JWT", "TOKEN", "SLIDING"])("opens a session of the scheme %s", async (scheme) => {
      const { code } = await receive(gate);
      const { data } = await login({ code, scheme });
      expect(data.loginWithCode).toMatchObject({
        ...{ scheme, user: { username: "ada" }, session: { methods: ["otp"] } },
      });
      const { token, access } = data.loginWithCode;
      const authorization = `${scheme === "TOKEN" ? "Token" : "Bearer"} ${token ?? access}`;
      expect((await gate.me(authorization)).data.me.username).toBe("ada");
    });

    test("may be typed with spaces, and the address in capitals", async () => {
      const { code } = await receive(gate);
      const typed = ` ${code.slice(0, 3)} ${code.slice(3)}\n`;
      const { data } = await login({ code: typed, email: "ADA@Example.com" });
      expect(data.loginWithCode.user.username).toBe("ada");
    });

    test("LC-1: works once, alone or with the link, even if two arrive together", async () => {
      const { code, link, proof } = await receive(gate);
      const answers = await Promise.all([
        login({ code }),
        login({ code }),
        login({ code: link, proof }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
      expect(await login({ code })).toMatchObject(NOT_VALID);
      expect(await gate.auth.sessions.list(id)).toHaveLength(1);
    });

    test("stops working after ten minutes", async () => {
      const { code } = await receive(gate);
      gate.advance(10 * MINUTE);
      expect(await login({ code })).toMatchObject(NOT_VALID);
    });

    test("LC-1: stops working after five wrong ones, however many arrive together", async () => {
      const { code } = await receive(gate);
      const guesses = [1, 2, 3, 4, 5].map((by) => login({ code: notThe(code, by) }));
      for (const { status } of await Promise.all(guesses)) expect(status).toBe(401);
      // Without this, the delay after failed logins would refuse the right code.
      gate.advance(2 * MINUTE);
      expect(await login({ code })).toMatchObject(NOT_VALID);
      gate.advance(MINUTE);
      const next = await receive(gate);
      expect((await login({ code: next.code })).status).toBe(200);
    });

    test("after four wrong ones still works", async () => {
      const { code } = await receive(gate);
      for (const by of [1, 2, 3, 4]) await login({ code: notThe(code, by) });
      gate.advance(MINUTE);
      expect((await login({ code })).status).toBe(200);
    });

    test("LC-3: is sent again for five minutes, so that a stranger cannot replace it", async () => {
      const own = await receive(gate);
      gate.advance(MINUTE);
      const strange = await receive(gate);
      gate.advance(5 * MINUTE - MINUTE - 1);
      const late = await receive(gate);
      expect([strange.code, late.code]).toEqual([own.code, own.code]);
      expect((await login({ code: own.code })).status).toBe(200);
    });

    test("LC-3: gets no further tries by being sent again", async () => {
      const { code } = await receive(gate);
      for (const by of [1, 2, 3, 4]) await login({ code: notThe(code, by) });
      gate.advance(MINUTE);
      await receive(gate);
      expect(await login({ code: notThe(code) })).toMatchObject(NOT_VALID);
      gate.advance(MINUTE);
      expect(await login({ code })).toMatchObject(NOT_VALID);
    });

    test("LC-3: expires ten minutes after the first mail, even if it is sent again", async () => {
      const { code } = await receive(gate);
      gate.advance(4 * MINUTE);
      await receive(gate);
      gate.advance(6 * MINUTE);
      expect(await login({ code })).toMatchObject(NOT_VALID);
    });

    test.each<[string, (code: string) => Promise<unknown>, number]>([
      ["after five minutes", () => Promise.resolve(), 5 * MINUTE],
      ["after a login", (code) => login({ code }), MINUTE],
      [
        "after a new password",
        () => gate.auth.accounts.setPassword(id, "another correct horse battery"),
        MINUTE,
      ],
    ])("is replaced %s", async (_when, use, seconds) => {
      const first = await receive(gate);
      await use(first.code);
      gate.advance(seconds);
      const second = await receive(gate);
      expect(second.link).not.toBe(first.link);
      if (second.code !== first.code) {
        expect(await login({ code: first.code })).toMatchObject(NOT_VALID);
      }
      expect((await login({ code: second.code })).status).toBe(200);
    });

    test.each<[string, () => Promise<unknown>]>([
      ["a new password", () => gate.auth.accounts.setPassword(id, "another correct horse battery")],
      ["a new address", () => gate.auth.accounts.updateUser(id, { email: "eve@example.com" })],
      ["a deactivation", () => gate.auth.accounts.setActive(id, false)],
      ["a deletion", () => gate.auth.accounts.deleteUser(id)],
    ])("stops working after %s", async (_change, change) => {
      const { code, link, proof } = await receive(gate);
      await change();
      expect(await login({ code })).toMatchObject(NOT_VALID);
      expect(await login({ code: link, proof })).toMatchObject(NOT_VALID);
    });

    test("of one account does not work for another", async () => {
      await gate.user("bob", { email: "bob@example.com" });
      const { code } = await receive(gate);
      const other = await receive(gate, "bob@example.com");
      if (code !== other.code) {
        expect(await login({ code: other.code })).toMatchObject(NOT_VALID);
      }
      expect(await login({ code: other.link, proof: other.proof })).toMatchObject(NOT_VALID);
      expect((await login({ code })).status).toBe(200);
    });

    test("is not in the database, and neither is the token of the link", async () => {
      const { code, link, proof } = await receive(gate);
      const rows: unknown[] = [];
      for (const table of ["login_code", "mail_token", "mail_outbox", "mail_request"]) {
        rows.push(await gate.sql(`SELECT * FROM ${table}`));
      }
      const stored = JSON.stringify(rows);
      for (const secret of [`"${code}"`, link, proof]) expect(stored).not.toContain(secret);
    });
  });

  describe("the link", () => {
    test("logs the browser in that asked for it", async () => {
      const { link, proof } = await receive(gate);
      expect((await login({ code: link, proof })).status).toBe(200);
    });

    test("LC-2: does not log another browser in, and still works in the right one", async () => {
      const { link, proof } = await receive(gate);
      const foreign = (await request(gate, "nobody@example.com")).data.requestLoginCode.proof;
      for (const wrong of [undefined, null, "", foreign, proof.toLowerCase()]) {
        expect(await login({ code: link, proof: wrong })).toMatchObject(NOT_VALID);
      }
      expect((await login({ code: link, proof })).status).toBe(200);
    });

    test("still works after a second request in its browser, which sends no mail within a minute", async () => {
      const { link, proof } = await receive(gate);
      expect((await request(gate, EMAIL, proof)).data.requestLoginCode.proof).toBe(proof);
      expect(await smtp.mailsTo(EMAIL)).toHaveLength(1);
      expect((await login({ code: link, proof })).status).toBe(200);
    });

    test.each(["first", "second"] as const)(
      "LC-3: works in the browser of the %s of two requests",
      async (which) => {
        const first = await receive(gate);
        gate.advance(MINUTE);
        const second = await receive(gate);
        const { proof } = { first, second }[which];
        expect((await login({ code: second.link, proof })).status).toBe(200);
      },
    );

    test("a token of another purpose does not log in", async () => {
      const { proof } = await receive(gate);
      await gate.ask(`mutation { requestPasswordReset(email: "${EMAIL}") { message } }`);
      await gate.auth.mail.idle();
      const [, mail] = await smtp.mailsTo(EMAIL, 2);
      const reset = /reset-password\?token=([\w-]{43})/.exec(mail?.text ?? "")?.[1];
      expect(await login({ code: reset, proof })).toMatchObject(NOT_VALID);
    });
  });

  describe("nobody learns who has an account", () => {
    test("all requests get the same answer, except for the random proof", async () => {
      const [known, unknown] = [await request(gate), await request(gate, "bob@example.com")];
      const visible = ({ status, data: { requestLoginCode } }: Answer) => {
        const { proof, expiresAt, ...rest } = requestLoginCode;
        return [status, rest, proof.length, typeof expiresAt];
      };
      expect(visible(unknown)).toEqual(visible(known));
    });

    test("a wrong code gets the same refusal, with and without a request", async () => {
      const texts = new Set<string>();
      const { code } = await receive(gate);
      await request(gate, "bob@example.com");
      for (const email of [EMAIL, "bob@example.com", "eve@example.com"]) {
        const { text, status } = await login({ email, code: notThe(code) });
        expect(status).toBe(401);
        texts.add(text);
      }
      expect(texts.size).toBe(1);
    });

    test("a wrong code costs the same statements", async () => {
      const { code } = await receive(gate);
      await request(gate, "bob@example.com");
      // The statement that deletes the mail's row would be counted too.
      await becomes(async () => (await gate.sql("SELECT id FROM mail_outbox")).length, 0);
      const wrong = notThe(code);
      const known = await gate.countStatements(() => login({ code: wrong }));
      const unknown = await gate.countStatements(() =>
        login({ email: "bob@example.com", code: wrong }),
      );
      expect(unknown).toBe(known);
    });

    test("an inactive user gets no mail, and an address that was just replaced gets none either", async () => {
      await gate.auth.accounts.setActive(id, false);
      await request(gate);
      await gate.user("admin", { role: "ADMIN", email: "root@example.com" });
      const { authorization } = await gate.login("admin");
      const bob = await gate.user("bob", { email: "bob@example.com" });
      const update = `mutation { updateUser(id: "${bob}", email: "mallory@example.com") { user { id } } }`;
      expect((await gate.ask(update, { authorization })).errors).toBeUndefined();
      await request(gate, "mallory@example.com");
      expect(await gate.sql("SELECT email_key FROM login_code WHERE token_id IS NOT NULL")).toEqual(
        [],
      );
    });
  });

  test("a veto refuses a right code, and the code is then used up", async () => {
    const { code } = await receive(gate);
    isVetoed = true;
    expect(await login({ code })).toMatchObject({ reason: "vetoed", data: null });
    isVetoed = false;
    expect(await login({ code })).toMatchObject(NOT_VALID);
  });

  test("logs in a user whom wrong passwords have locked", async () => {
    await gate.sql(`UPDATE "user" SET failed_logins = 1000 WHERE id = ?`, [id]);
    await expect(gate.auth.authentication.login({ username: "ada" }, PASSWORD)).rejects.toThrow();
    const { code } = await receive(gate);
    expect((await login({ code })).status).toBe(200);
  });

  test.each<[string, object]>([
    ["an empty code", { code: "" }],
    ["five digits", { code: "12345" }],
    ["seven digits", { code: "1234567" }],
    ["full-width digits", { code: "１２３４５６" }],
    ["a letter", { code: "12345x" }],
    ["a token that is too short", { code: "x".repeat(42) }],
    ["100,000 digits", { code: "0".repeat(100_000) }],
    ["no address", { code: "123456", email: "" }],
    ["a long address", { code: "123456", email: "a".repeat(300) }],
  ])("%s is BAD_USER_INPUT, and does not count as a try", async (_kind, given) => {
    await receive(gate);
    expect(await login(given)).toMatchObject({ status: 400, data: null });
    const [row] = await gate.sql("SELECT tries FROM login_code");
    expect(row.tries).toBe(0);
  });

  test("a malformed proof is refused", async () => {
    expect(await request(gate, EMAIL, "short")).toMatchObject({ status: 400, data: null });
  });

  test("a request, a login and a refusal are events, without the code", async () => {
    const { code } = await receive(gate);
    await login({ code: notThe(code) });
    await login({ code });
    const reason = "code_not_valid";
    expect(events).toEqual(
      expect.arrayContaining([
        { type: "login-codes:requested", userId: id },
        { type: "login_failed", login: EMAIL, userId: id, reason },
        expect.objectContaining({ type: "token_issued", userId: id }),
      ]),
    );
    expect(JSON.stringify(events)).not.toContain(`"${code}"`);
  });

  test("old requests are pruned", async () => {
    await receive(gate);
    gate.advance(10 * MINUTE);
    await gate.auth.maintenance.prune();
    expect(await gate.sql("SELECT * FROM login_code")).toEqual([]);
  });
});

describeFreshGates({ ...options, loginsPerAddress: 5 }, (gate) => {
  test("guesses at many accounts are limited by address", async () => {
    const statuses: number[] = [];
    for (let account = 0; account < 7; account += 1) {
      const variables = { email: `user${account}@example.com`, code: "123456" };
      statuses.push((await gate.ask(LOGIN, { variables })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  });
});

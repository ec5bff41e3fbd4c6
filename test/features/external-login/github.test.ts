import type { ServerResponse } from "node:http";
import { afterAll, beforeEach, expect, test } from "@jest/globals";
import { type Answer, describeGates } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { browse } from "./browser.js";
import { begun, complete, type Given } from "./calls.js";
import { GithubServer } from "./github-server.js";
import { PAGE } from "./identity-server.js";
import { FAILED } from "./setup.js";

const github = await GithubServer.start();
// Without a mail server, events of delayed mails would come between the others.
const smtp = await MailServer.start();
const OPTIONS = {
  corsOrigins: [new URL(PAGE).origin],
  githubClientId: github.clientId,
  githubClientSecret: github.clientSecret,
  githubUrl: github.url,
  registration: "open",
  smtpUrl: smtp.url,
  mailFrom: "no-reply@example.com",
} as const;

afterAll(async () => {
  await github.close();
  await smtp.close();
});

describeGates(OPTIONS, (gate) => {
  let id = 0;
  let email: string;

  beforeEach(() => {
    gate.events.length = 0;
    id += 1;
    email = `octocat-${id}@example.com`;
    const emails = [
      { email: `old-${id}@example.com`, primary: false, verified: true },
      { email, primary: true, verified: true },
    ];
    github.person = { id, login: `Octocat-${id}`, emails };
    github.answers = {};
  });

  async function answered(): Promise<Given> {
    const { url, proof } = await begun(gate, "github");
    return { ...(await browse(url, PAGE)), proof };
  }

  const logIn = async (): Promise<Answer> => complete(gate, await answered());

  test("asks for the addresses only, with PKCE", async () => {
    const { url } = await begun(gate, "github");
    const { pathname, searchParams } = new URL(url);
    expect(pathname).toBe("/login/oauth/authorize");
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: github.clientId,
      response_type: "code",
      redirect_uri: PAGE,
      scope: "read:user user:email",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
      state: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test("a new user gets an account with the primary address, and the same account at later logins", async () => {
    const { session, user } = (await logIn()).data.completeExternalLogin;
    expect(user).toMatchObject({ username: `Octocat-${id}`, email });
    expect(session.methods).toEqual(["fed"]);
    // The name and the addresses may change, but not the id.
    github.person = { id, login: "renamed", emails: [] };
    expect((await logIn()).data.completeExternalLogin.user).toEqual(user);
    const [row] = await gate.sql(
      `SELECT provider, issuer, subject, name FROM linked_account WHERE user_id = ?`,
      [user.id],
    );
    expect(row).toEqual({ provider: "github", issuer: github.url, subject: `${id}`, name: email });
  });

  test("a user who takes over another's user name at GitHub gets a separate account", async () => {
    const first = (await logIn()).data.completeExternalLogin.user;
    github.person = {
      id: (id += 1),
      login: first.username,
      emails: [{ email: `${id}@example.com`, primary: true, verified: true }],
    };
    const second = (await logIn()).data.completeExternalLogin.user;
    expect(second.id).not.toBe(first.id);
    expect(second.username).not.toBe(first.username);
  });

  test("two first logins get one account, even if one completes while GitHub still answers the other", async () => {
    const { emails } = github.person;
    const [slow, fast] = [await answered(), await answered()];
    const asked = new Promise<ServerResponse>((resolve) => {
      github.answers["/api/v3/user/emails"] = (_request, response) => {
        resolve(response);
      };
    });
    const later = complete(gate, slow);
    const held = await asked;
    github.answers = {};
    const first = (await complete(gate, fast)).data.completeExternalLogin.user;
    held.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(emails));
    expect((await later).data.completeExternalLogin.user).toEqual(first);
  });

  test("an existing account with the same address is not linked", async () => {
    await gate.user(`user-${id}`, { email });
    expect(await logIn()).toMatchObject({ status: 403, reason: "account_exists" });
  });

  test.each([
    ["no addresses", []],
    [
      "an address that is not verified",
      [{ email: "a@example.com", primary: true, verified: false }],
    ],
    ["no primary address", [{ email: "a@example.com", primary: false, verified: true }]],
    ["an object", { message: "Not Found" }],
    ["nonsense", [null, 1, { primary: true, verified: true, email: 1 }]],
  ])("is refused with %s", async (_what, emails) => {
    github.person = { ...github.person, emails };
    expect(await logIn()).toMatchObject({ status: 403, reason: "external_email_not_verified" });
  });

  test.each([undefined, null, "1", 1.5, 2 ** 60, {}])(
    "is refused if the user's id is wrong (%#)",
    async (wrong) => {
      github.person = { ...github.person, id: wrong };
      expect(await logIn()).toMatchObject(FAILED);
    },
  );

  test("a replayed code is refused, and so is the code of another login, because PKCE binds it", async () => {
    const used = await answered();
    expect((await complete(gate, used)).status).toBe(200);
    const { code } = await answered();
    for (const wrong of [used.code, code, "x"]) {
      expect(await complete(gate, { ...(await answered()), code: wrong })).toMatchObject(FAILED);
    }
  });

  test.each([
    ["/login/oauth/access_token", 200],
    ["/api/v3/user", 200],
    ["/api/v3/user", 302],
    ["/api/v3/user/emails", 200],
    ["/api/v3/user/emails", 404],
    ["/api/v3/user/emails", 500],
  ])("is refused if %s answers a megabyte or an error (%i)", async (path, status) => {
    github.answers = {
      [path]: (_request, response) => {
        const headers = { "content-type": "application/json", location: "http://169.254.169.254/" };
        response.writeHead(status, headers).end(JSON.stringify(["x".repeat(2 ** 20)]));
      },
    };
    expect(await logIn()).toMatchObject(FAILED);
    expect(gate.events.map(({ type }) => type)).toEqual(["external-login:refused"]);
  });
});

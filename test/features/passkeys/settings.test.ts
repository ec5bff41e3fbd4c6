import { afterAll, describe, expect, test } from "@jest/globals";
import { setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { refusedByAuth, refusedByCommand, refusedByServer } from "../../support/wrong-settings.js";
import { noticeTo, signIn } from "../recovery/calls.js";
import { Authenticator } from "./authenticator.js";
import { assertion, call, logIn, register } from "./calls.js";

const smtp = await MailServer.start();

afterAll(() => smtp.close());

const RULE = "rpId: must be a domain such as example.com, or localhost";
const publicUrl = "https://auth.example.com";

test.each([
  "",
  "com",
  "https://example.com",
  "example.com:443",
  "Example.com",
  "10.0.0.1",
  "[::1]",
  "*.example.com",
])("%j cannot be the domain of passkeys", async (rpId) => {
  expect(await refusedByServer({ passkeys: true, publicUrl, rpId })).toEqual([RULE]);
});

test("the domain must be that of a page, or a parent domain", async () => {
  const wrong = "must be the domain, or a parent domain, of the server or of a page in";
  for (const rpId of ["example.org", "app.auth.example.com", "ample.com"]) {
    expect(await refusedByServer({ passkeys: true, publicUrl, rpId })).toEqual([
      `rpId: ${wrong} corsOrigins`,
    ]);
    expect(refusedByCommand({ PASSKEYS: "on", PUBLIC_URL: publicUrl, RP_ID: rpId })).toEqual([
      `RP_ID: ${wrong} CORS_ORIGINS`,
    ]);
    // Without passkeys, the setting has no effect.
    expect(refusedByCommand({ PUBLIC_URL: publicUrl, RP_ID: rpId })).toEqual([]);
  }
});

test.each([
  { PUBLIC_URL: publicUrl },
  { PUBLIC_URL: publicUrl, RP_ID: "example.com" },
  {
    PUBLIC_URL: "https://api.example.net",
    CORS_ORIGINS: "https://example.com",
    RP_ID: "example.com",
  },
  { CORS_ORIGINS: "http://localhost:5173" },
  {},
])("the domain %j is accepted", (env) => {
  expect(refusedByCommand({ ...(env as Record<string, string>), PASSKEYS: "on" })).toEqual([]);
});

test("passkeys need a domain", async () => {
  expect(await refusedByAuth({ passkeys: true })).toEqual([
    "publicUrl: is required for passkeys, which belong to a domain",
  ]);
  expect(await refusedByAuth({ passkeys: true, corsOrigins: ["https://example.com"] })).toEqual([
    "rpId: is required for passkeys, because there is no publicUrl",
  ]);
  expect(refusedByCommand({ PASSKEYS: "on", PUBLIC_URL: "https://192.0.2.1" })).toEqual([
    "RP_ID: is required for passkeys, because there is no domain in PUBLIC_URL",
  ]);
});

describe("with the default domain", () => {
  const gate = setUpGate({ passkeys: true, corsOrigins: ["https://auth.example.com"] });

  test("passkeys belong to the server's host, and there are no related origins", async () => {
    expect(await assertion(gate)).toMatchObject({ rpId: "auth.example.com" });
    expect((await fetch(`${gate.url}/.well-known/webauthn`)).status).toBe(404);
  });
});

describe("in development", () => {
  const gate = setUpGate({ passkeys: true, publicUrl: undefined });

  test("pages of localhost use passkeys of localhost, and other pages do not", async () => {
    const session = await signIn(gate, await gate.user("ada"));
    const device = new Authenticator();
    const origin = "http://localhost:5173";
    expect((await register(gate, session, device, { origin })).status).toBe(200);
    expect((await logIn(gate, device, { origin: "http://localhost:4000" })).status).toBe(200);
    for (const other of ["http://127.0.0.1:5173", "http://localhost.evil.example", "null", "x"]) {
      expect(await logIn(gate, device, { origin: other })).toMatchObject({ status: 401 });
    }
  });
});

describe("with pages on other domains and mail", () => {
  const gate = setUpGate({
    secondFactor: "off",
    ...{ passkeys: true, rpId: "example.com", smtpUrl: smtp.url, mailFrom: "no-reply@example.com" },
    corsOrigins: ["https://app.example.com", "https://example.org", "https://notexample.com"],
  });

  test("WebAuthn 5.11: the pages outside the domain are listed as related origins", async () => {
    const response = await fetch(`${gate.url}/.well-known/webauthn`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "application/json",
    ]);
    const origins = ["https://example.org", "https://notexample.com"];
    expect(await response.json()).toEqual({ origins });
  });

  test("the user gets a mail about each passkey that is added or removed", async () => {
    const email = "ada@example.com";
    const session = await signIn(gate, await gate.user("ada", { email }));
    const { data } = await register(gate, session, new Authenticator());
    await noticeTo(smtp, email, "A passkey was added to your account");
    const { id } = data.addPasskey.passkey;
    await call(gate, "removePasskey", { id }, { authorization: session.authorization });
    await noticeTo(smtp, email, "A passkey was removed from your account");
  });
});

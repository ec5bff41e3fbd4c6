import { afterAll } from "@jest/globals";
import { MailServer } from "../../support/mail-server.js";
import { IdentityServer, PAGE } from "./identity-server.js";

/** The answer to a login that failed at the provider. */
export const FAILED = {
  status: 401,
  code: "UNAUTHENTICATED",
  reason: "external_login_failed",
  data: null,
};

/** Starts a provider and a mail server, and stops them after the tests of the file. */
export async function startProvider() {
  const server = await IdentityServer.start();
  // Without a mail server, events of delayed mails would come between the others.
  const smtp = await MailServer.start();
  afterAll(async () => {
    await server.close();
    await smtp.close();
  });
  const options = {
    corsOrigins: [new URL(PAGE).origin],
    externalProviders: { corp: server.client },
    registration: "open",
    smtpUrl: smtp.url,
    mailFrom: "no-reply@example.com",
  } as const;
  return { server, smtp, options };
}

import { afterAll, afterEach, expect, test } from "@jest/globals";
import { serveBeside, type Serving } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { signIn } from "../recovery/calls.js";

/** The number of servers that are killed for each mutation. */
const KILLS = 1;
/** In milliseconds. The mail of a killed server stays claimed for 2 minutes. */
const TIMEOUT = 180_000;

const CASES: [name: string, subject: string, mutation: (name: string) => string][] = [
  [
    "requestPasswordReset",
    "Set a new password",
    (name) => `requestPasswordReset(email: "${name}@example.com")`,
  ],
  [
    "resendVerification",
    "Confirm your e-mail address",
    (name) => `resendVerification(email: "${name}@example.com")`,
  ],
  [
    "changeEmail",
    "Confirm your new e-mail address",
    (name) => `changeEmail(newEmail: "new-${name}@example.com")`,
  ],
  [
    "register",
    "Confirm your e-mail address",
    (name) =>
      `register(username: "new-${name}", email: "new-${name}@example.com", password: "${PASSWORD}")`,
  ],
];

const smtp = await MailServer.start();
afterAll(() => smtp.close());

// The gate itself has no mail, so only the servers that the tests start can send one.
describeGates((gate) => {
  const servers: Serving[] = [];
  let users = 0;

  const serve = async () => {
    const server = await serveBeside(gate, gate.secretKey, {
      SMTP_URL: smtp.url,
      MAIL_FROM: "no-reply@example.com",
      REGISTRATION: "open",
    });
    servers.push(server);
    return server;
  };

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    smtp.reset();
  });

  test.each(CASES)(
    "the mail of %s arrives, although the server is killed right after its answer",
    async (_name, subject, mutation) => {
      const mailTo = (name: string) =>
        smtp.mails.find(({ recipients: [to = ""] }) => to.endsWith(`${name}@example.com`));
      for (let kill = 0; kill < KILLS; kill += 1) {
        const name = `user${(users += 1)}`;
        const id = await gate.user(name, { email: `${name}@example.com` });
        const { authorization } = await signIn(gate, id);
        const first = await serve();
        const answer = await first.ask(`mutation { ${mutation(name)} { message } }`, authorization);
        await first.stop("SIGKILL");
        expect(answer).toEqual({ data: expect.anything() });
        const second = await serve();
        await eventually(() => mailTo(name) !== undefined, TIMEOUT);
        expect(mailTo(name)?.subject).toBe(subject);
        await second.stop();
        expect(await gate.sql("SELECT id FROM mail_request")).toEqual([]);
      }
    },
    KILLS * TIMEOUT,
  );
});

import { afterAll, expect, test } from "@jest/globals";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { Authenticator } from "../passkeys/authenticator.js";
import { register as addPasskey } from "../passkeys/calls.js";
import { REGISTER, VERIFY } from "../registration/documents.js";
import { enrol } from "./calls.js";

const ADDRESS = "owner@example.com";

const smtp = await MailServer.start();
afterAll(() => smtp.close());

const options = {
  ...{ smtpUrl: smtp.url, mailFrom: "no-reply@example.com", publicUrl: "https://example.com" },
  registration: "open",
  emailVerification: "optional",
  secondFactor: "optional",
  ...{ passkeys: true, rpId: "example.com", corsOrigins: ["https://app.example.com"] },
} as const;

describeGates(options, (gate) => {
  test("RC-7: a stranger's second factor and passkey do not keep the owner of the address out", async () => {
    smtp.reset();
    const register = async (username: string) => {
      const variables = { username, email: ADDRESS, password: `${PASSWORD} ${username}` };
      const { data } = await gate.ask(REGISTER, { variables });
      return `Bearer ${data.register.auth.access}`;
    };
    const stranger = await register("stranger");
    const token = await smtp.tokenTo(ADDRESS);
    const { recoveryCodes } = await enrol(gate, stranger);
    expect(recoveryCodes).toHaveLength(10);
    const added = await addPasskey(gate, { authorization: stranger }, new Authenticator());
    expect(added.data).toBeTruthy();
    await register("owner");
    expect((await gate.ask(VERIFY, { variables: { token } })).status).toBe(200);
    for (const table of ["totp", "recovery_code", "passkey"]) {
      expect(await gate.sql(`SELECT user_id FROM ${table}`)).toHaveLength(0);
    }
  });
});

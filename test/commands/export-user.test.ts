import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { Authenticator } from "../features/passkeys/authenticator.js";
import { register } from "../features/passkeys/calls.js";
import { enrol } from "../features/second-factor/calls.js";
import { runCommand } from "../support/command.js";
import { setUpGate } from "../support/gate.js";

const TIMEOUT = 120_000;
const secretKey = randomBytes(32).toString("base64url");

const gate = setUpGate({
  ...{ secretKey, secondFactor: "optional", passkeys: true, rpId: "example.com" },
  corsOrigins: ["https://app.example.com"],
  externalProviders: {
    corp: { issuer: "http://127.0.0.1:9", clientId: "gatehouse", clientSecret: "s3cret" },
  },
});

test(
  "export-user has the user's passkeys, factors and linked accounts, but no secret, key or code",
  async () => {
    const id = await gate.user("ada");
    const session = await gate.login("ada");
    const { secret, recoveryCodes } = await enrol(gate, session.authorization);
    const device = new Authenticator();
    expect((await register(gate, session, device)).status).toBe(200);
    await gate.sql(
      `INSERT INTO linked_account (id, user_id, provider, issuer, subject, name, linked_at)
       VALUES ('link', ?, 'corp', 'http://127.0.0.1:9', 'subject-at-corp', 'ada@corp', 1)`,
      [id],
    );
    const { code, stdout, stderr } = await runCommand(["export-user", "ada"], {
      cwd: process.cwd(),
      env: {
        ...{ DATABASE_URL: gate.databaseUrl, SECRET_KEY: secretKey },
        ...{ SECOND_FACTOR: "optional", PASSKEYS: "on", RP_ID: "example.com" },
        PUBLIC_URL: "https://example.com",
        OIDC_PROVIDERS: "corp=http://gatehouse:s3cret@127.0.0.1:9",
      },
      timeout: TIMEOUT,
    });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const { features } = JSON.parse(stdout);
    expect(features["second-factor"]).toEqual({ factors: ["totp", "recoveryCode", "passkey"] });
    const credentialId = device.credentials[0]?.id;
    expect(features.passkeys.passkeys).toMatchObject([{ label: "Laptop", credentialId }]);
    expect(features["external-login"].linkedAccounts).toMatchObject([
      { provider: "corp", name: "ada@corp" },
    ]);
    const [totp] = await gate.sql(`SELECT sealed FROM totp WHERE user_id = ?`, [id]);
    const [passkey] = await gate.sql(`SELECT public_key FROM passkey WHERE user_id = ?`, [id]);
    const [{ code_hash: hash }] = (await gate.sql(
      `SELECT code_hash FROM recovery_code WHERE user_id = ?`,
      [id],
    )) as [{ code_hash: string }];
    for (const hidden of [
      ...[secret, totp.sealed, passkey.public_key, hash, ...recoveryCodes],
      "s3cret",
    ]) {
      expect(stdout).not.toContain(hidden);
    }
  },
  TIMEOUT,
);

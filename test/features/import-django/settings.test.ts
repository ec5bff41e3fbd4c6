import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { setUpFolders } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { refusedByCommand, refusedByServer } from "../../support/wrong-settings.js";

const DJANGO = { django: true, djangoSecretKey: "secret", djangoTokensUntil: "2030-01-31" };

const publicKey = (type: "rsa" | "ec") =>
  (type === "rsa"
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve: "P-256" })
  ).publicKey.export({ type: "spki", format: "pem" }) as string;

describe("the settings of a move from Django", () => {
  test.each([
    [
      { ...DJANGO, djangoTokensUntil: undefined },
      "djangoTokensUntil: is required with djangoSecretKey",
    ],
    [
      { ...DJANGO, djangoSecretKey: undefined },
      "djangoSecretKey: is required with djangoTokensUntil",
    ],
    [
      { ...DJANGO, djangoTokensUntil: "soon" },
      "djangoTokensUntil: must be a date such as 2027-01-31",
    ],
    [
      { ...DJANGO, djangoTokensUntil: "2030-02-30" },
      "djangoTokensUntil: must be a date such as 2027-01-31",
    ],
    [{ ...DJANGO, django: false }, "djangoSecretKey: does nothing without django"],
    [{ jwtCompat: "simplejwt" }, "jwtCompat: does nothing without django"],
    [
      { ...DJANGO, djangoSimpleJwt: { ALGORITHM: "none" } },
      "djangoSimpleJwt: must be an object with names of SIMPLE_JWT",
    ],
    [
      { ...DJANGO, djangoSimpleJwt: { USER_ID_FIELD: "email" } },
      'djangoSimpleJwt: cannot have USER_ID_FIELD other than "id". Such tokens are not accepted, so their users must log in again. Remove it, and djangoTokensUntil',
    ],
    [
      { ...DJANGO, djangoSimpleJwt: { CHECK_REVOKE_TOKEN: true } },
      "djangoSimpleJwt: cannot have CHECK_REVOKE_TOKEN. Such tokens are not accepted, so their users must log in again. Remove it, and djangoTokensUntil",
    ],
    ...[{ LEEWAY: 0.5 }, { LEEWAY: "10" }, { LEEWAY: 301 }, { AUTH_HEADER_TYPES: "JWT" }].map(
      (djangoSimpleJwt) =>
        [
          { ...DJANGO, djangoSimpleJwt },
          "djangoSimpleJwt: must be an object with names of SIMPLE_JWT",
        ] as const,
    ),
    [
      { ...DJANGO, djangoSimpleJwt: { ALGORITHM: "RS256" } },
      "djangoSimpleJwt: must have VERIFYING_KEY, the public key of its ALGORITHM in PEM",
    ],
    [
      { ...DJANGO, djangoSimpleJwt: { ALGORITHM: "RS256", VERIFYING_KEY: publicKey("ec") } },
      "djangoSimpleJwt: must have VERIFYING_KEY, the public key of its ALGORITHM in PEM",
    ],
  ])("%j are refused", async (options, line) => {
    expect((await refusedByServer(options))[0]).toContain(line);
  });

  test("are given to the command as text, but SIMPLE_JWT as JSON", () => {
    const right = {
      DJANGO: "on",
      DJANGO_TOKENS_UNTIL: "2030-01-31",
      DJANGO_SIMPLE_JWT: JSON.stringify({
        ...{ ALGORITHM: "ES256", VERIFYING_KEY: publicKey("ec") },
        ...{ USER_ID_FIELD: "id", CHECK_REVOKE_TOKEN: false, LEEWAY: 10 },
      }),
    };
    expect(refusedByCommand(right)).toEqual([]);
    for (const text of ["{", "[]", "5", '{"ALGORITHM":"HS1"}']) {
      expect(refusedByCommand({ ...right, DJANGO_SIMPLE_JWT: text })[0]).toMatch(
        /^DJANGO_SIMPLE_JWT: must be JSON, such as /,
      );
    }
  });
});

describe("gatehouse serve", () => {
  const folders = setUpFolders();

  test.each([
    ["2999-01-31", "Tokens of simplejwt: accepted until the end of 2999-01-31"],
    ["2020-01-31", "Tokens of simplejwt: refused since the end of 2020-01-31"],
    ["", 'Tokens of simplejwt: refused"'],
  ])("with DJANGO_TOKENS_UNTIL %j says: %s", async (day, line) => {
    const folder = await folders.empty();
    const server = await folder.serve({
      DJANGO: "on",
      DJANGO_TOKENS_UNTIL: day,
      DJANGO_SECRET_KEY: day === "" ? "" : "secret",
    });
    await eventually(() => server.output.includes(line));
  });
});

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { describeFreshGates, type Gate, setUpFreshGate } from "../../support/gate.js";
import { importFrom } from "./command.js";
import { DjangoDatabase, SOURCES } from "./django-database.js";
import { signAsSimpleJwt } from "./django-rows.js";

const SECRET = "django-insecure-3b!h^x2z9$5f";
const OPTIONS = { django: true, djangoSecretKey: SECRET, djangoTokensUntil: "2040-01-31" };

let django: DjangoDatabase;

function setUpDjango(kind: (typeof SOURCES)[number] = "sqlite"): void {
  beforeEach(async () => {
    django = await DjangoDatabase.create(kind);
    await django.user({ id: 1, username: "ada" });
    await django.user({ id: 2, username: "1" });
  });
  afterEach(() => django.drop());
}

const countSessions = async (gate: Gate) => (await gate.sql("SELECT id FROM session")).length;

describe.each(SOURCES)("from %s", (kind) => {
  const gate = setUpFreshGate(OPTIONS);
  setUpDjango(kind);

  test("a blacklisted sliding token that Django has refreshed is dead, although its row says that it has expired", async () => {
    const now = Math.floor(gate.now / 1000);
    const sliding = { token_type: "sliding", refresh_exp: now + 86_400 } as const;
    // The row of a token keeps the first `exp`, and a refresh gives the same `jti`.
    await django.token(1, 1, { isBlacklisted: true, claims: { ...sliding, exp: now - 60 } });
    await django.token(2, null, {
      isBlacklisted: true,
      claims: { ...sliding, exp: now - 60, user_id: 1 },
    });
    await django.token(3, 1, { claims: { ...sliding, exp: now - 60 } });
    // This token can no longer be refreshed, so it is not imported.
    await django.token(4, 1, {
      isBlacklisted: true,
      claims: { ...sliding, exp: now - 120, refresh_exp: now - 60 },
    });
    await django.sql(
      "UPDATE token_blacklist_outstandingtoken SET expires_at = '2026-01-01 00:00:00'",
    );
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(remarks).toEqual([]);
    expect(summary).toMatchObject({ tokensCreated: 2 });
    const refreshed = (id: number) =>
      signAsSimpleJwt(gate, SECRET, { ...sliding, exp: now + 600, user_id: 1, jti: `jti-${id}` });
    for (const id of [1, 2]) {
      expect((await gate.me(`Bearer ${refreshed(id)}`)).reason).toBe("token_revoked");
      expect((await gate.refresh(refreshed(id))).reason).toBe("token_revoked");
    }
    expect((await gate.me(`Bearer ${refreshed(3)}`)).status).toBe(200);
    await django.blacklist(3);
    expect((await importFrom(gate, django.url)).summary).toMatchObject({ tokensEnded: 1 });
    expect((await gate.me(`Bearer ${refreshed(3)}`)).reason).toBe("token_revoked");
  });
});

describeFreshGates(OPTIONS, (gate) => {
  setUpDjango();

  test("tokens that name their user by another field than the primary key are not imported, and one line says so", async () => {
    // USER_ID_FIELD is `username`, and user 2 is called 1.
    await django.token(1, 2, { claims: { user_id: "1" } });
    await django.token(2, 2, { claims: { user_id: "1" }, isBlacklisted: true });
    await django.token(3, 1, { claims: { user_id: undefined } });
    await django.token(4, 1, { claims: { user_id: "1" } });
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(summary).toMatchObject({ isComplete: true, usersCreated: 2, tokensCreated: 1 });
    expect(await countSessions(gate)).toBe(1);
    expect(remarks).toMatchObject([
      {
        about: "token",
        text: expect.stringMatching(
          /^3 tokens of simplejwt, such as [123], are not imported\. Their claim .* Do not set DJANGO_TOKENS_UNTIL/,
        ),
      },
    ]);
  });

  test("a token with malformed times does not stop an import", async () => {
    await django.token(1, 1, { claims: { refresh_exp: 1e300 } });
    await django.token(2, 1, { claims: { iat: 1e30 } });
    await django.token(3, 1);
    const { remarks, summary } = await importFrom(gate, django.url);
    expect(summary).toMatchObject({ isComplete: true, usersCreated: 2, tokensCreated: 2 });
    expect(remarks).toMatchObject([
      { about: "token", text: "The token 1 of simplejwt cannot be read, so it is not imported." },
    ]);
  });

  test("tokens with the claim of CHECK_REVOKE_TOKEN are neither imported nor accepted", async () => {
    const claims = { hash_password: "5F4DCC3B5AA765D61D8327DEB882CF99" };
    await django.token(1, 1, { claims });
    await django.token(2, null, { claims: { ...claims, user_id: 1 }, isBlacklisted: true });
    const { remarks } = await importFrom(gate, django.url);
    expect(await countSessions(gate)).toBe(0);
    expect(remarks).toMatchObject([
      {
        about: "token",
        text: expect.stringMatching(
          /^2 tokens of simplejwt, such as [12], are not imported\. They have/,
        ),
      },
    ]);
    const sign = (token_type: "access" | "refresh", more: object) =>
      signAsSimpleJwt(gate, SECRET, { token_type, user_id: 1, ...more });
    expect((await gate.me(`Bearer ${sign("access", claims)}`)).reason).toBe("token_not_valid");
    expect((await gate.refresh(sign("refresh", claims))).reason).toBe("token_not_valid");
    expect((await gate.me(`Bearer ${sign("access", {})}`)).status).toBe(200);
  });
});

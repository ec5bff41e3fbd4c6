import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, jest, test } from "@jest/globals";
import jsonwebtoken from "jsonwebtoken";
import { KeyRing } from "../../src/keys/key-ring.js";
import { TokenKinds } from "../../src/tokens/token-kinds.js";
import { TOKEN_TYPES } from "../../src/tokens/token-kind.js";
import { decode } from "../support/forge.js";

/** The time of the tests. It is a whole second. */
const NOW = 1_800_000_000_000;
const USER = { userId: "u", sessionId: "s", impersonatorId: null };

let now = NOW;

const ringOf = (kid: string) => {
  const secret = createSecretKey(randomBytes(32));
  const keys = { signingKey: secret, verificationKey: secret };
  return new KeyRing([{ kid, algorithm: "HS256", ...keys, activatesAt: 0, createdAt: 0 }], () => 0);
};

const kinds = new TokenKinds(
  {
    ...{ jwtIssuer: "gatehouse", jwtAudience: "gatehouse", jwtClientId: "gatehouse", leeway: 0 },
    ...{ accessTokenLifetime: 300, refreshTokenLifetime: 1000, now: () => now },
  },
  ringOf("access"),
  ringOf("refresh"),
);

/** Issues a token of each type. */
function issue(impersonatorId: string | null = null) {
  now = NOW;
  const session = { ...USER, impersonatorId };
  const times = { issuedAt: NOW, expiresAt: NOW + 300_000, slidesUntil: NOW + 900_000 };
  const grant = { ...session, ...times, generation: 3 };
  return {
    access: kinds.access.issue({ ...session, sessionExpiresAt: null }).access,
    refresh: kinds.refresh.issue(grant),
    sliding: kinds.sliding.issue(grant),
  };
}

describe.each([
  ["access", "JWT", null, Infinity],
  ["refresh", "JWT", 3, Infinity],
  ["sliding", "SLIDING", 3, NOW + 900_000],
] as const)("a token of the type %s", (type, scheme, generation, slidesUntil) => {
  const session = { id: "s", userId: "u", scheme, impersonatorId: null };

  test("names its session, its generation if it is rotated, and the end of a sliding session", () => {
    const { kind, claims, ...verified } = kinds.verify(issue()[type], [type]);
    expect(verified.session).toEqual({ ...session, generation });
    expect(kind.slidesUntil(claims)).toBe(slidesUntil);
  });

  test("RFC 8693 4.1: names in act the administrator who acts as the user, and nobody else", () => {
    expect(decode(issue("admin")[type]).claims["act"]).toEqual({ sub: "admin" });
    expect(decode(issue()[type]).claims).not.toHaveProperty("act");
  });

  test("is refused after its expiry by an error that names its session", () => {
    const token = issue()[type];
    now += 300_000;
    expect(() => kinds.verify(token, [type])).toThrow(
      expect.objectContaining({ reason: "token_expired", session }),
    );
  });

  test("has its signature checked once, or at each use if it is a refresh token", () => {
    const verify = jest.spyOn(jsonwebtoken, "verify");
    // No other test has used this token, so the server has not verified it yet.
    const token = issue("other")[type];
    for (let use = 0; use < 3; use += 1) kinds.verify(token, TOKEN_TYPES);
    expect(verify).toHaveBeenCalledTimes(type === "refresh" ? 3 : 1);
    verify.mockRestore();
  });
});

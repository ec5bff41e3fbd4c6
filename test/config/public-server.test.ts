import { describe, expect, test } from "@jest/globals";
import type { ServerOptions } from "../../src/index.js";
import { refusedByServer, SECRET_KEY } from "../support/wrong-settings.js";

/** Returns the problems with these options of a public server. */
function problemsOf(options: Partial<ServerOptions>): Promise<string[]> {
  return refusedByServer({
    isProduction: true,
    publicUrl: "https://login.example.com",
    logLevel: "silent",
    ...options,
  });
}

describe("a server that others can reach does not start", () => {
  const SHORT =
    "secretKey: must be at least 32 random bytes; `gatehouse generate-secret` makes one";
  const NOT_RANDOM =
    "secretKey: must be at least 32 random bytes, but is not random; `gatehouse generate-secret` makes one";
  const PHRASE =
    "secretKey: looks like an example or a phrase; `gatehouse generate-secret` makes one";

  test.each([
    ["", SHORT],
    ["secret", SHORT],
    ["x".repeat(64), NOT_RANDOM],
    [SECRET_KEY.slice(0, 31), SHORT],
    ["an example of a secret that is long enough", PHRASE],
    ["your-256-bit-secret-your-256-bit-secret", PHRASE],
    ["django-insecure-#k3v!q8w2z5x7c9b1n4m6l0p", PHRASE],
    ["ChangeMe-8f3k2j9d7s6a5h4g1q0w2e3r4t5y6u7i", PHRASE],
    ["correct-horse-battery-staple-CorrectHorse 1", PHRASE],
    [SECRET_KEY.slice(0, 12).repeat(4), PHRASE],
    ["0123456789".repeat(5), PHRASE],
    ["abcdefgh".repeat(8), PHRASE],
    ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabcdefghij", PHRASE],
    ["zzzzzzzzzzzzzzzzzzzzzzzzzmkvpgtb", PHRASE],
  ])("OP-5, JW-14: with the secret `%s`, which is not random", async (secretKey, problem) => {
    expect(await problemsOf({ secretKey })).toEqual([problem]);
    expect(await problemsOf({ secretKey: [SECRET_KEY, secretKey] })).toEqual([problem]);
  });

  test("OP-5, JW-14: with the same secret twice, or with the password of the database or of Redis", async () => {
    expect(await problemsOf({ secretKey: [SECRET_KEY, SECRET_KEY] })).toEqual([
      "secretKey: must not hold the same secret twice",
    ]);
    const databaseUrl = `postgresql://gate:${SECRET_KEY}@127.0.0.1:1/gate`;
    expect(await problemsOf({ databaseUrl })).toEqual([
      "secretKey: must not also be part of databaseUrl",
    ]);
    expect(await problemsOf({ redisUrl: `redis://:${SECRET_KEY}@127.0.0.1:1` })).toEqual([
      "secretKey: must not also be part of redisUrl",
    ]);
  });

  test("OP-5, JW-14: with the password of the database, percent-encoded in its URL", async () => {
    const secretKey = `${SECRET_KEY}+/=?`;
    const databaseUrl = `postgresql://gate:${encodeURIComponent(secretKey)}@127.0.0.1:1/gate`;
    expect(await problemsOf({ secretKey, databaseUrl })).toEqual([
      "secretKey: must not also be part of databaseUrl",
    ]);
  });

  test.each<[string, Partial<ServerOptions>]>([
    ["leeway: must be less than accessTokenLifetime", { leeway: 60, accessTokenLifetime: 60 }],
    [
      "accessTokenLifetime: must be less than refreshTokenLifetime",
      { accessTokenLifetime: 3600, refreshTokenLifetime: 3600 },
    ],
    [
      "refreshTokenLifetime: must be at most sessionLifetime",
      { refreshTokenLifetime: 86_400, sessionLifetime: 86_399 },
    ],
    ["graphiql: must be off where others can reach the server", { graphiql: true }],
    ["introspection: must be off where others can reach the server", { introspection: true }],
    [
      "graphiql: must be off where others can reach the server",
      { graphiql: true, host: "0.0.0.0", isProduction: false },
    ],
    [
      "introspection: must be off where others can reach the server",
      { introspection: true, host: "::", isProduction: false },
    ],
    [
      "graphiql: must be off where others can reach the server",
      { graphiql: true, trustedProxies: ["127.0.0.1"], isProduction: false },
    ],
    ["trustedProxies: must not include every address", { trustedProxies: ["0.0.0.0/0"] }],
    ["trustedProxies: must not include every address", { trustedProxies: ["127.0.0.1", "::/0"] }],
  ])("OP-5, Z-05: %s", async (problem, options) => {
    expect(await problemsOf(options)).toEqual([problem]);
  });

  const WILDCARD = ", but one of them has a *, and cannot stand for several origins";

  test.each([
    ["*", WILDCARD],
    ["null", ""],
    ["https://*.example.com", WILDCARD],
    ["https://app.example.com/", ", but one of them ends in a slash"],
    ["app.example.com", ""],
    ["https://app.example.com:443", ", but one of them is not spelt as browsers spell it"],
    ["", ""],
  ])("OP-5, GQ-16: with `%s`, which is not exactly one origin", async (origin, fault) => {
    expect(await problemsOf({ corsOrigins: ["https://app.example.com", origin] })).toEqual([
      `corsOrigins: must be exact origins such as https://app.example.com${fault}`,
    ]);
  });
});

import { createHmac, generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Key } from "../../src/keys/key-ring.js";
import { createVerifier, Refusal, type Verifier } from "../../src/verify/index.js";
import { decode, forge, signingInput, stealKeys } from "../support/forge.js";
import { setUpGate } from "../support/gate.js";

describe.each(["ES256", "RS256", "PS256"] as const)("tokens signed with %s", (jwtAlgorithm) => {
  const gate = setUpGate({ jwtAlgorithm, claims: () => ({ plan: "pro" }) });
  let verifier: Verifier;
  let ada: string;

  beforeAll(async () => {
    verifier = createVerifier({
      issuer: "gatehouse",
      audience: "gatehouse",
      jwksUrl: `${gate.url}/.well-known/jwks.json`,
    });
    ada = await gate.user("ada");
  });

  test("an access token of a login and of a refresh is accepted, with the application's claims", async () => {
    const { access, refresh, session } = await gate.issue(ada);
    const { data } = await gate.refresh(refresh);
    for (const token of [access, data.refreshToken.access]) {
      const { claims, introspection } = await verifier.verify(token);
      expect(claims).toMatchObject({ sub: ada, sid: session.id, plan: "pro" });
      expect(claims).toEqual(decode(token).claims);
      expect(introspection).toBeNull();
    }
  });

  test("a changed token is refused", async () => {
    const { access } = await gate.issue(ada);
    const [header, , signature] = access.split(".");
    const claims = { ...decode(access).claims, sub: "eve" };
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const token = [header, payload, signature].join(".");
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: "token_not_valid" });
  });
});

describe("an invalid token", () => {
  const gate = setUpGate();
  const foreign = setUpGate();
  let verifier: Verifier;
  let key: Key;
  let ada: string;

  beforeAll(async () => {
    const jwksUrl = `${gate.url}/.well-known/jwks.json`;
    verifier = createVerifier({ issuer: "gatehouse", audience: "gatehouse", jwksUrl });
    key = stealKeys(gate).access;
    ada = await gate.user("ada");
  });

  const now = () => Math.floor(Date.now() / 1000);

  /** Returns an access token whose claims or header are changed, signed with the real key. */
  async function changed(claims: object, header: object = {}): Promise<string> {
    const own = decode((await gate.issue(ada)).access);
    return forge(key, { ...own.header, ...header }, { ...own.claims, ...claims });
  }

  async function signedBy(alg: string, sign: (input: string) => string): Promise<string> {
    const { header, claims } = decode((await gate.issue(ada)).access);
    const input = signingInput({ ...header, alg }, claims);
    return `${input}.${sign(input)}`;
  }

  const hmac = (secret: string) => (input: string) =>
    createHmac("sha256", secret).update(input).digest("base64url");

  const WRONG: Record<string, [make: () => Promise<string>, reason: string]> = {
    "JW-1: without a signature": [() => signedBy("none", () => ""), "token_not_valid"],
    "whose HMAC was made with the public key": [
      () =>
        signedBy(
          "HS256",
          hmac(key.verificationKey.export({ type: "spki", format: "pem" }).toString()),
        ),
      "token_not_valid",
    ],
    "whose HMAC was made with the published key": [
      () => signedBy("HS256", hmac(JSON.stringify(gate.auth.jwks().keys[0]))),
      "token_not_valid",
    ],
    "that carries its own key": [
      async () => {
        const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
        const own = decode((await gate.issue(ada)).access);
        const header = { ...own.header, jwk: pair.publicKey.export({ format: "jwk" }) };
        return forge({ ...key, signingKey: pair.privateKey }, header, own.claims);
      },
      "token_not_valid",
    ],
    "with a critical extension that nobody knows": [
      () => changed({}, { crit: ["exp"], exp: 1 }),
      "token_not_valid",
    ],
    "that has expired": [() => changed({ iat: now() - 600, exp: now() - 300 }), "token_expired"],
    "that is not valid yet": [() => changed({ nbf: now() + 60 }), "token_not_valid"],
    "of another audience": [() => changed({ aud: "other" }), "token_not_valid"],
    "of another issuer": [() => changed({ iss: "https://eve.example.com" }), "token_not_valid"],
    "whose exp is a text": [() => changed({ exp: `${now() + 300}` }), "token_not_valid"],
    "of the type JWT": [() => changed({}, { typ: "JWT" }), "token_wrong_type"],
    "without a type": [() => changed({}, { typ: undefined }), "token_wrong_type"],
    "whose claim token_type is refresh": [
      () => changed({ token_type: "refresh" }),
      "token_wrong_type",
    ],
    "that is a refresh token": [async () => (await gate.issue(ada)).refresh, "token_wrong_type"],
    "that is a sliding token": [
      async () => (await gate.issue(ada, "SLIDING")).token,
      "token_wrong_type",
    ],
    "that is a static token": [
      async () => (await gate.issue(ada, "TOKEN")).token,
      "token_wrong_type",
    ],
    "of another server": [
      async () => (await foreign.issue(await foreign.user("eve"))).access,
      "token_not_valid",
    ],
    "of another server that names this one's key": [
      async () => {
        const { header, claims } = decode((await gate.issue(ada)).access);
        return forge(stealKeys(foreign).access, header, claims);
      },
      "token_not_valid",
    ],
    "JW-11: of more than 4,096 characters, although its signature is right": [
      () => changed({ padding: "a".repeat(3500) }),
      "token_not_valid",
    ],
    "of 1 MB": [() => Promise.resolve("a".repeat(1_000_000)), "token_not_valid"],
    "that is text": [() => Promise.resolve("not.a.token"), "token_not_valid"],
    "that is empty": [() => Promise.resolve(""), "token_not_valid"],
  };

  test.each(Object.entries(WRONG))("%s is refused", async (_what, [make, reason]) => {
    const refusal: unknown = await verifier.verify(await make()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "UNAUTHENTICATED", reason, status: 401 });
    expect((refusal as Refusal).headers["www-authenticate"]).toContain('error="invalid_token"');
  });

  test("RFC 9068 2.2: without a required claim is refused", async () => {
    for (const claim of ["iss", "aud", "sub", "client_id", "sid", "jti", "iat", "exp"]) {
      const verified = verifier.verify(await changed({ [claim]: undefined }));
      await expect(verified).rejects.toMatchObject({ reason: "token_not_valid" });
    }
  });

  test("RFC 9068 4: the type application/at+jwt is accepted, because the same key signs no other type", async () => {
    const token = await changed({}, { typ: "application/at+jwt" });
    expect((await verifier.verify(token)).claims.sub).toBe(ada);
  });

  test("a value that is not text is refused", async () => {
    for (const value of [undefined, null, 1, {}, ["a"]]) {
      await expect(verifier.verify(value as string)).rejects.toMatchObject({
        reason: "token_not_valid",
      });
    }
  });

  test("the leeway accepts a token that has expired a moment ago", async () => {
    const token = await changed({ iat: now() - 302, exp: now() - 2 });
    expect((await verifier.verify(token)).claims.sub).toBe(ada);
    const strict = createVerifier({
      ...{ issuer: "gatehouse", audience: "gatehouse", leeway: 0 },
      jwksUrl: `${gate.url}/.well-known/jwks.json`,
    });
    await expect(strict.verify(token)).rejects.toMatchObject({ reason: "token_expired" });
  });
});

describe("createVerifier", () => {
  const right = { issuer: "https://auth.example.com", audience: "gatehouse" };
  const client = { clientId: "orders", clientSecret: "secret" };

  test.each([
    ["no options", undefined, "issuer must be a text."],
    ["no audience", { issuer: "a" }, "audience must be a text."],
    ["an empty issuer", { ...right, issuer: "" }, "issuer must be a text."],
    ["an issuer that is not a URL", { ...right, issuer: "a" }, "jwksUrl is required, because"],
    ["a wrong URL", { ...right, jwksUrl: "file:///etc/passwd" }, "jwksUrl must be a URL such as"],
    ["a misspelt option", { ...right, audiance: "a" }, "audiance is not an option."],
    ["a long leeway", { ...right, leeway: 61 }, "leeway must be from 0 to 60 seconds."],
    ["no cool-down", { ...right, cooldown: 0 }, "cooldown must be from 1 to 3600 seconds."],
    ["a timeout that is a text", { ...right, timeout: "5" }, "timeout must be from 1 to 60"],
    ["a log that is a text", { ...right, log: "a" }, "log must be a function."],
    ["no client", { ...right, introspection: {} }, "introspection.clientId must be a text."],
    [
      "a misspelt option of the introspection",
      { ...right, introspection: { ...client, cahce: 1 } },
      "introspection.cahce is not an option.",
    ],
    [
      "a long cache",
      { ...right, introspection: { ...client, cache: 301 } },
      "introspection.cache must be from 0 to 300 seconds.",
    ],
  ])("refuses %s", (_what, options, message) => {
    expect(() => createVerifier(options as never)).toThrow(TypeError);
    expect(() => createVerifier(options as never)).toThrow(message);
  });

  test("refuses a role that it cannot check, before the server starts", () => {
    const verifier = createVerifier(right);
    const role = "ADMIN";
    for (const create of [verifier.express, verifier.fastify, verifier.apolloContext]) {
      expect(() => create({ role })).toThrow("role needs the option introspection");
    }
    const introspecting = createVerifier({ ...right, introspection: client });
    expect(() => introspecting.express({ role: undefined } as never)).toThrow(
      "role must be a text.",
    );
    expect(() => introspecting.express({ rol: role } as never)).toThrow("rol is not an option.");
  });
});

import { generateKeyPairSync, createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { JwtAlgorithm } from "../../src/config/auth-config.js";
import { createRefreshKeyRing, type Key, KeyRing } from "../../src/keys/key-ring.js";
import { decode } from "../support/forge.js";
import { DATABASES, Gate } from "../support/gate.js";
import { runNode } from "../support/node-process.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A program that verifies each token with only the URL of the key set. */
const SERVICE = `
  import { createRemoteJWKSet, jwtVerify } from "jose";
  const [url, ...tokens] = process.argv.slice(1);
  const keys = createRemoteJWKSet(new URL(url));
  const expected = { issuer: "https://auth.example.com", audience: "shop", typ: "at+jwt" };
  const results = tokens.map((token) =>
    jwtVerify(token, keys, expected).then(({ payload }) => payload.sub, ({ code }) => code));
  console.log(JSON.stringify(await Promise.all(results)));
`;

const IDENTITY = { jwtIssuer: "https://auth.example.com", jwtAudience: "shop" };

async function fetchJwks({ url }: Gate) {
  const response = await fetch(`${url}/.well-known/jwks.json`);
  return { response, keys: ((await response.json()) as { keys: Record<string, string>[] }).keys };
}

describe.each(DATABASES)("over %s", (database) => {
  describe.each(["ES256", "RS256", "PS256", "HS256"] as const)("%s", (jwtAlgorithm) => {
    test("J-05, J-06: signs access tokens, verifies them, and continues after a rotation", async () => {
      const gate = await Gate.open({ jwtAlgorithm }, database);
      try {
        await gate.user("ada");
        const { access, authorization } = await gate.login("ada");
        expect(decode(access).header).toMatchObject({ alg: jwtAlgorithm, typ: "at+jwt" });
        gate.advance(1);
        await gate.auth.keys.rotate(true);
        const next = await gate.login("ada");
        expect(decode(next.access).header["kid"]).not.toBe(decode(access).header["kid"]);
        for (const header of [authorization, next.authorization]) {
          expect((await gate.me(header)).data?.me.username).toBe("ada");
        }
        const { response, keys } = await fetchJwks(gate);
        expect(response.headers.get("cache-control")).toMatch(/^public, max-age=([1-5]?\d\d|600)$/);
        expect(keys).toHaveLength(jwtAlgorithm === "HS256" ? 0 : 2);
        for (const key of keys) {
          const members = key["kty"] === "EC" ? ["crv", "x", "y"] : ["e", "n"];
          expect(Object.keys(key).sort()).toEqual(["alg", "kid", "kty", "use", ...members].sort());
          expect(key).toMatchObject({ alg: jwtAlgorithm, use: "sig" });
        }
      } finally {
        await gate.close();
      }
    });
  });

  test("J-12, J-16, JW-19: another process verifies access tokens with only the URL of the key set, before and after a rotation", async () => {
    const gate = await Gate.open({ ...IDENTITY, now: Date.now }, database);
    try {
      const id = await gate.user("ada");
      const { access, refresh } = await gate.login("ada");
      const sliding = await gate.login("ada", "SLIDING");
      await gate.auth.keys.rotate(true);
      const next = await gate.login("ada");
      const forged = access.slice(0, -9) + (access.at(-9) === "A" ? "B" : "A") + access.slice(-8);
      const { stdout } = await runNode(
        [
          ...["--input-type=module", "-e", SERVICE, `${gate.url}/.well-known/jwks.json`],
          ...[access, next.access, forged, refresh, sliding.token],
        ],
        { cwd: ROOT },
      );
      expect(JSON.parse(stdout)).toEqual([
        id,
        id,
        "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        // The key set never contains an HS256 key.
        "ERR_JOSE_NOT_SUPPORTED",
        "ERR_JOSE_NOT_SUPPORTED",
      ]);
    } finally {
      await gate.close();
    }
  });

  test("J-06: a change from one asymmetric algorithm to another, and back, ends no session, and new tokens use the new algorithm", async () => {
    const gate = await Gate.open({ jwtAlgorithm: "ES256" }, database);
    const opened = [gate];
    try {
      await gate.user("ada");
      const all = [await gate.login("ada")];
      for (const jwtAlgorithm of ["RS256", "ES256"] as const) {
        gate.advance(1);
        const next = await gate.another({ jwtAlgorithm });
        opened.push(next);
        const tokens = await next.login("ada");
        expect(decode(tokens.access).header["alg"]).toBe(jwtAlgorithm);
        all.push(tokens);
        for (const { authorization } of all) {
          expect((await next.me(authorization)).status).toBe(200);
        }
      }
    } finally {
      for (const each of opened.toReversed()) await each.close();
    }
  });

  test("JW-2: a change to a symmetric algorithm is refused in one line, and the previous algorithm still works", async () => {
    const gate = await Gate.open({ jwtAlgorithm: "ES256" }, database);
    try {
      gate.advance(1);
      const message = await gate.another({ jwtAlgorithm: "HS256" }).then(
        async (server) => {
          await server.close();
          return "";
        },
        (error: unknown) => (error as TypeError).message,
      );
      expect(message).toMatch(/^jwtAlgorithm: [^\n]+$/);
      const back = await gate.another({ jwtAlgorithm: "ES256" });
      await back.close();
    } finally {
      await gate.close();
    }
  });
});

describe("a key ring", () => {
  const NOW = 1_000_000;
  const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
  const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
  const rsaPss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
  const secret = (bytes: number) => {
    const key = createSecretKey(randomBytes(bytes));
    return { privateKey: key, publicKey: key };
  };
  const keyOf = (
    kid: string,
    algorithm: JwtAlgorithm,
    { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
    activatesAt = 0,
  ): Key => ({
    kid,
    algorithm,
    signingKey: privateKey,
    verificationKey: publicKey,
    activatesAt,
    createdAt: 0,
  });
  const ring = (...keys: Key[]) => new KeyRing(keys, () => NOW);

  test("J-15: signs with the key that became active last, and finds the next one", () => {
    const keys = [0, 5, NOW + 1].map((at) => keyOf(`at${at}`, "ES256", ec("P-256"), at));
    const { current, next } = ring(...keys);
    expect([current.kid, next?.kid]).toEqual(["at5", `at${NOW + 1}`]);
    const last = ring(keyOf("now", "ES256", ec("P-256"), NOW));
    expect([last.current.kid, last.next]).toEqual(["now", undefined]);
  });

  test("J-15: signs with its earliest key if the clock is set back to before all of them", () => {
    let now = NOW;
    const keys = [5, 3, 4].map((at) => keyOf(`at${at}`, "ES256", ec("P-256"), at));
    const set = new KeyRing(keys, () => now);
    now = 2;
    expect(set.current.kid).toBe("at3");
  });

  test("J-15: for refresh tokens has a short kid for each secret, and signs with the first key", () => {
    const secrets = ["new", "old", "older"];
    const kids = secrets.map((secret) => createRefreshKeyRing([secret]).current.kid);
    for (const kid of kids) expect(kid).toMatch(/^[0-9a-f]{16}$/);
    const set = createRefreshKeyRing(secrets);
    expect(set.current.kid).toBe(kids[0]);
    expect(kids.map((kid) => set.find(kid)?.kid)).toEqual(kids);
  });

  test("JW-14, JW-15: accepts keys of the smallest size: 32 bytes, and 2,048 bits of RSA", () => {
    for (const key of [
      keyOf("a", "HS256", secret(32)),
      keyOf("a", "RS256", rsa(2048)),
      keyOf("a", "PS256", rsa(2048)),
    ]) {
      expect(ring(key).current).toBe(key);
    }
  });

  test("JW-2: refuses two keys with the same kid", () => {
    const keys = [ec("P-256"), ec("P-256")].map((pair) => keyOf("a", "ES256", pair));
    expect(() => ring(...keys)).toThrow("Two keys have the same kid.");
  });

  test("JW-2: refuses symmetric and asymmetric keys together", () => {
    const keys = [keyOf("a", "HS256", secret(32)), keyOf("b", "ES256", ec("P-256"))];
    expect(() => ring(...keys)).toThrow("Symmetric and asymmetric keys must not share a ring.");
  });

  test("JW-2: refuses a list of keys of which none is active, and keeps its old keys", () => {
    const waiting = keyOf("b", "ES256", ec("P-256"), NOW + 1);
    expect(() => ring()).toThrow("No key is active.");
    expect(() => ring(waiting)).toThrow("No key is active.");
    const good = ring(keyOf("a", "ES256", ec("P-256")));
    expect(() => {
      good.replace([waiting]);
    }).toThrow(TypeError);
    expect(good.current.kid).toBe("a");
  });

  const unfit: Record<string, () => Key> = {
    "31 bytes for HS256": () => keyOf("a", "HS256", secret(31)),
    "no byte for HS256": () => keyOf("a", "HS256", secret(0)),
    "1,024 bits for RS256": () => keyOf("a", "RS256", rsa(1024)),
    "2,047 bits for PS256": () => keyOf("a", "PS256", rsa(2047)),
    "P-384 for ES256": () => keyOf("a", "ES256", ec("P-384")),
    "secp256k1 for ES256": () => keyOf("a", "ES256", ec("secp256k1")),
    "RSA for ES256": () => keyOf("a", "ES256", rsa(2048)),
    "EC for RS256": () => keyOf("a", "RS256", ec("P-256")),
    "RSA-PSS for RS256": () => keyOf("a", "RS256", rsaPss),
    "RSA-PSS for PS256": () => keyOf("a", "PS256", rsaPss),
    "a public key for HS256": () => keyOf("a", "HS256", ec("P-256")),
    "a secret for ES256": () => keyOf("a", "ES256", secret(32)),
    "Ed25519 for ES256": () => keyOf("a", "ES256", generateKeyPairSync("ed25519")),
    "an unknown algorithm": () =>
      keyOf("a", "EdDSA" as JwtAlgorithm, generateKeyPairSync("ed25519")),
    "the algorithm none": () => keyOf("a", "none" as JwtAlgorithm, secret(32)),
  };
  test.each(Object.entries(unfit))("JW-2, JW-14, JW-15: refuses %s", (_name, make) => {
    expect(() => ring(make())).toThrow(/^The key a is too short for \S+, or of the wrong type\.$/);
  });

  test("J-01, J-02: an unknown algorithm stops the start, with the name of the setting", async () => {
    for (const jwtAlgorithm of ["EdDSA", "none", "es256", "HS1"]) {
      const opening = Gate.open({ jwtAlgorithm: jwtAlgorithm as JwtAlgorithm });
      await expect(opening).rejects.toThrow(/^jwtAlgorithm: /);
    }
  });
});

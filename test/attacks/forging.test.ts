import { createHmac, createPublicKey, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Key } from "../../src/keys/key-ring.js";
import { type AnyClaims, decode, forge, signingInput, stealKeys } from "../support/forge.js";
import { type Answer, Gate, setUpGate, type Tokens } from "../support/gate.js";

const KINDS = ["access", "refresh", "sliding"] as const;
type Kind = (typeof KINDS)[number];

/** A good token of one kind, decoded, with its signing key. */
interface Model {
  token: string;
  key: Key;
  header: Record<string, unknown>;
  claims: AnyClaims;
}

/** The order of P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const INACTIVE = { active: false, scheme: null, tokenType: null, expiresAt: null, user: null };

const gate = setUpGate();
let listener: Server;
let connections = 0;
let url: string;
let victim: Tokens;
const models = {} as Record<Kind, Model>;

beforeAll(async () => {
  listener = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/keys.json`;
  await gate.user("ada");
  const keys = stealKeys(gate);
  const [pair, sliding] = [await gate.login("ada"), await gate.login("ada", "SLIDING")];
  victim = pair;
  for (const [kind, token, key] of [
    ["access", pair.access, keys.access],
    ["refresh", pair.refresh, keys.refresh],
    ["sliding", sliding.token, keys.refresh],
  ] as const) {
    models[kind] = { token, key, ...decode(token) };
  }
});

afterAll(async () => {
  await new Promise((resolve) => listener.close(resolve));
});

/**
 * Presents a token in every place that takes its kind, and returns the responses. In the header, it asks for
 * logoutAll, the most harmful operation.
 */
async function presentEverywhere(token: string, kind: Kind): Promise<Record<string, Answer>> {
  // A header can hold only a text of these characters as its credential.
  const isHeader = kind !== "refresh" && /^[\w.~+/-]+=*$/.test(token);
  const isArgument = kind !== "access";
  const authorization = `Bearer ${token}`;
  const [verifyToken, refreshToken, logout, logoutAll] = await Promise.all([
    gate.verify(token),
    isArgument ? gate.refresh(token) : null,
    isArgument ? gate.logout({ refresh: token }) : null,
    isHeader ? gate.ask(`mutation { logoutAll { message } }`, { authorization }) : null,
  ]);
  return {
    verifyToken,
    ...(refreshToken && { refreshToken }),
    ...(logout && { logout }),
    ...(logoutAll && { logoutAll }),
  };
}

/** Expects a refusal everywhere. The reason may depend only on the type that the token claims. */
async function expectRefusedEverywhere(token: string, kind: Kind): Promise<void> {
  for (const [place, answer] of Object.entries(await presentEverywhere(token, kind))) {
    if (place === "verifyToken") {
      expect([place, answer.status, answer.data]).toEqual([place, 200, { verifyToken: INACTIVE }]);
      continue;
    }
    expect([place, answer.status, answer.code]).toEqual([place, 401, "UNAUTHENTICATED"]);
    expect(REASONS).toContain(answer.reason);
    expect(answer.data).toBeNull();
  }
}

/** The reasons of a refusal. The last one is that of a header that is too long. */
const REASONS = ["token_not_valid", "token_wrong_type", "bad_authorization_header"];

/**
 * For each rule, tokens that break it, made from a good token. A token is signed with the real key if no other check
 * should refuse it.
 */
const FORGERIES: Record<string, (model: Model) => string[]> = {
  "JW-1: alg none in every spelling, signed and unsigned": ({ key, header, claims }) =>
    ["none", "None", "NONE", "nOnE", "none\0", "", null, ["none"]].flatMap((alg) => [
      `${signingInput({ ...header, alg }, claims)}.`,
      forge(key, { ...header, alg }, claims),
    ]),
  "JW-1: the right key under another algorithm's name": ({ key, header, claims }) =>
    ["HS256", "ES256", "hs256", "HS512", "RS256", "PS256", "EdDSA", { alg: "HS256" }]
      .filter((alg) => alg !== key.algorithm)
      .map((alg) => forge(key, { ...header, alg }, claims)),
  "JW-1, JW-2: HS256 with public data as its secret": ({ header, claims }) => {
    const { verificationKey } = models.access.key;
    const publicKey = createPublicKey(verificationKey.export({ type: "spki", format: "pem" }));
    const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
    const [jwk] = gate.auth.jwks().keys;
    const secrets = [
      pem,
      pem.trim(),
      ` ${pem}`,
      publicKey.export({ type: "spki", format: "der" }),
      JSON.stringify(jwk),
      JSON.stringify(gate.auth.jwks()),
      String(jwk?.kid),
      String(header["kid"]),
      "",
      "secret",
      "gatehouse",
    ];
    return secrets.map((secret) => {
      const input = signingInput({ ...header, alg: "HS256" }, claims);
      return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    });
  },
  "JW-4: a key or the URL of a key in the header": ({ key, header, claims }) => {
    const jwk = models.access.key.verificationKey.export({ format: "jwk" });
    return [{ jku: url }, { x5u: url }, { jwk }, { x5c: [url] }, { x5t: "x" }, { jwks: url }].map(
      (parameter) => forge(key, { ...header, ...parameter }, claims),
    );
  },
  "JW-3: a kid that is a path, a statement, a command, a URL or a prototype": ({
    key,
    header,
    claims,
  }) =>
    [
      "../../../../../../dev/null",
      "x' UNION SELECT 'secret' --",
      "|sleep 10",
      url,
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "",
      "k".repeat(65),
      null,
      0,
      [header["kid"]],
      {},
    ].map((kid) => forge(key, { ...header, kid }, claims)),
  "JW-5: crit and b64": ({ key, header, claims }) =>
    [{ crit: ["exp"] }, { crit: [] }, { crit: ["b64"], b64: false }, { b64: false }].map(
      (parameter) => forge(key, { ...header, ...parameter }, claims),
    ),
  "JW-6: another typ or no typ": ({ key, header, claims }) =>
    [
      "JWT",
      "jwt",
      `application/${String(header["typ"])}`,
      "",
      null,
      undefined,
      [header["typ"]],
    ].map((typ) => forge(key, { ...header, typ }, claims)),
  "JW-6: the typ and token_type of each other kind": ({ key, header, claims }) =>
    KINDS.map((kind) => models[kind])
      .filter((other) => other.header["typ"] !== header["typ"])
      .flatMap((other) => [
        forge(key, { ...header, typ: other.header["typ"] }, claims),
        forge(key, header, { ...claims, token_type: other.claims["token_type"] }),
      ]),
  "JW-7, JW-8: exp, iat or nbf that is missing, malformed or in the wrong time": ({
    key,
    header,
    claims,
  }) => {
    const { iat, exp } = claims;
    const odd = [undefined, null, String(exp), -1, exp + 0.5, [exp], 2 ** 53, 1e300];
    return [
      ...odd.map((value) => forge(key, header, { ...claims, exp: value })),
      ...odd.map((value) => forge(key, header, { ...claims, iat: value })),
      forge(key, header, JSON.stringify(claims).replace(`"exp":${exp}`, `"exp":1e400`)),
      forge(key, header, { ...claims, exp: iat }),
    ];
  },
  "JW-9: another issuer or audience, or a list that contains ours": ({ key, header, claims }) =>
    [
      { iss: ["evil", claims["iss"]] },
      { iss: [claims["iss"]] },
      { iss: "https://evil.example" },
      { iss: "" },
      { aud: ["evil", claims["aud"]] },
      { aud: [] },
      { aud: "evil" },
      { aud: null },
    ].map((change) => forge(key, header, { ...claims, ...change })),
  "JW-10: a payload that is not an object, or has claims of other types": ({
    key,
    header,
    claims,
  }) => [
    ...['"text"', "7", "null", "[]", `[${JSON.stringify(claims)}]`, "{}", "", "{"].map((payload) =>
      forge(key, header, payload),
    ),
    ...["sub", "sid", "jti", "token_type"].flatMap((claim) =>
      [7, [claims[claim]], { $ne: null }].map((value) =>
        forge(key, header, { ...claims, [claim]: value }),
      ),
    ),
    forge(key, header, `{"__proto__":${JSON.stringify(claims)}}`),
  ],
  "JW-11: 4,097 characters and more": ({ key, header, claims }) =>
    Array.from({ length: 4 }, (_, more) => {
      const room = 4097 - forge(key, header, { ...claims, pad: "" }).length;
      return forge(key, header, { ...claims, pad: "x".repeat(Math.ceil((room * 3) / 4) + more) });
    }).filter((token) => token.length > 4096),
  "JW-12: another spelling of the same bytes": ({ token }) => otherSpellings(token),
};

/** Returns other spellings of a token that a lax decoder reads as the same three segments. */
function otherSpellings(token: string): string[] {
  const segments = token.split(".");
  const variants = segments.flatMap((segment, index) => {
    const last = ALPHABET.indexOf(segment.at(-1)!);
    // A segment whose length is a multiple of 4 has no spare bits.
    const lowBits = segment.length % 4 === 0 ? [] : [segment.slice(0, -1) + ALPHABET[last ^ 1]!];
    return [...lowBits, `${segment}=`, `${segment}==`, ` ${segment}`, `${segment}\n`].map((other) =>
      segments.with(index, other).join("."),
    );
  });
  return [...variants, `${token}.`, `${token}.${segments[2]!}`, `.${token}`, `${token}\0`];
}

/** Returns the token with n - s in place of the s of its ECDSA signature. This signature is valid too. */
function twinOf(token: string): string {
  const [header, payload, signature] = token.split(".");
  const bytes = Buffer.from(signature!, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const twin = Buffer.from((N - s).toString(16).padStart(64, "0"), "hex");
  return `${header!}.${payload!}.${Buffer.concat([bytes.subarray(0, 32), twin]).toString("base64url")}`;
}

describe.each(KINDS)("a forged %s token", (kind) => {
  test.each(Object.entries(FORGERIES))("%s is refused in every place", async (_rule, make) => {
    const forgeries = make(models[kind]);
    expect(forgeries.length).toBeGreaterThan(1);
    for (const token of forgeries) await expectRefusedEverywhere(token, kind);
    expect(connections).toBe(0);
  });
});

test("control: the original tokens still work, so no forgery ended a session", async () => {
  const { key, header, claims, token } = models.access;
  expect((await gate.me(`Bearer ${forge(key, header, claims)}`)).data.me.username).toBe("ada");
  expect((await gate.me(`Bearer ${token}`)).status).toBe(200);
  expect((await gate.me(`Bearer ${models.sliding.token}`)).status).toBe(200);
  const { refresh } = models;
  const copy = forge(refresh.key, refresh.header, refresh.claims);
  expect(copy).toBe(refresh.token);
  expect((await gate.refresh(copy)).status).toBe(200);
});

describe("a token of a session that was logged out", () => {
  test("JW-12: is refused in every place and spelling, including spare low bits and the (r, n - s) twin", async () => {
    const { access, authorization } = await gate.login("ada");
    expect((await gate.me(authorization)).status).toBe(200);
    await gate.logout({ authorization });
    const [bearer, verified] = [await gate.me(authorization), await gate.verify(access)];
    expect([bearer.reason, verified.data.verifyToken]).toEqual(["token_revoked", INACTIVE]);
    for (const other of [
      twinOf(access),
      ...otherSpellings(access),
      ...otherSpellings(twinOf(access)),
    ]) {
      const answer = await gate.me(`Bearer ${encodeURI(other)}`);
      expect([answer.status, answer.code]).toEqual([401, "UNAUTHENTICATED"]);
      expect((await gate.verify(other)).data.verifyToken).toEqual(INACTIVE);
    }
  });
});

describe("a token of another installation", () => {
  test("JW-9, J-13: with another secret is refused in every place", async () => {
    const house = await Gate.open();
    try {
      await house.user("ada");
      const [pair, sliding] = [await house.login("ada"), await house.login("ada", "SLIDING")];
      await expectRefusedEverywhere(pair.access, "access");
      await expectRefusedEverywhere(pair.refresh, "refresh");
      await expectRefusedEverywhere(sliding.token, "sliding");
    } finally {
      await house.close();
    }
  });

  test("JW-9: with the same secret and issuer but another database is refused, because its session is unknown here", async () => {
    const jwtIssuer = String(models.access.claims["iss"]);
    const house = await Gate.open({ secretKey: gate.secretKey, jwtIssuer });
    try {
      await house.user("ada");
      const [pair, sliding] = [await house.login("ada"), await house.login("ada", "SLIDING")];
      for (const token of [pair.access, pair.refresh, sliding.token]) {
        expect((await gate.verify(token)).data.verifyToken).toEqual(INACTIVE);
        const bearer = await gate.me(`Bearer ${token}`);
        expect([bearer.status, bearer.code]).toEqual([401, "UNAUTHENTICATED"]);
      }
      expect(await gate.refresh(pair.refresh)).toMatchObject({ status: 401, data: null });
    } finally {
      await house.close();
    }
  });
});

test("JW-18, J-15: a token signed with a stolen key is refused once the key is revoked", async () => {
  const { key, header, claims } = models.access;
  const { authorization } = await gate.login("ada");
  await gate.auth.keys.revoke(String(header["kid"]));
  const fresh = { ...claims, jti: randomBytes(16).toString("hex"), sid: victim.session.id };
  await expectRefusedEverywhere(forge(key, header, fresh), "access");
  expect((await gate.me(authorization)).reason).toBe("token_not_valid");
  const { kid } = gate.auth.jwks().keys.at(-1)!;
  await expectRefusedEverywhere(forge(key, { ...header, kid }, fresh), "access");
  expect((await gate.me((await gate.login("ada")).authorization)).status).toBe(200);
});

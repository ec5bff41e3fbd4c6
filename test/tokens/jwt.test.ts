import { createHmac, createPublicKey } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Key } from "../../src/keys/key-ring.js";
import { TokenNotValid } from "../../src/tokens/errors.js";
import { parseJwt, verifySignature } from "../../src/tokens/jwt.js";
import { type AnyClaims, decode, forge, signingInput, stealKeys } from "../support/forge.js";
import { describeGates, type Tokens } from "../support/gate.js";

const NOT_VALID = { status: 401, code: "UNAUTHENTICATED", reason: "token_not_valid" };

describeGates((gate) => {
  let tokens: Tokens;
  let key: Key;
  let header: Record<string, unknown>;
  let claims: AnyClaims;

  beforeAll(async () => {
    await gate.user("ada");
    tokens = await gate.login("ada");
    key = stealKeys(gate).access;
    ({ header, claims } = decode(tokens.access));
  });

  /** Sends a token with these claims, signed with the real key. */
  const present = (payload: object | string, head: object | string = header) =>
    gate.me(`Bearer ${forge(key, head, payload)}`);

  const without = (name: string) =>
    Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));

  /** Returns the JSON of the claims, with `text` as the value of one claim. */
  const withText = (name: string, text: string) =>
    JSON.stringify({ ...claims, [name]: "@" }).replace('"@"', text);

  describe("the claims of an access token", () => {
    test("A-02, C-07, C-16, JW-17: are the issuer, the audience, the user, the session, a random jti, five minutes, and the type", async () => {
      expect(header).toEqual({ alg: "ES256", kid: key.kid, typ: "at+jwt" });
      const user = (await gate.me(tokens.authorization)).data.me;
      expect(claims).toEqual({
        iss: "gatehouse",
        aud: "gatehouse",
        client_id: "gatehouse",
        sub: user.id,
        sid: tokens.session.id,
        jti: expect.stringMatching(/^[0-9a-f]{32}$/),
        iat: Math.floor(gate.now / 1000),
        exp: Math.floor(gate.now / 1000) + 300,
        token_type: "access",
        amr: ["pwd"],
        auth_time: Math.floor(gate.now / 1000),
      });
    });

    test("A-12, JW-13: additional claims are ignored, even a role", async () => {
      expect((await present({ ...claims, role: "ADMIN" })).data.me.username).toBe("ada");
      const list = `{ allSessions { edges { node { id } } } }`;
      const authorization = `Bearer ${forge(key, header, { ...claims, role: "ADMIN" })}`;
      expect((await gate.ask(list, { authorization })).reason).toBe("role_required");
    });
  });

  describe("claims of a token that is signed with the real key", () => {
    test.each(["iss", "aud", "sub", "sid", "jti", "iat", "exp", "token_type"])(
      "C-01, C-03, C-18, C-20, C-24, C-29, JW-7: without %s it is refused",
      async (name) => {
        expect(await present(without(name))).toMatchObject(NOT_VALID);
      },
    );

    test.each(["sub", "sid", "jti", "iss", "aud", "token_type"])(
      "C-04, C-24, JW-10: %s must be non-empty text",
      async (name) => {
        const value = claims[name];
        for (const bad of ["", null, 7, true, [value], { id: value }, { toString: value }]) {
          expect(await present({ ...claims, [name]: bad })).toMatchObject(NOT_VALID);
        }
      },
    );

    test.each([
      ['"soon"'],
      ["null"],
      ["true"],
      ["[9999999999]"],
      ["{}"],
      ["-1"],
      ["0"],
      ["1e20"],
      ["1e400"],
      ["9999999999.5"],
      ["99999999990000"],
    ])("C-26, JW-7: an exp of %s is refused and crashes nothing", async (text) => {
      expect(await present(withText("exp", text))).toMatchObject(NOT_VALID);
    });

    test("C-26: an exp with a fraction, in milliseconds, or beyond our lifetime is refused", async () => {
      const { iat } = claims;
      for (const exp of [iat + 60.5, (iat + 60) * 1000, iat + 301]) {
        expect(await present({ ...claims, exp })).toMatchObject(NOT_VALID);
      }
      expect((await present({ ...claims, exp: iat + 300 })).status).toBe(200);
    });

    test("C-24: text has at most 255 characters, and a time may be 0", async () => {
      const [longest, tooLong] = ["x".repeat(255), "x".repeat(256)];
      expect((await present({ ...claims, jti: longest })).status).toBe(200);
      expect(await present({ ...claims, jti: tooLong })).toMatchObject(NOT_VALID);
      expect((await present({ ...claims, nbf: 0 })).status).toBe(200);
    });

    test("C-26: an exp that is not later than iat is refused as malformed, not as expired", async () => {
      for (const exp of [claims.iat, claims.iat - 1, 0]) {
        expect(await present({ ...claims, exp })).toMatchObject(NOT_VALID);
      }
    });

    test("C-26: an exp written with an exponent or a .0 is refused", async () => {
      for (const text of [`${claims.exp}.0`, `${claims.exp}e0`]) {
        expect(await present(withText("exp", text))).toMatchObject(NOT_VALID);
      }
    });

    test("C-27, C-28: iat and nbf may be in the future by the leeway, and no further", async () => {
      const soon = Math.floor(gate.now / 1000) + 5;
      expect((await present({ ...claims, iat: soon })).status).toBe(200);
      expect((await present({ ...claims, nbf: soon })).status).toBe(200);
      expect(await present({ ...claims, iat: soon + 1 })).toMatchObject(NOT_VALID);
      expect(await present({ ...claims, nbf: soon + 1 })).toMatchObject(NOT_VALID);
      for (const nbf of ["now", null, "", [], {}, true, -1, 0.5]) {
        expect(await present({ ...claims, nbf })).toMatchObject(NOT_VALID);
      }
    });

    test("C-19: another issuer is refused, even if it begins like ours", async () => {
      for (const iss of ["https://evil.example", `${claims["iss"]}/`, [claims["iss"], "evil"]]) {
        expect(await present({ ...claims, iss })).toMatchObject(NOT_VALID);
      }
    });

    test("C-19, JW-9: another audience is refused, even a list that contains ours", async () => {
      for (const aud of ["other", "Gatehouse", ["other"], ["other", "gatehouse"], []]) {
        expect(await present({ ...claims, aud })).toMatchObject(NOT_VALID);
      }
    });

    test("C-02, JW-6: another type is refused, in the claim and in the header", async () => {
      for (const tokenType of ["refresh", "sliding", "Access"]) {
        expect((await present({ ...claims, token_type: tokenType })).reason).toBe(
          "token_wrong_type",
        );
      }
      for (const typ of ["JWT", "rt+jwt", "AT+JWT", "", null, undefined, ["at+jwt"]]) {
        const answer = await present(claims, { ...header, typ });
        expect(answer).toMatchObject({ status: 401, reason: "token_wrong_type" });
      }
    });

    test.each(["text", "{}", "[]", '"text"', "7", "null", "true", "", "{", '["a"]'])(
      "JW-10: a payload of %s is refused and crashes nothing",
      async (payload) => {
        expect(await present(payload)).toMatchObject(NOT_VALID);
      },
    );

    test("JW-10: a member __proto__ sets no claim", async () => {
      const payload = `{"__proto__":${JSON.stringify(claims)}}`;
      expect(await present(payload)).toMatchObject(NOT_VALID);
    });

    test("a duplicate claim is refused, whichever of the two is right", async () => {
      const once = JSON.stringify(claims);
      for (const twice of [`{"sub":"x",${once.slice(1)}`, `${once.slice(0, -1)},"sub":"x"}`]) {
        expect(await present(twice)).toMatchObject(NOT_VALID);
      }
    });
  });

  describe("headers of a token that is signed with the real key", () => {
    test.each(["7", "true", "null", '"text"', "[]", '["alg"]'])(
      "JW-10: the header %s, which is no object, is refused",
      async (head) => {
        expect(await present(claims, head)).toMatchObject(NOT_VALID);
      },
    );

    test("a duplicate alg is refused, whichever of the two is right", async () => {
      const once = JSON.stringify(header);
      for (const twice of [
        `{"alg":"none",${once.slice(1)}`,
        `${once.slice(0, -1)},"alg":"none"}`,
      ]) {
        expect(await present(claims, twice)).toMatchObject(NOT_VALID);
      }
    });

    test.each([
      { crit: ["exp"] },
      { crit: ["b64"], b64: false },
      { crit: [] },
      { b64: false },
      { b64: true },
      { cty: "JWT" },
      { zip: "DEF" },
      { x5c: ["MIIB"] },
      { anything: 1 },
    ])("JW-5: the parameter %j is refused", async (parameters) => {
      expect(await present(claims, { ...header, ...parameters })).toMatchObject(NOT_VALID);
    });

    test("JW-4: jku, x5u, x5c and jwk are refused, and nothing is fetched", async () => {
      let connections = 0;
      const listener = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
      listener.on("connection", () => (connections += 1));
      await new Promise((resolve) => listener.once("listening", resolve));
      const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/jwks.json`;
      const jwk = key.verificationKey.export({ format: "jwk" });
      for (const parameter of [{ jku: url }, { x5u: url }, { jwk }, { x5c: [url] }]) {
        expect(await present(claims, { ...header, ...parameter })).toMatchObject(NOT_VALID);
      }
      expect(connections).toBe(0);
      await new Promise((resolve) => listener.close(resolve));
    });

    test.each([
      "../../../../dev/null",
      "/dev/null",
      "' OR 1=1 --",
      "|sleep 10",
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "",
      "a".repeat(65),
      null,
      0,
      [],
      ["x"],
      {},
      undefined,
    ])("JW-3: a kid of %j is refused and crashes nothing", async (kid) => {
      expect(await present(claims, { ...header, kid })).toMatchObject(NOT_VALID);
    });

    test("JW-3: a malformed kid costs no statement, because no key can have it", async () => {
      const kids = ["", "a".repeat(65), ` ${key.kid}`, "../key", null, 0, ["x"], {}, undefined];
      for (const kid of kids) {
        // The server reads its keys again at most once a second.
        gate.advance(2);
        const statements = await gate.countStatements(async () => {
          expect(await present(claims, { ...header, kid })).toMatchObject(NOT_VALID);
        });
        expect([kid, statements]).toEqual([kid, 0]);
      }
    });

    test("JW-3: a kid in a list, or with an additional blank, is refused", async () => {
      for (const kid of [[key.kid], ` ${key.kid}`, `${key.kid}\n`, key.kid.toUpperCase() + "G"]) {
        expect(await present(claims, { ...header, kid })).toMatchObject(NOT_VALID);
      }
    });
  });

  describe("algorithms", () => {
    test.each(["none", "None", "NONE", "nOnE", "none ", "", null, [], ["none"], undefined, 0])(
      "J-09: alg %j is refused, with and without a signature",
      async (alg) => {
        const input = signingInput({ ...header, alg }, claims);
        const signature = tokens.access.split(".")[2] ?? "";
        for (const end of [".", "", `.${signature}`]) {
          expect(await gate.me(`Bearer ${input}${end}`)).toMatchObject(NOT_VALID);
        }
        expect(await present(claims, { ...header, alg })).toMatchObject(NOT_VALID);
      },
    );

    test("JW-1: the right key under another name of its algorithm is refused", async () => {
      for (const alg of ["es256", "ES384", "HS256", "RS256", ["ES256"], { alg: "ES256" }]) {
        expect(await present(claims, { ...header, alg })).toMatchObject(NOT_VALID);
      }
    });

    test("JW-2, J-06: a signature made with the public key as HMAC secret is refused, in PEM, DER or JWK", async () => {
      const publicKey = createPublicKey(
        key.verificationKey.export({ type: "spki", format: "pem" }),
      );
      const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
      const jwk = publicKey.export({ format: "jwk" });
      const secrets = [
        pem,
        pem.trim(),
        ` ${pem}`,
        publicKey.export({ type: "spki", format: "der" }),
        JSON.stringify(jwk),
        JSON.stringify(gate.auth.jwks().keys[0]),
        Buffer.from(jwk.x ?? "", "base64url"),
        jwk.x ?? "",
      ];
      for (const secret of secrets) {
        for (const alg of ["HS256", "ES256"]) {
          const input = signingInput({ ...header, alg }, claims);
          const mac = createHmac("sha256", secret).update(input).digest("base64url");
          expect(await gate.me(`Bearer ${input}.${mac}`)).toMatchObject(NOT_VALID);
        }
      }
    });
  });

  describe("signatures", () => {
    test("A-13: header and payload of one token with the signature of another are refused", async () => {
      const other = await gate.login("ada");
      const [head, payload] = tokens.access.split(".");
      const signature = other.access.split(".")[2];
      expect(await gate.me(`Bearer ${head}.${payload}.${signature}`)).toMatchObject(NOT_VALID);
    });

    test("a signature that is all zeros, empty, too short or too long is refused", async () => {
      const input = signingInput(header, claims);
      for (const bytes of [
        Buffer.alloc(64),
        Buffer.alloc(0),
        Buffer.alloc(63),
        Buffer.alloc(128),
      ]) {
        expect(await gate.me(`Bearer ${input}.${bytes.toString("base64url")}`)).toMatchObject(
          NOT_VALID,
        );
      }
    });

    test("JW-12: another spelling of a segment is refused before the signature is checked", () => {
      const token = forge(key, header, claims);
      expect(parseJwt(token)).toEqual({ token, header, payload: JSON.stringify(claims) });
      const unusedBits = [0, 1, 2].map((at) => ["e30", "e30", "AA"].with(at, "e31").join("."));
      const spellings = [`.${token}`, `${token}.`, `=${token}`, `${token}=`, ...unusedBits];
      for (const other of [...spellings, [token], { toString: () => token }]) {
        expect(() => parseJwt(other)).toThrow(TokenNotValid);
      }
    });

    test("C-20: the signature check accepts a token without exp, so the claims check must refuse it", () => {
      const jwt = parseJwt(forge(key, header, without("exp")));
      verifySignature(jwt, key);
      expect(JSON.parse(jwt.payload)).toEqual(without("exp"));
    });

    test("control: a correct token signed by these tests is accepted", async () => {
      expect((await present(claims)).data.me.username).toBe("ada");
    });
  });

  describe("length", () => {
    /** Returns a good token of exactly this many characters. */
    const tokenOf = (length: number) => {
      for (let size = 2000; size < 4000; size += 1) {
        const token = forge(key, header, { ...claims, pad: "x".repeat(size) });
        if (token.length === length) return token;
      }
      throw new Error(`no token has ${length} characters`);
    };

    test("H-18, JW-11: a token of 4,096 characters is accepted, and a longer token is refused, in header and argument", async () => {
      const [long, tooLong] = [tokenOf(4096), tokenOf(4098)];
      expect((await gate.me(`Bearer ${long}`)).data.me.username).toBe("ada");
      expect((await gate.verify(long)).data.verifyToken.active).toBe(true);
      expect((await gate.me(`Bearer ${tooLong}`)).reason).toBe("bad_authorization_header");
      expect((await gate.verify(tooLong)).data.verifyToken.active).toBe(false);
    });
  });
});

import { createPublicKey, createSecretKey, type JsonWebKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import type { JwtAlgorithm } from "../../../src/config/auth-config.js";
import { type Key, KeyRing } from "../../../src/keys/key-ring.js";
import { TokenNotValid } from "../../../src/tokens/errors.js";
import { parseJwt, verifySignature } from "../../../src/tokens/jwt.js";

/** A vector of C2SP/wycheproof, `testvectors_v1`. */
interface Vector {
  tcId: number;
  comment: string;
  jws: string | object;
  result: "valid" | "invalid";
}
type Jwk = JsonWebKey & { kid?: string; alg?: string; use?: string; key_ops?: string[] };
interface Group {
  comment: string;
  public?: Jwk;
  private?: Jwk & { keys?: Jwk[] };
  tests: Vector[];
}

const OURS: readonly string[] = ["ES256", "RS256", "PS256", "HS256"];

function readGroups(name: string, count: number): Group[] {
  const file = JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
  if (file.numberOfTests !== count) throw new Error(`${name} is another version.`);
  return file.testGroups;
}

/** Returns the key of a JWK, whatever use the JWK states. @throws when Node cannot read it */
function toKey(jwk: Jwk, algorithm = jwk.alg): Key {
  const key =
    jwk.kty === "oct"
      ? createSecretKey(Buffer.from(jwk.k ?? "", "base64url"))
      : createPublicKey({ key: jwk, format: "jwk" });
  const kid = jwk.kid ?? "none";
  const ours = algorithm as JwtAlgorithm;
  const times = { activatesAt: 0, createdAt: 0 };
  return { kid, algorithm: ours, signingKey: key, verificationKey: key, ...times };
}

const NATIVE: Record<string, JwtAlgorithm> = { RSA: "RS256", EC: "ES256", oct: "HS256" };

/**
 * Returns whether the signature check accepts a token with a key. The algorithm is the key's, or follows from the
 * key's type.
 */
function isAccepted(jws: string, jwk: Jwk): boolean {
  try {
    verifySignature(parseJwt(jws), toKey(jwk, jwk.alg ?? NATIVE[jwk.kty ?? ""]));
    return true;
  } catch (error) {
    if (!(error instanceof TokenNotValid)) throw error;
    return false;
  }
}

/** Vectors that are valid in the file, but that we refuse on purpose. */
const STRICTER: Record<number, string> = {
  259: "an empty payload is not a set of claims",
  272: "an empty payload is not a set of claims",
  346: "the header's PS384 is not the key's PS256",
  350: "the header's PS384 is not the key's PS256",
  372: "there is a character in the header that is not of base64url",
  373: "there is a character in the payload that is not of base64url",
  376: "the header is not in the spelling that we sign: blanks",
  377: "the header is not in the spelling that we sign: a line break",
};

/** Vectors that are invalid in the file, but that the signature check accepts. Another check refuses them. */
const KEPT_OUT_ELSEWHERE: Record<number, string> = {
  353: "the key is for encryption, which no key of our rings is",
  354: "the key is for encryption, which no key of our rings is",
  355: "the key is for encryption, which no key of our rings is",
  356: "the key is for encryption, which no key of our rings is",
  367: "the file mislabels it: vector 357 has the same text and is valid",
  370: "the file mislabels it: vector 357 has the same text and is valid",
};

const vectors = readGroups("json_web_signature_test.json", 401).flatMap((group) =>
  group.tests.map((vector) => ({
    ...vector,
    group: group.comment,
    key: (group.public ?? group.private)!,
  })),
);
const titleOf = ({ tcId, comment, group }: (typeof vectors)[number]) =>
  [`${tcId} ${group} ${comment}`, tcId] as const;
const isOurs = ({ key }: (typeof vectors)[number]) =>
  key.alg === undefined || OURS.includes(key.alg);
const find = (id: number) => vectors.find(({ tcId }) => tcId === id)!;

describe("the signature check on Wycheproof's JWS vectors", () => {
  const valid = vectors.filter(({ result, tcId }) => result === "valid" && !(tcId in STRICTER));
  test.each(valid.filter(isOurs).map(titleOf))("JW-21: accepts the valid %s", (_title, id) => {
    const { jws, key } = find(id);
    expect(isAccepted(jws as string, key)).toBe(true);
  });

  test.each(valid.filter((vector) => !isOurs(vector)).map(titleOf))(
    "JW-1: refuses the valid %s, whose algorithm we do not support",
    (_title, id) => {
      const { jws, key } = find(id);
      expect(OURS).not.toContain(key.alg);
      const served = OURS.map((alg) => ({ ...key, alg }));
      for (const other of served) {
        if (other.kty === "oct" || !other.alg.startsWith("HS")) {
          expect(isAccepted(jws as string, other)).toBe(false);
        }
      }
    },
  );

  test.each(Object.entries(STRICTER))("refuses the valid %s on purpose: %s", (id) => {
    const { jws, key, result } = find(Number(id));
    expect(result).toBe("valid");
    expect(isAccepted(jws as string, key)).toBe(false);
  });

  const invalid = vectors.filter(
    ({ result, tcId }) => result === "invalid" && !(tcId in KEPT_OUT_ELSEWHERE),
  );
  test("JW-21, JW-12: refuses every invalid vector, with the key and algorithm of its group", () => {
    const accepted = invalid.filter(
      ({ jws, key }) => typeof jws === "string" && isAccepted(jws, key),
    );
    expect(accepted.map(({ tcId }) => tcId)).toEqual([]);
    expect(invalid.every(({ jws }) => typeof jws === "string")).toBe(true);
  });

  test("JW-1: refuses every invalid vector under each of our other algorithms that its key could serve", () => {
    const accepted = invalid.filter(({ jws, key }) =>
      OURS.filter((alg) => NATIVE[key.kty ?? ""]!.slice(0, 1) === alg.slice(0, 1)).some((alg) =>
        isAccepted(jws as string, { ...key, alg }),
      ),
    );
    // 332 is a good RS256 signature, which is invalid only because its key is bound to PS512.
    expect(accepted.map(({ tcId }) => tcId)).toEqual([332]);
  });

  test.each(Object.entries(KEPT_OUT_ELSEWHERE))("accepts the invalid %s, because %s", (id) => {
    const { jws, result, key } = find(Number(id));
    expect(result).toBe("invalid");
    const isForEncryption = key.use === "enc" || key.key_ops?.[0] === "encrypt";
    expect(isForEncryption || jws === find(357).jws).toBe(true);
  });

  test("the file has 46 valid and 355 invalid vectors, and we deviate from 8 valid and 6 invalid ones", () => {
    const count = (result: string) => vectors.filter((vector) => vector.result === result).length;
    expect([count("valid"), count("invalid")]).toEqual([46, 355]);
    const deviations = [STRICTER, KEPT_OUT_ELSEWHERE].map((list) => Object.keys(list).length);
    expect(deviations).toEqual([8, 6]);
  });
});

describe("a ring on Wycheproof's JWK vectors", () => {
  const groups = readGroups("json_web_key_test.json", 26);
  const cases = groups.flatMap((group) =>
    group.tests.map((vector) => ({
      ...vector,
      group,
      title: `${vector.tcId} ${group.comment}: ${vector.comment}`,
    })),
  );
  const keysOf = ({ public: open, private: closed }: Group) => closed?.keys ?? [(open ?? closed)!];

  /** Returns whether a ring accepts the keys of a group, and then the token that one of them has signed. */
  function isTaken({ group, jws }: (typeof cases)[number]): boolean {
    let ring: KeyRing;
    try {
      ring = new KeyRing(
        keysOf(group).map((jwk) => toKey(jwk)),
        () => 1,
      );
    } catch {
      return false;
    }
    try {
      const jwt = parseJwt(jws);
      verifySignature(jwt, ring.find(String(jwt.header["kid"])) ?? ring.current);
      return true;
    } catch (error) {
      if (!(error instanceof TokenNotValid)) throw error;
      return false;
    }
  }

  /** Vectors that are valid in the file, but that we refuse on purpose. */
  const stricter: Record<number, string> = {
    14: "HS384",
    15: "HS512",
  };
  /**
   * Vectors that are invalid in the file, but that a ring accepts. Such keys never reach a ring, because Node
   * generates all its keys.
   */
  const lenient: Record<number, string> = {
    7: "a ROCA key, which only a certain smart card generates",
    21: "a key for encryption, and our keys are for nothing but signing",
  };

  test.each(
    cases.filter(({ result }) => result === "valid").map((each) => [each.title, each] as const),
  )("JW-2: accepts the valid %s, or refuses it for a stated reason", (_title, each) => {
    expect(isTaken(each)).toBe(!(each.tcId in stricter));
  });

  test.each(
    cases.filter(({ result }) => result === "invalid").map((each) => [each.title, each] as const),
  )(
    "JW-2, JW-15, JW-21: refuses the invalid %s, unless such a key can never reach a ring",
    (_title, each) => {
      expect(isTaken(each)).toBe(each.tcId in lenient);
    },
  );
});

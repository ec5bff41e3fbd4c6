import { createHash, timingSafeEqual } from "node:crypto";
import { hashFunctions } from "./hash-functions.js";
import type { HashFunction } from "./hash-work.js";

/** A hash of Django that Gatehouse can check. */
export interface ReadableHash {
  readonly hashFunction: HashFunction;
  /** How much work a check takes. The unit depends on the hash function. */
  readonly cost: number;
  check(this: void, password: string): Promise<boolean>;
}

/** Django's formats, by the word before the first `$`. @see django.contrib.auth.hashers */
const FORMATS: ReadonlyMap<string, (hash: string) => ReadableHash | null> = new Map([
  ["pbkdf2_sha256", readPbkdf2],
  ["pbkdf2_sha1", readPbkdf2],
  ["argon2", readArgon2],
  ["bcrypt_sha256", readBcrypt],
  ["bcrypt", readBcrypt],
  ["scrypt", readScrypt],
]);

/**
 * Reads a hash of Django. Returns null if the format is unknown, if the hash is malformed, or if a check would take too
 * much time or memory. The limits allow checks of up to about two seconds.
 */
export function readHash(hash: string): ReadableHash | null {
  return FORMATS.get(hash.split("$", 1)[0] ?? "")?.(hash) ?? null;
}

/** Accepts at most 3,000,000 iterations. */
function readPbkdf2(hash: string): ReadableHash | null {
  const [, digest, iterations, salt = "", encoded = ""] =
    /^pbkdf2_(sha256|sha1)\$(\d{1,7})\$([^$]+)\$([\w+/]+=*)$/.exec(hash) ?? [];
  if (digest !== "sha256" && digest !== "sha1") return null;
  const cost = Number(iterations);
  const expected = decode(encoded);
  if (cost < 1 || cost > 3_000_000 || expected?.length !== (digest === "sha256" ? 32 : 20)) {
    return null;
  }
  return {
    hashFunction: `pbkdf2_${digest}`,
    cost,
    check: async (password) =>
      timingSafeEqual(await hashFunctions.pbkdf2(digest, password, salt, cost), expected),
  };
}

/** Accepts at most 64 lanes, 256 MiB of memory, and 1 GiB for the memory multiplied by the passes. */
function readArgon2(hash: string): ReadableHash | null {
  const [, phc = "", memory, passes, lanes, salt = "", output = ""] =
    /^argon2(\$argon2(?:id|i|d)\$v=(?:16|19)\$m=(\d{1,6}),t=(\d{1,6}),p=(\d{1,2})\$([\w+/]{11,64})\$([\w+/]+))$/.exec(
      hash,
    ) ?? [];
  const [m, t, p] = [Number(memory), Number(passes), Number(lanes)];
  const isBounded = t >= 1 && p >= 1 && p <= 64 && m >= 8 * p && m <= 2 ** 18 && m * t <= 2 ** 20;
  const length = decode(output)?.length ?? 0;
  if (!isBounded || decode(salt) === null || length < 10 || length > 64) return null;
  return {
    hashFunction: "argon2",
    cost: m * t,
    check: (password) => hashFunctions.argon2(password, phc),
  };
}

/** Accepts at most 2^15 rounds. The last characters of the salt and of the digest have unused bits, which must be 0. */
function readBcrypt(hash: string): ReadableHash | null {
  const [, isDigested, crypt = "", exponent = ""] =
    /^bcrypt(_sha256)?\$(\$2[abxy]\$(\d\d)\$[A-Za-z\d./]{21}[.Oeu][A-Za-z\d./]{30}[.CGKOSWaeimquy26])$/.exec(
      hash,
    ) ?? [];
  if (!(Number(exponent) >= 4 && Number(exponent) <= 15)) return null;
  const digest = (password: string) => createHash("sha256").update(password).digest("hex");
  return {
    hashFunction: "bcrypt",
    cost: 2 ** Number(exponent),
    check: (password) =>
      hashFunctions.bcrypt(isDigested === undefined ? password : digest(password), crypt),
  };
}

/** Accepts at most 1 GiB for the memory of one lane multiplied by the lanes. */
function readScrypt(hash: string): ReadableHash | null {
  const [, work, salt = "", blockSize, lanes, encoded = ""] =
    /^scrypt\$(\d{1,7})\$([^$]+)\$(\d{1,4})\$(\d{1,4})\$([\w+/]+=*)$/.exec(hash) ?? [];
  const [N, r, p] = [Number(work), Number(blockSize), Number(lanes)];
  const cost = N * r * p;
  const expected = decode(encoded);
  // N must be a power of two, greater than 1 and less than 2^(16 * r). @see RFC 7914 2
  const isValid = Number.isInteger(Math.log2(N)) && N > 1 && N < 2 ** (16 * r) && p >= 1;
  if (!isValid || 128 * cost > 2 ** 30 || expected?.length !== 64) return null;
  return {
    hashFunction: "scrypt",
    cost,
    check: async (password) =>
      timingSafeEqual(await hashFunctions.scrypt(password, salt, { N, r, p }), expected),
  };
}

/** Decodes base64 with or without its padding. Returns null if the text is not exactly what an encoder writes. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  const encoded = bytes.toString("base64");
  return text === encoded || text === encoded.replace(/=+$/, "") ? bytes : null;
}

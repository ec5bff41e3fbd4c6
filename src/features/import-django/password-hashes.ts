import { createHash, pbkdf2, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";
import { verifyPhc } from "../../accounts/password-hasher.js";

/** Returns whether a password is right. */
export type PasswordCheck = (password: string) => Promise<boolean>;

const deriveByPbkdf2 = promisify(pbkdf2);

/** Returns the check of a hash, or null if the hash is malformed, or checking it would cost too much. */
type ReadHash = (hash: string) => PasswordCheck | null;

/** Django's formats, by the word before the first `$`. @see django.contrib.auth.hashers */
const FORMATS: ReadonlyMap<string, ReadHash> = new Map([
  ["pbkdf2_sha256", readPbkdf2],
  ["pbkdf2_sha1", readPbkdf2],
  ["argon2", readArgon2],
  ["bcrypt_sha256", readBcrypt],
  ["bcrypt", readBcrypt],
  ["scrypt", readScrypt],
]);

/** Returns the name of a hash's format, such as `pbkdf2_sha256`. */
export function formatOf(hash: string): string {
  return hash.split("$", 1)[0] ?? "";
}

/**
 * Returns the check of a password against a hash of Django. Returns null if Gatehouse cannot check the hash: the format
 * is unknown, the hash is malformed, or the check would take too long.
 */
export function readHash(hash: string): PasswordCheck | null {
  return FORMATS.get(formatOf(hash))?.(hash) ?? null;
}

function readPbkdf2(hash: string): PasswordCheck | null {
  const match = /^pbkdf2_(sha256|sha1)\$(\d{1,7})\$([^$]+)\$([\w+/]+=*)$/.exec(hash);
  if (match === null) return null;
  const [, digest = "", iterations, salt = "", encoded = ""] = match;
  const expected = Buffer.from(encoded, "base64");
  if (expected.length !== (digest === "sha256" ? 32 : 20)) return null;
  return async (password) =>
    isSame(
      await deriveByPbkdf2(password, salt, Number(iterations), expected.length, digest),
      expected,
    );
}

/** At most 256 MiB, and at most 1 GiB over all passes. */
function readArgon2(hash: string): PasswordCheck | null {
  const match = /^argon2(\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(\d+),t=(\d+),p=\d+\$.+)$/.exec(hash);
  if (match === null) return null;
  const [, phc = "", kibibytes, passes] = match;
  const isCheap = Number(kibibytes) <= 2 ** 18 && Number(kibibytes) * Number(passes) <= 2 ** 20;
  return isCheap ? (password) => verifyPhc(phc, password) : null;
}

/** At most 2^16 rounds. */
function readBcrypt(hash: string): PasswordCheck | null {
  const match = /^bcrypt(_sha256)?\$(\$2[abxy]\$(\d\d)\$[\w./]{53})$/.exec(hash);
  if (match === null) return null;
  const [, isDigested, crypt = "", rounds] = match;
  if (Number(rounds) > 16) return null;
  return (password) => {
    const digest = () => createHash("sha256").update(password).digest("hex");
    return verifyBcrypt(isDigested === undefined ? password : digest(), crypt);
  };
}

/** At most 256 MiB. */
function readScrypt(hash: string): PasswordCheck | null {
  const match = /^scrypt\$(\d{1,9})\$([^$]+)\$(\d{1,4})\$(\d{1,2})\$([\w+/]+=*)$/.exec(hash);
  if (match === null) return null;
  const [, work, salt = "", blockSize, lanes, encoded = ""] = match;
  const [N, r, p] = [Number(work), Number(blockSize), Number(lanes)];
  const memory = 128 * r * (N + p);
  const expected = Buffer.from(encoded, "base64");
  if (memory > 2 ** 28 || expected.length !== 64) return null;
  return (password) =>
    new Promise((resolve, reject) => {
      scrypt(password, salt, expected.length, { N, r, p, maxmem: 2 * memory }, (error, key) => {
        if (error === null) resolve(isSame(key, expected));
        else reject(error);
      });
    });
}

function isSame(key: Buffer, expected: Buffer): boolean {
  return key.length === expected.length && timingSafeEqual(key, expected);
}

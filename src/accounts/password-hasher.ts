import { type Algorithm, hash, verify } from "@node-rs/argon2";
import { E_TIMEOUT, Semaphore, withTimeout } from "async-mutex";
import { BadUserInput, ServiceUnavailable } from "../errors.js";
import { PASSWORD_MAX_LENGTH } from "./password-policy.js";

const MAX_BYTES = 1024;

/** OWASP's recommended parameters for Argon2id: 19 MiB, two passes, one lane. */
const ARGON2ID = {
  algorithm: 2 satisfies Algorithm.Argon2id,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: 32,
};

const { memoryCost, timeCost, parallelism } = ARGON2ID;
const CURRENT_PARAMETERS = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;

/**
 * The hash of a random password. An unknown user has no hash, so this one is checked instead. Otherwise a fast response
 * would reveal that the user is unknown.
 */
const DUMMY_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$FrQly2WSvaaAg144u1b2hg$cay0//U08W6VWfRWh04OqzWeXtm0eMuoC4iQ4otwoak";

/** Verifies the hashes that another system made. A login replaces such a hash with Argon2id. */
export interface ForeignHashes {
  /**
   * Returns whether `passwordHash` is the hash of `password`. A malformed hash matches no password.
   * @param passwordHash null to take as long as for a stored hash, and return false
   */
  verify(passwordHash: string | null, password: string): Promise<boolean>;
}

/** How many passwords may wait to be hashed. */
const MAX_WAITING = 64;
/** How long a password may wait to be hashed, in milliseconds. */
const MAX_WAIT = 2000;
/** Seconds after which a refused client should retry. */
const RETRY_AFTER = 2;

/**
 * Hashes and verifies passwords with Argon2id. Passwords are normalised to NFC, and never trimmed.
 *
 * Hashing uses the threads of libuv, which the database driver needs too. So only a few calls run at a time.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
export class PasswordHasher {
  readonly #slots;
  #waiting = 0;
  #foreign: ForeignHashes | undefined;

  /** @param concurrency how many passwords are hashed at the same time */
  constructor(concurrency: number) {
    this.#slots = withTimeout(new Semaphore(concurrency), MAX_WAIT);
  }

  acceptForeign(hashes: ForeignHashes): void {
    this.#foreign = hashes;
  }

  /**
   * Returns the hash to store, as a PHC string.
   * @throws {@link BadUserInput} when the password is malformed or too long
   * @throws {@link ServiceUnavailable} when too many passwords wait to be hashed
   */
  async hash(password: string): Promise<string> {
    requireHashable(password);
    return this.#withSlot(() => hash(password.normalize("NFC"), ARGON2ID));
  }

  /**
   * Returns whether `passwordHash` is the hash of `password`. A wrong password takes the same time for an Argon2id hash,
   * a foreign hash, a malformed hash and no hash.
   * @throws {@link BadUserInput} when the password is malformed or too long
   * @throws {@link ServiceUnavailable} when too many passwords wait to be hashed
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    requireHashable(password);
    return this.#withSlot(async () => {
      const isForeign = passwordHash !== null && !passwordHash.startsWith("$");
      const [own, foreign] = isForeign ? [null, passwordHash] : [passwordHash, null];
      const checks = [
        () => verifyArgon2(own, password),
        async () => (await this.#foreign?.verify(foreign, password)) ?? false,
      ];
      // The check of the stored hash comes first, so only a wrong password pays for both.
      for (const isRight of isForeign ? checks.reverse() : checks) {
        if (await isRight()) return true;
      }
      return false;
    });
  }

  needsRehash(passwordHash: string): boolean {
    return !passwordHash.startsWith(CURRENT_PARAMETERS);
  }

  async #withSlot<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= MAX_WAITING) throw new ServiceUnavailable(RETRY_AFTER);
    this.#waiting += 1;
    let release;
    try {
      [, release] = await this.#slots.acquire();
    } catch (error) {
      throw error === E_TIMEOUT ? new ServiceUnavailable(RETRY_AFTER) : error;
    } finally {
      this.#waiting -= 1;
    }
    try {
      return await work();
    } finally {
      release();
    }
  }
}

/**
 * Returns whether `hash` is the Argon2 hash of exactly this password.
 * @param hash a PHC string
 * @throws Error when the hash is malformed
 */
export function verifyPhc(hash: string, password: string): Promise<boolean> {
  return verify(hash, password);
}

/** A missing or malformed hash takes as long as a real one. */
async function verifyArgon2(passwordHash: string | null, password: string): Promise<boolean> {
  const normalized = password.normalize("NFC");
  try {
    const isRight = await verify(passwordHash ?? DUMMY_HASH, normalized);
    return passwordHash !== null && isRight;
  } catch {
    await verify(DUMMY_HASH, normalized);
    return false;
  }
}

/** @throws {@link BadUserInput} when the password is not text, is empty, is too long, or is not well-formed */
export function requireHashable(password: unknown): void {
  if (typeof password !== "string") throw new BadUserInput("password must be text.");
  if (password === "") throw new BadUserInput("password must not be empty.");
  if (isTooLong(password)) {
    throw new BadUserInput(`password must have at most ${PASSWORD_MAX_LENGTH} characters.`);
  }
  if (!password.isWellFormed()) throw new BadUserInput("password must be well-formed text.");
}

/** Returns whether a password has more than {@link PASSWORD_MAX_LENGTH} characters or 1,024 bytes. */
export function isTooLong(password: string): boolean {
  const mayBeShort =
    password.length <= 2 * PASSWORD_MAX_LENGTH && Buffer.byteLength(password) <= MAX_BYTES;
  return !mayBeShort || Array.from(password).length > PASSWORD_MAX_LENGTH;
}

import { type Algorithm, hash, verify } from "@node-rs/argon2";
import { Semaphore, withTimeout } from "async-mutex";
import { BadUserInput, ServiceUnavailable } from "../errors.js";
import { Spans } from "../spans.js";
import { PASSWORD_MAX_LENGTH } from "./password-policy.js";

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
 * The hash of a random password. It is checked when there is no Argon2 hash to check, for example for an unknown user.
 * Otherwise a fast response would reveal that the user is unknown.
 */
const DUMMY_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$FrQly2WSvaaAg144u1b2hg$cay0//U08W6VWfRWh04OqzWeXtm0eMuoC4iQ4otwoak";

/** Verifies passwords with hashes from another system. A login replaces such a hash with an Argon2id hash. */
export interface ForeignHashes {
  /**
   * Returns whether `passwordHash` is the hash of `password`. A malformed hash matches no password.
   * @param passwordHash null if the stored hash is not foreign. The check must then return false, and take as long as
   * for a foreign hash
   */
  verify(passwordHash: string | null, password: string): Promise<boolean>;
}

/** How many passwords may wait to be hashed or verified. Further passwords are refused at once. */
const MAX_WAITING = 64;
/** How long a password may wait, in milliseconds. */
const MAX_WAIT = 2000;
/** The number of seconds after which a refused client should retry. */
const RETRY_AFTER = 2;

/**
 * Hashes and verifies passwords with Argon2id. Passwords are normalised to NFC, and never trimmed. Only a few calls run
 * at a time, because the database driver needs some of libuv's threads.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
export class PasswordHasher {
  readonly #slots;
  readonly #spans: Spans;
  #waiting = 0;
  #running = 0;
  #finished = 0;
  #refused = 0;
  /** The sum of all waits, in milliseconds. */
  #waited = 0;
  #foreign: ForeignHashes | undefined;

  /** @param concurrency how many passwords may be hashed or verified at the same time */
  constructor(concurrency: number, spans = new Spans()) {
    this.#spans = spans;
    this.#slots = withTimeout(new Semaphore(concurrency), MAX_WAIT);
  }

  /**
   * `waiting` and `running` are the current numbers of passwords. The other values are totals since the start. `waited`
   * is the sum of all waits, in seconds.
   */
  get load(): Readonly<Record<"waiting" | "running" | "finished" | "refused" | "waited", number>> {
    return {
      waiting: this.#waiting,
      running: this.#running,
      finished: this.#finished,
      refused: this.#refused,
      waited: this.#waited / 1000,
    };
  }

  acceptForeign(hashes: ForeignHashes): void {
    this.#foreign = hashes;
  }

  /**
   * Returns the hash to store, as a PHC string.
   * @throws {@link BadUserInput} when the password is empty, too long or malformed
   * @throws {@link ServiceUnavailable} when too many passwords are waiting, or the wait is too long
   */
  async hash(password: string): Promise<string> {
    requireHashable(password);
    return this.#spans.run("hash password", () =>
      this.#withSlot(() => hash(password.normalize("NFC"), ARGON2ID)),
    );
  }

  /**
   * Returns whether `passwordHash` is the hash of `password`. A wrong password takes the same time whether the hash is
   * from Argon2id, foreign, malformed or missing.
   * @throws {@link BadUserInput} when the password is empty, too long or malformed
   * @throws {@link ServiceUnavailable} when too many passwords are waiting, or the wait is too long
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    requireHashable(password);
    return this.#spans.run("verify password", () =>
      this.#withSlot(() => this.#verify(passwordHash, password)),
    );
  }

  async #verify(passwordHash: string | null, password: string): Promise<boolean> {
    const isForeign = passwordHash !== null && !passwordHash.startsWith("$");
    const [own, foreign] = isForeign ? [null, passwordHash] : [passwordHash, null];
    const checks = [
      () => verifyArgon2(own, password),
      async () => (await this.#foreign?.verify(foreign, password)) ?? false,
    ];
    // First run the check that fits the stored hash, so that a right password needs only one check.
    for (const isRight of isForeign ? checks.reverse() : checks) {
      if (await isRight()) return true;
    }
    return false;
  }

  needsRehash(passwordHash: string): boolean {
    return !passwordHash.startsWith(CURRENT_PARAMETERS);
  }

  async #withSlot<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= MAX_WAITING) throw this.#refuse();
    this.#waiting += 1;
    const start = performance.now();
    let release;
    try {
      [, release] = await this.#slots.acquire();
    } catch {
      throw this.#refuse();
    } finally {
      this.#waiting -= 1;
      this.#waited += performance.now() - start;
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#finished += 1;
      release();
    }
  }

  #refuse(): ServiceUnavailable {
    this.#refused += 1;
    return new ServiceUnavailable(RETRY_AFTER);
  }
}

/**
 * Returns whether `hash` is the Argon2 hash of `password`. Does not normalise the password.
 * @param hash a PHC string
 * @throws Error when the hash is malformed
 */
export function verifyPhc(hash: string, password: string): Promise<boolean> {
  return verify(hash, password);
}

/** Returns whether the password is right. Takes the same time for a missing or malformed hash as for a real hash. */
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

/** Returns whether a password has more than {@link PASSWORD_MAX_LENGTH} code points. */
export function isTooLong(password: string): boolean {
  // First compare `length`, because counting the code points of a long text takes time.
  return (
    password.length > 2 * PASSWORD_MAX_LENGTH || Array.from(password).length > PASSWORD_MAX_LENGTH
  );
}

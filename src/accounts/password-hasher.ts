import { type Algorithm, hash, verify } from "@node-rs/argon2";
import { E_TIMEOUT, Semaphore, withTimeout } from "async-mutex";
import { BadUserInput, ServiceUnavailable } from "../errors.js";

/** Passwords up to here are hashed; beyond, they are refused unread. */
const MAX_CODE_POINTS = 256;
const MAX_BYTES = 1024;

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const ARGON2ID = {
  algorithm: 2 satisfies Algorithm.Argon2id,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: 32,
};

const { memoryCost, timeCost, parallelism } = ARGON2ID;
const CURRENT_PARAMETERS = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;

/** The hash of a password that nobody knows, checked in place of the one an unknown user does not have. */
const DUMMY_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$FrQly2WSvaaAg144u1b2hg$cay0//U08W6VWfRWh04OqzWeXtm0eMuoC4iQ4otwoak";

/** How many may wait for their turn, and for how long, in milliseconds. */
const MAX_WAITING = 64;
const MAX_WAIT = 2000;
/** When somebody who was turned away should come back, in seconds. */
const RETRY_AFTER = 2;

/**
 * Argon2id over the NFC form of the password, off the event loop, a few at a time: the database's threads are the same.
 * Passwords are never trimmed.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
export class PasswordHasher {
  readonly #turns;
  #waiting = 0;

  /** @param concurrency how many are hashed at once */
  constructor(concurrency: number) {
    this.#turns = withTimeout(new Semaphore(concurrency), MAX_WAIT);
  }

  /**
   * The PHC string to store for a password.
   * @throws {@link BadUserInput}; {@link ServiceUnavailable} when too many wait
   */
  async hash(password: string): Promise<string> {
    requireHashable(password);
    return this.#inTurn(() => hash(password.normalize("NFC"), ARGON2ID));
  }

  /**
   * Whether `password` is the one behind `passwordHash`. Costs the same when there is no hash, or one that is not readable.
   * @throws {@link BadUserInput} when the password is empty or too long to be anyone's; {@link ServiceUnavailable} when
   * too many wait
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    requireHashable(password);
    const normalized = password.normalize("NFC");
    return this.#inTurn(async () => {
      try {
        const isRight = await verify(passwordHash ?? DUMMY_HASH, normalized);
        return passwordHash !== null && isRight;
      } catch {
        await verify(DUMMY_HASH, normalized);
        return false;
      }
    });
  }

  /** Whether the hash was made with other parameters than today's. */
  needsRehash(passwordHash: string): boolean {
    return !passwordHash.startsWith(CURRENT_PARAMETERS);
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= MAX_WAITING) throw new ServiceUnavailable(RETRY_AFTER);
    this.#waiting += 1;
    let release;
    try {
      [, release] = await this.#turns.acquire();
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
 * Lets pass a password that can be hashed whole.
 * @throws {@link BadUserInput} when it is empty, too long, or not well-formed text
 */
export function requireHashable(password: string): void {
  if (password === "") throw new BadUserInput("password must not be empty.");
  const isShort =
    password.length <= 2 * MAX_CODE_POINTS && Buffer.byteLength(password) <= MAX_BYTES;
  if (!isShort || Array.from(password).length > MAX_CODE_POINTS) {
    throw new BadUserInput(`password must have at most ${MAX_CODE_POINTS} characters.`);
  }
  if (!password.isWellFormed()) throw new BadUserInput("password must be well-formed text.");
}

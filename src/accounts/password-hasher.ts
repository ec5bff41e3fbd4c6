import { type Algorithm, hash, verify } from "@node-rs/argon2";
import { BadUserInput } from "../errors.js";

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

/**
 * Argon2id over the NFC form of the password, off the event loop. Passwords are never trimmed.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
export class PasswordHasher {
  readonly #minLength: number;

  constructor(minLength: number) {
    this.#minLength = minLength;
  }

  /**
   * Checks a password that somebody wants to set.
   * @throws {@link BadUserInput} when it is too short or too long.
   */
  requireNewPassword(password: string): void {
    requireHashable(password);
    if (Array.from(password).length < this.#minLength) {
      throw new BadUserInput(`password must have at least ${this.#minLength} characters.`);
    }
  }

  /** The PHC string to store for a password. */
  async hash(password: string): Promise<string> {
    requireHashable(password);
    return hash(password.normalize("NFC"), ARGON2ID);
  }

  /**
   * Whether `password` is the one behind `passwordHash`. Costs the same when there is no hash, or one that is not readable.
   * @throws {@link BadUserInput} when the password is empty or too long to be anyone's.
   */
  async verify(passwordHash: string | null, password: string): Promise<boolean> {
    requireHashable(password);
    const normalized = password.normalize("NFC");
    try {
      const isRight = await verify(passwordHash ?? DUMMY_HASH, normalized);
      return passwordHash !== null && isRight;
    } catch {
      await verify(DUMMY_HASH, normalized);
      return false;
    }
  }

  /** Whether the hash was made with other parameters than today's. */
  needsRehash(passwordHash: string): boolean {
    return !passwordHash.startsWith(CURRENT_PARAMETERS);
  }
}

function requireHashable(password: string): void {
  if (password === "") throw new BadUserInput("password must not be empty.");
  const isShort =
    password.length <= 2 * MAX_CODE_POINTS && Buffer.byteLength(password) <= MAX_BYTES;
  if (!isShort || Array.from(password).length > MAX_CODE_POINTS) {
    throw new BadUserInput(`password must have at most ${MAX_CODE_POINTS} characters.`);
  }
  if (!password.isWellFormed()) throw new BadUserInput("password must be well-formed text.");
}

import { hashFunctions } from "./hash-functions.js";

/** The most memory that one Argon2 hash uses here, in KiB. */
const ARGON2_MAX_MEMORY = 2 ** 18;
/** Django's default parameters. */
const ARGON2_PASSES = 2;
const SCRYPT_N = 2 ** 14;
const SCRYPT_R = 8;
/** The smallest parameters that the libraries accept. */
const ARGON2_MIN_MEMORY = 8;
const BCRYPT_MIN_EXPONENT = 4;
const SCRYPT_MIN_EXPONENT = 1;

type Work = (password: string, cost: number) => Promise<void>;

/** For each hash function, a function that hashes at a given cost. Nothing uses the hash. */
const WORK = {
  /** The cost is the number of iterations. */
  pbkdf2_sha256: async (password, cost) => {
    if (cost > 0) await hashFunctions.pbkdf2("sha256", password, "salt", cost);
  },
  /** The cost is the number of iterations. */
  pbkdf2_sha1: async (password, cost) => {
    if (cost > 0) await hashFunctions.pbkdf2("sha1", password, "salt", cost);
  },

  /** The cost is the memory in KiB, multiplied by the number of passes. */
  argon2: async (password, cost) => {
    const passes = Math.max(ARGON2_PASSES, Math.ceil(cost / ARGON2_MAX_MEMORY));
    const memory = Math.floor(cost / passes);
    if (memory >= ARGON2_MIN_MEMORY) await hashFunctions.argon2(password, phcOf(memory, passes));
  },

  /** The cost is the number of rounds. A hash always has 2^n rounds, so other numbers need several hashes. */
  bcrypt: async (password, cost) => {
    for (const exponent of exponentsOf(cost)) {
      if (exponent < BCRYPT_MIN_EXPONENT) continue;
      await hashFunctions.bcrypt(password, cryptOf(exponent));
    }
  },

  /** The cost is N * r * p. N must be a power of two. So if the first hash costs too little, smaller hashes follow. */
  scrypt: async (password, cost) => {
    const r = SCRYPT_R;
    const p = Math.floor(cost / (SCRYPT_N * r));
    if (p > 0) await hashFunctions.scrypt(password, "salt", { N: SCRYPT_N, r, p });
    const rest = (cost % (SCRYPT_N * r)) / r;
    for (const exponent of exponentsOf(rest)) {
      if (exponent < SCRYPT_MIN_EXPONENT) continue;
      await hashFunctions.scrypt(password, "salt", { N: 2 ** exponent, r, p: 1 });
    }
  },
} satisfies Record<string, Work>;

/** A hash function. Django's formats `bcrypt` and `bcrypt_sha256` have the same hash function. */
export type HashFunction = keyof typeof WORK;

/**
 * Spends the time that the check of a hash with this cost takes. Does nothing if the cost is 0 or
 * negative. A negative cost is a large one in the arithmetic of {@link exponentsOf}.
 */
export async function spend(
  hashFunction: HashFunction,
  password: string,
  cost: number,
): Promise<void> {
  await WORK[hashFunction](password, Math.max(0, cost));
}

function phcOf(memory: number, passes: number): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${"A".repeat(22)}$${"A".repeat(22)}`;
}

function cryptOf(exponent: number): string {
  return `$2b$${exponent.toString().padStart(2, "0")}$${".".repeat(53)}`;
}

/** Returns the exponents of the powers of two that add up to a number: [2, 3] for 12, which is 4 + 8. */
function exponentsOf(sum: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (sum >>> bit) & 1);
}

import { z } from "zod";

/** The smallest length of a secret, in bytes. */
const MIN_LENGTH = 32;
/** The smallest number of different characters in a secret. */
const MIN_CHARACTERS = 8;

const SECRET = z.string().refine((value) => isLong(value) && !hasFewCharacters(value));

/** Accepts one secret, or a list of the current secret and then the previous secrets. Returns a list. */
export const SECRET_KEYS: z.ZodType<readonly string[], string | readonly string[]> = z
  .union([SECRET, z.array(SECRET).min(1)])
  .transform((value) => [value].flat());

/**
 * Returns whether a secret has too few different characters, such as `abababab…`.
 * @param value one secret, or a list of secrets. If one of them is too short, the result is false
 */
export function isRepetitive(value: unknown): boolean {
  const secrets: unknown[] = [value].flat();
  return secrets.every(isLong) && secrets.some(hasFewCharacters);
}

function isLong(value: unknown): value is string {
  return typeof value === "string" && Buffer.byteLength(value) >= MIN_LENGTH;
}

function hasFewCharacters(value: string): boolean {
  return new Set(value).size < MIN_CHARACTERS;
}

/** Matches secrets that people make up, such as `change-me` or `my secret phrase`. */
const EXAMPLES = /secret|passw|change.?me|example|default|insecure|your|test|1234|abcd|qwer|\s/i;

/** The smallest entropy of a secret, in bits. It is estimated from how often each character occurs. */
const MIN_ENTROPY = 100;

/**
 * Returns whether a person may have made up the secret, such as `this is our secret key for the server`.
 * @param value at least 32 bytes
 */
export function isGuessable(value: string): boolean {
  const characters = Array.from(value);
  const counts = new Map<string, number>();
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1);
  const entropy = [...counts.values()].reduce(
    (bits, times) => bits - times * Math.log2(times / characters.length),
    0,
  );
  return EXAMPLES.test(value) || entropy < MIN_ENTROPY || /^(.{1,20})\1+$/s.test(value);
}

import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";
import { type PasswordProblem, PasswordTooWeak } from "./errors.js";
import { isTooLong, requireHashable } from "./password-hasher.js";
import { PASSWORD_MAX_LENGTH } from "./password-policy.js";

/** Words that an attacker of this server would try first. */
const PRODUCT_WORDS = ["gatehouse", "graphql", "apollo"];

/**
 * The decimal logarithm of the number of guesses that a password must withstand. Eight random characters are just
 * enough.
 */
const MIN_GUESSES = 7.9;
/** How many characters to check. More would be slow, and further characters cannot make a password weaker. */
const MAX_CHECKED = 64;

/** Recognises, for example, common passwords, keyboard patterns, dates, repetitions, and digits in place of letters. */
const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MAX_CHECKED });

/** The length of the shortest word to look for. Shorter words occur in many passwords by chance. */
const MIN_WORD = 3;

export interface Owner {
  readonly username: string;
  readonly email: string | null;
}

/**
 * Requires that a new password is hard to guess. The password need not mix letters, digits and symbols.
 * @param owner the user, whose name and address count as easy to guess
 * @param minLength in code points
 * @throws {@link PasswordTooWeak} that lists the problems
 * @throws {@link BadUserInput} when the password is empty, or is not well-formed text
 * @see NIST SP 800-63B 3.1.1.2
 */
export function requireNewPassword(password: string, owner: Owner, minLength: number): void {
  if (typeof password === "string" && isTooLong(password)) {
    throw new PasswordTooWeak(`password must have at most ${PASSWORD_MAX_LENGTH} characters.`, [
      "too_long",
    ]);
  }
  requireHashable(password);
  const isShort = Array.from(password).length < minLength;
  const guessable = findGuessable(password, owner);
  if (!isShort && guessable.length === 0) return;
  throw new PasswordTooWeak(
    isShort
      ? `password must have at least ${minLength} characters.`
      : "password is too easy to guess. Several unrelated words make a good one.",
    [...(isShort ? (["too_short"] as const) : []), ...guessable],
  );
}

function findGuessable(password: string, { username, email }: Owner): PasswordProblem[] {
  const addressWords = email === null ? [] : [email, ...email.split("@")];
  const words = [...PRODUCT_WORDS, username, ...addressWords];
  const { guessesLog10 } = zxcvbn.check(withoutWords(password, words), words);
  if (guessesLog10 >= MIN_GUESSES) return [];
  const problems = [
    ...(containsAny(password, [username]) ? (["contains_username"] as const) : []),
    ...(containsAny(password, addressWords) ? (["contains_email"] as const) : []),
  ];
  return problems.length > 0 ? problems : ["too_common"];
}

function containsAny(password: string, words: readonly string[]): boolean {
  return withoutWords(password, words) !== password;
}

/**
 * Removes the words from a password, because an attacker who knows the words must guess only the rest. Does not remove
 * words shorter than {@link MIN_WORD}.
 */
function withoutWords(password: string, words: readonly string[]): string {
  const known = words
    .filter(({ length }) => length >= MIN_WORD)
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return known.length === 0 ? password : password.replace(new RegExp(known.join("|"), "gi"), "");
}

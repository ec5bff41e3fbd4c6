import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";
import { BadUserInput } from "../errors.js";
import { requireHashable } from "./password-hasher.js";

/** Words that an attacker of this very server tries. */
const PRODUCT_WORDS = ["gatehouse", "graphql", "apollo"];

/** In powers of ten: how many guesses a password is to withstand. Eight characters made by chance just do. */
const MIN_GUESSES = 7.9;
/** In characters. What follows cannot make a password weaker, and takes long to look at. */
const MAX_LOOK = 64;

/** Knows some 49,000 common passwords, keyboard patterns, dates, sequences, repetitions, and letters written as digits. */
const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MAX_LOOK });

/** In characters: a shorter name is in many passwords by chance. */
const MIN_WORD = 3;

/** Whose password it is to be. */
export interface Owner {
  readonly username: string;
  readonly email: string | null;
}

/**
 * Checks a password that somebody wants to set. There are no rules of composition.
 * @param minLength in code points
 * @throws {@link BadUserInput} when it is too short, too long, or too easy to guess for one who knows its owner
 * @see NIST SP 800-63B 3.1.1.2
 */
export function requireNewPassword(password: string, owner: Owner, minLength: number): void {
  requireHashable(password);
  if (Array.from(password).length < minLength) {
    throw new BadUserInput(`password must have at least ${minLength} characters.`);
  }
  const { username, email } = owner;
  const words = [
    ...PRODUCT_WORDS,
    username,
    ...(email === null ? [] : [email, ...email.split("@")]),
  ];
  const { guessesLog10 } = zxcvbn.check(withoutWords(password, words).slice(0, MAX_LOOK), words);
  if (guessesLog10 < MIN_GUESSES) {
    throw new BadUserInput(
      "password is too easy to guess. Several unrelated words make a good one.",
    );
  }
}

/** What is left of a password for one who tries these words in any number and place. */
function withoutWords(password: string, words: readonly string[]): string {
  const known = words
    .filter(({ length }) => length >= MIN_WORD)
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return password.replace(new RegExp(known.join("|"), "gi"), "");
}

import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";
import { BadUserInput } from "../errors.js";
import { requireHashable } from "./password-hasher.js";

/** Words that an attacker would try first on this server. */
const PRODUCT_WORDS = ["gatehouse", "graphql", "apollo"];

/** A password must withstand 10 ** 7.9 guesses. Eight random characters are just enough. */
const MIN_GUESSES = 7.9;
/** Checks only the first 64 characters, because the check is slow for longer passwords. */
const MAX_CHECKED = 64;

/** Recognises common passwords, keyboard patterns, dates, sequences and repetitions. */
const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MAX_CHECKED });

/** The shortest word to look for, in characters. Shorter words occur in many passwords by chance. */
const MIN_WORD = 3;

export interface Owner {
  readonly username: string;
  readonly email: string | null;
}

/**
 * Requires that a new password is hard to guess. It need not mix kinds of characters.
 * @param owner the user. Their user name and e-mail address count as easy to guess
 * @param minLength in code points
 * @throws {@link BadUserInput} when the password is malformed, too short, too long or too easy to guess
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
  const { guessesLog10 } = zxcvbn.check(withoutWords(password, words).slice(0, MAX_CHECKED), words);
  if (guessesLog10 < MIN_GUESSES) {
    throw new BadUserInput(
      "password is too easy to guess. Several unrelated words make a good one.",
    );
  }
}

/** Removes easy words from a password, such as the user name. An attacker tries these words first. Ignores case. */
function withoutWords(password: string, words: readonly string[]): string {
  const known = words
    .filter(({ length }) => length >= MIN_WORD)
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return password.replace(new RegExp(known.join("|"), "gi"), "");
}

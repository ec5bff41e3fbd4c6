import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";
import { BadUserInput } from "../errors.js";
import { requireHashable } from "./password-hasher.js";

/** Words that an attacker of this very server tries. */
const PRODUCT_WORDS = ["gatehouse", "graphql", "apollo"];

/** Of zxcvbn's 0 to 4: from here on, more than 10^6 guesses, of which an attacker has a hundred. */
const MIN_SCORE = 2;
/** In characters. What follows cannot make a password weaker, and takes long to look at. */
const MAX_LOOK = 64;

/** Knows some 49,000 common passwords, keyboard patterns, dates, sequences, repetitions, and letters written as digits. */
const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MAX_LOOK });

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
  const words = [...PRODUCT_WORDS, owner.username, ...(owner.email?.split("@") ?? [])];
  const { score } = zxcvbn.check(password.slice(0, MAX_LOOK), words);
  if (score < MIN_SCORE) {
    throw new BadUserInput(
      "password is too easy to guess. Several unrelated words make a good one.",
    );
  }
}

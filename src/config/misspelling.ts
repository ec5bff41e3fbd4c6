/**
 * The part in which a typed name differs from a real name. For the typed name `PUBLC_URL` and the real name
 * `PUBLIC_URL`, `typed` is empty and `real` is `I`. `previous` is the letter before the part: `L`.
 */
interface Slip {
  readonly typed: string;
  readonly real: string;
  readonly previous: string;
}

/** A name with fewer characters is short. Short names often resemble other words: `HOST` resembles `POST`. */
export const SHORT = 6;

/** Returns the name that differs from `typed` in at most one letter or in two swapped letters, ignoring case. */
export function findMeant(typed: string, names: readonly string[]): string | undefined {
  return names.find((name) => isSlip(difference(typed.toLowerCase(), name.toLowerCase())));
}

/**
 * Returns the variable that the user probably meant: `PUBLIC_URL` for `PUBLC_URL`. A short name such as `HOST` matches
 * only swapped letters (`HSOT`), a doubled letter (`HOOST`) or a missing vowel (`HST`). Any other text, such as `POST`,
 * may be the variable of another program.
 */
export function findMeantVariable(typed: string, names: readonly string[]): string | undefined {
  if (names.includes(typed)) return undefined;
  return names.find((name) => {
    const slip = difference(typed, name);
    return isSlip(slip) && (name.length >= SHORT || makesNoWord(slip));
  });
}

function isSlip({ typed, real }: Slip): boolean {
  const isSwapped = real.length === 2 && typed === `${real.charAt(1)}${real.charAt(0)}`;
  return isSwapped || Math.max(typed.length, real.length) <= 1;
}

function makesNoWord({ typed, real, previous }: Slip): boolean {
  if (real === "") return typed === previous;
  return typed === "" ? /[aeiou]/i.test(real) : typed.length === 2;
}

function difference(typed: string, real: string): Slip {
  const shorter = Math.min(typed.length, real.length);
  let start = 0;
  while (start < shorter && typed[start] === real[start]) start += 1;
  let end = 0;
  while (end < shorter - start && typed.at(-1 - end) === real.at(-1 - end)) end += 1;
  return {
    typed: typed.slice(start, typed.length - end),
    real: real.slice(start, real.length - end),
    previous: typed.charAt(start - 1),
  };
}

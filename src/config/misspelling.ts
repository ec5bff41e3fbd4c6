/** The place at which two names differ. */
interface Slip {
  /** The typed name's letters at this place. Empty if the typed name only lacks letters, or the names are equal. */
  readonly typed: string;
  /** The real name's letters at this place. Empty if the typed name only has extra letters, or the names are equal. */
  readonly real: string;
  /** The letters of the typed name directly before and after this place. */
  readonly neighbours: string;
}

/** Names shorter than this are close to ordinary words: HOST, for example, is close to POST, COST and GHOST. */
export const SHORT = 6;

/**
 * Returns the first name that differs from `typed` by at most one slip: one letter missing, added or wrong, or two
 * letters swapped. Ignores case.
 * @param names the real names. If `typed` is one of them, the result is undefined.
 */
export function findMeant(typed: string, names: Iterable<string>): string | undefined {
  const real = [...names];
  if (real.includes(typed)) return undefined;
  return real.find((name) => isSlip(difference(typed.toLowerCase(), name.toLowerCase())));
}

/**
 * Returns the first variable that differs from `typed` by one slip. The environment also holds the variables of other
 * programs. A short name therefore counts as misspelt only if the slip is unlikely to make another word: two letters
 * swapped, a letter doubled, or a vowel missing.
 */
export function findMeantVariable(typed: string, names: Iterable<string>): string | undefined {
  const real = [...names];
  if (real.includes(typed)) return undefined;
  return real.find((name) => {
    const slip = difference(typed, name);
    return isSlip(slip) && (name.length >= SHORT || makesNoWord(slip));
  });
}

function isSlip({ typed, real }: Slip): boolean {
  const isSwapped = typed.length === 2 && typed === `${real.charAt(1)}${real.charAt(0)}`;
  return isSwapped || Math.max(typed.length, real.length) <= 1;
}

function makesNoWord({ typed, real, neighbours }: Slip): boolean {
  if (real === "") return neighbours.includes(typed);
  return typed === "" ? /[aeiou]/i.test(real) : typed.length === 2;
}

function difference(typed: string, real: string): Slip {
  const shorter = Math.min(typed.length, real.length);
  let start = 0;
  while (start < shorter && typed[start] === real[start]) start += 1;
  let end = 0;
  while (end < shorter - start && typed.at(-1 - end) === real.at(-1 - end)) end += 1;
  const stop = typed.length - end;
  return {
    typed: typed.slice(start, stop),
    real: real.slice(start, real.length - end),
    neighbours: typed.slice(Math.max(0, start - 1), start) + typed.slice(stop, stop + 1),
  };
}

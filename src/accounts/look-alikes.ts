import unhomoglyph from "unhomoglyph";
import mappings from "unicode-match-property-value-ecmascript/data/mappings.js";
import { BadUserInput } from "../errors.js";
import { foldCase } from "./identifiers.js";

/**
 * The scripts that one name may mix: the scripts of Japanese, Chinese or Korean, with Latin.
 * @see UTS 39 5.2, "highly restrictive"
 */
const MIXTURES = [
  ["Latin", "Han", "Hiragana", "Katakana"],
  ["Latin", "Han", "Bopomofo"],
  ["Latin", "Han", "Hangul"],
];

/** The allowed sets of scripts. The mixtures come first, because most names match one of them. */
const ALLOWED = [
  ...MIXTURES,
  ...[...new Set(mappings.get("Script_Extensions")?.values())].map((script) => [script]),
];

/** The compiled patterns. Each one is compiled on first use, because that takes about a millisecond. */
const patterns = new Map<readonly string[], RegExp>();

/**
 * Requires that all letters of a name belong to one script, or to one of the {@link MIXTURES}.
 * @param canonical the canonical form of a user name
 * @throws {@link BadUserInput}
 * @see UTS 39 5.1
 */
export function requireOneScript(canonical: string): void {
  if (ALLOWED.some((scripts) => patternOf(scripts).test(canonical))) return;
  throw new BadUserInput("username must use the letters of one script.");
}

function patternOf(scripts: readonly string[]): RegExp {
  let pattern = patterns.get(scripts);
  if (pattern === undefined) {
    pattern = compile([...scripts, "Common", "Inherited"]);
    patterns.set(scripts, pattern);
  }
  return pattern;
}

function compile(scripts: readonly string[]): RegExp {
  try {
    const letters = scripts.map((script) => `\\p{Script_Extensions=${script}}`).join("");
    return new RegExp(`^[${letters}]+$`, "u");
  } catch {
    // This version of Node does not know the script, so match no name.
    return /^(?!)/;
  }
}

/**
 * Matches combining marks of no script, which are hard to see. In NFC text, the accent on a q matches. The accent on an
 * e does not, because NFC makes é one character.
 */
const LOOSE_MARK = /(?=\p{Script=Inherited})\p{M}/gu;

/**
 * The skeletons of a user name. In a skeleton, one character stands for all characters that look like it. Two names
 * that look alike have a skeleton in common.
 */
export interface Skeletons {
  /** The skeleton of the name in lower case. */
  readonly folded: string;
  /**
   * The skeleton of the name as it was entered. Null if it equals `folded`. For example, a capital I looks like a small
   * L. So for `Ian`, `folded` is `ian`, and `shown` is `lan` with a small L.
   */
  readonly shown: string | null;
}

/** @see UTS 39 4 */
export function skeletonsOf(username: string): Skeletons {
  const entered = username.normalize("NFKC");
  const folded = skeletonOf(foldCase(entered));
  const shown = skeletonOf(entered);
  return { folded, shown: shown === folded ? null : shown };
}

function skeletonOf(text: string): string {
  const letters = text.normalize("NFC").replace(LOOSE_MARK, "");
  // The table maps `0` to `O`, so fold the case afterwards, to make it equal to `o`. Then map the new letters, too.
  return replaceLookAlikes(foldCase(replaceLookAlikes(letters)));
}

function replaceLookAlikes(text: string): string {
  // U+04CF, the small Cyrillic palochka, looks like an l. UTS 39 maps only the capital palochka to l.
  const letters = text.normalize("NFD").replaceAll("\u04cf", "l");
  return unhomoglyph(letters).normalize("NFD");
}

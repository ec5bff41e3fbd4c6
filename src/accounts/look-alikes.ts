import unhomoglyph from "unhomoglyph";
import mappings from "unicode-match-property-value-ecmascript/data/mappings.js";
import { BadUserInput } from "../errors.js";
import { foldCase } from "./identifiers.js";

/**
 * The scripts that may be mixed in one name: those of Japanese, Chinese and Korean, each with Latin.
 * @see UTS 39 5.2, "highly restrictive"
 */
const MIXTURES = [
  ["Latin", "Han", "Hiragana", "Katakana"],
  ["Latin", "Han", "Bopomofo"],
  ["Latin", "Han", "Hangul"],
];

/** The mixtures, then every script. The mixtures come first, because most names match one of them. */
const ALLOWED = [
  ...MIXTURES,
  ...[...new Set(mappings.get("Script_Extensions")?.values())].map((script) => [script]),
];

/** Compiled on first use, because each takes about a millisecond. */
const patterns = new Map<readonly string[], RegExp>();

/**
 * Requires that all letters of a name belong to one script, or to the scripts of one language that uses several.
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
    // This version of Node does not know the script yet, so no name is in it.
    return /^(?!)/;
  }
}

/**
 * A combining mark that can follow a letter of any script. Many are hard to see. In the form NFC, the accent of é is no
 * longer such a mark, because é is one character. There is no such character for q, so its accent stays a mark.
 */
const LOOSE_MARK = /(?=\p{Script=Inherited})\p{M}/gu;

/**
 * The skeletons of a user name. A skeleton is the name with each character replaced by one that stands for all its
 * look-alikes. Two names that look alike have a skeleton in common.
 */
export interface Skeletons {
  /** The skeleton of the name in lower case. */
  readonly folded: string;
  /**
   * The skeleton of the name as it was entered; null if it equals `folded`. For `Ian`, `folded` is `ian`, and `shown`
   * is `lan`, with a small L.
   */
  readonly shown: string | null;
}

/** Returns the skeletons of a user name. @see UTS 39 4 */
export function skeletonsOf(username: string): Skeletons {
  const entered = username.normalize("NFKC");
  const folded = skeletonOf(foldCase(entered));
  const shown = skeletonOf(entered);
  return { folded, shown: shown === folded ? null : shown };
}

function skeletonOf(text: string): string {
  const letters = text.normalize("NFC").replace(LOOSE_MARK, "");
  // The table maps the digit `0` to a capital `O`, but leaves a small `o`. Folding the case makes both `o`.
  return replaceLookAlikes(foldCase(replaceLookAlikes(letters)));
}

function replaceLookAlikes(text: string): string {
  // U+04CF, the small Cyrillic palochka, is drawn like an l. UTS 39 maps only the capital palochka to an l. Browsers
  // also map the small one.
  const letters = text.normalize("NFD").replaceAll("\u04cf", "l");
  return unhomoglyph(letters).normalize("NFD");
}

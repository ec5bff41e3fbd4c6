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

/** Marks that attach to letters of any script, and are still separate in the form NFC. Many are hard to see. */
const LOOSE_MARK = /(?=\p{Script=Inherited})\p{M}/gu;

/** The skeletons of a user name. Two names that look alike have a skeleton in common. */
export interface Skeletons {
  /** The skeleton of the name in lower case. */
  readonly folded: string;
  /** The skeleton of the name as it was entered, if it is another one: `Ian` looks like `lan`, and `ian` does not. */
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
  // Folded, because the skeleton of `0` is `O`, and the skeleton of `o` is `o`.
  return replaceLookAlikes(foldCase(replaceLookAlikes(letters)));
}

function replaceLookAlikes(text: string): string {
  // The small Cyrillic palochka is drawn like an l. UTS 39 compares only its capital with an l, and browsers add this.
  const letters = text.normalize("NFD").replaceAll("\u04cf", "l");
  return unhomoglyph(letters).normalize("NFD");
}

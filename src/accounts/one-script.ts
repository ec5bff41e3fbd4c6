import mappings from "unicode-match-property-value-ecmascript/data/mappings.js";
import { BadUserInput } from "../errors.js";

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

/** The compiled patterns. Each one is compiled on first use, because compiling takes about a millisecond. */
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
  const known = patterns.get(scripts);
  if (known !== undefined) return known;
  const pattern = compile([...scripts, "Common", "Inherited"]);
  patterns.set(scripts, pattern);
  return pattern;
}

function compile(scripts: readonly string[]): RegExp {
  try {
    const letters = scripts.map((script) => `\\p{Script_Extensions=${script}}`).join("");
    return new RegExp(`^[${letters}]+$`, "u");
  } catch {
    // This version of Node does not know the script, so match no name.
    return /(?!)/;
  }
}

import unhomoglyph from "unhomoglyph";
import { foldCase } from "./identifiers.js";

/**
 * Matches accents and other marks that Unicode assigns to no single script. Skeletons leave out these marks, because
 * they are hard to see. The text is in NFC. So é is one character, and its accent does not match. Unicode has no such
 * character for q, so an accent on a q matches.
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
  // The table of `unhomoglyph` maps `0` to `O`. Fold the case afterwards, so that `0` equals `o`. Then map again,
  // because folding gives new letters.
  return replaceLookAlikes(foldCase(replaceLookAlikes(letters)));
}

function replaceLookAlikes(text: string): string {
  // U+04CF, the small Cyrillic palochka, looks like an l. UTS 39 maps only the capital palochka to l.
  const letters = text.normalize("NFD").replaceAll("\u04cf", "l");
  return unhomoglyph(letters).normalize("NFD");
}

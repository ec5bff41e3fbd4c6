import { checkOptions } from "../config/check.js";
import { duration } from "../config/kinds.js";
import { wordsOf } from "../config/problems.js";
import { parseDuration } from "../config/variable-text.js";

/** How recently the user must have proved who they are. */
export interface Freshness {
  readonly seconds: number;
  /** The duration as it was given, such as `15m`. */
  readonly text: string;
}

const SETTINGS = { freshWithin: duration({ from: "1m" }) };

/**
 * Parses a duration such as `15m`.
 * @throws TypeError when the text is not a duration from 1 minute to 100 years
 */
export function parseFreshness(text: unknown): Freshness {
  const seconds = typeof text === "string" ? parseDuration(text) : NaN;
  const [problem] = checkOptions({ freshWithin: seconds }, SETTINGS, {}).problems;
  if (problem === undefined) return { seconds, text: String(text) };
  throw new TypeError(`freshWithin ${wordsOf(problem.message, "variable")}`);
}

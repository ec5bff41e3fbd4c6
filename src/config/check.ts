import { findMeant } from "./misspelling.js";
import { type Problem, type Wording, wordsOf } from "./problems.js";
import type { ConfigOf, Setting, Settings } from "./setting.js";

/** The result of checking each option on its own. */
export interface Checked<S extends Settings> {
  /**
   * The value of each option. A missing or wrong option has its default here, or `undefined` if it has no default. The
   * type does not show this `undefined`.
   */
  readonly values: ConfigOf<S>;
  readonly problems: readonly Problem[];
  /** The names of the wrong options. */
  readonly wrong: ReadonlySet<string>;
}

/**
 * Checks each option alone, fills in the defaults, and refuses options that do not exist.
 * @param more the settings of features. The result holds their values too, but its type does not show them.
 * @param serverOnly the settings that are refused because only `createServer` has them
 */
export function checkOptions<S extends Settings>(
  options: object,
  core: S,
  more: Settings,
  serverOnly: Settings = {},
): Checked<S> {
  const settings = { ...core, ...more };
  const given = new Map<string, unknown>(Object.entries(options));
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};
  for (const [option, setting] of Object.entries(settings)) {
    const value = given.get(option);
    const result = setting.check.safeParse(value);
    values[option] = result.success ? result.data : setting.check.safeParse(undefined).data;
    if (result.success) continue;
    const message = describe(setting, value, result.error.issues[0]?.message ?? "is not valid");
    problems.push({ option, message });
  }
  const names = Object.keys(settings);
  for (const option of given.keys()) {
    if (names.includes(option)) continue;
    const message = Object.hasOwn(serverOnly, option)
      ? "belongs to createServer"
      : describeUnknown(findMeant(option, [...names, "features"]));
    problems.push({ option, message });
  }
  const wrong = new Set(problems.map(({ option }) => option));
  // The cast is right for each option that is not wrong, because its value is the result of the setting's check.
  return { values: values as ConfigOf<S>, problems, wrong };
}

/** Returns the message for a name that is not a setting. */
export function describeUnknown(meant: string | undefined): string {
  return meant === undefined ? "is not a setting" : `is not a setting; did you mean ${meant}?`;
}

function describe(setting: Setting, value: unknown, fallback: string): Wording {
  const { allowed, fault, hint } = setting;
  const isMissing = value === undefined;
  const inWordsOf = (reader: keyof Wording) => {
    const rule = allowed === undefined ? fallback : `must be ${wordsOf(allowed, reader)}`;
    const detail = isMissing || fault === undefined ? "" : wordsOf(fault(value), reader);
    const said = isMissing ? "is required" : detail === "" ? rule : `${rule}, but ${detail}`;
    return hint === undefined ? said : `${said}; ${hint}`;
  };
  return { option: inWordsOf("option"), variable: inWordsOf("variable") };
}

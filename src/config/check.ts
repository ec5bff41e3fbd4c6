import { findMeant } from "./misspelling.js";
import { type Problem, type Wording, wordsOf } from "./problems.js";
import type { ConfigOf, Setting, Settings } from "./setting.js";

export interface Checked<S extends Settings> {
  /** The value of each option. A wrong option has its default, or `undefined` in spite of its type. */
  readonly values: ConfigOf<S>;
  readonly problems: readonly Problem[];
  readonly wrong: ReadonlySet<string>;
}

/**
 * Checks each option separately. Fills in the defaults, and refuses unknown options.
 * @param more the settings of features. Their values are in the result, but not in the type of the result
 * @param serverOnly settings that only `createServer` has. The message about such an option says so
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
      ? "is an option of createServer only"
      : describeUnknown(findMeant(option, [...names, "features"]));
    problems.push({ option, message });
  }
  const wrong = new Set(problems.map(({ option }) => option));
  return { values: values as ConfigOf<S>, problems, wrong };
}

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

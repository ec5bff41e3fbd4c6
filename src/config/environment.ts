import { settingsOf, type SettingsOwner } from "./auth-config.js";
import { describeUnknown } from "./check.js";
import { findMeantVariable, SHORT } from "./misspelling.js";
import type { Problem } from "./problems.js";
import type { CoreServerOptions } from "./server-config.js";
import type { Settings } from "./setting.js";
import { AUTH_SETTINGS, SERVER_SETTINGS } from "./settings.js";

/**
 * The variable that names the modules of an application's features, separated by commas. It is not a setting, because
 * it decides which settings exist.
 */
export const FEATURES = "FEATURES";

/** Returns all settings of a server and of its features, by the names of their options. */
export function allSettings(owners: readonly SettingsOwner[]): Settings {
  return { ...AUTH_SETTINGS, ...SERVER_SETTINGS, ...settingsOf(owners) };
}

/** Returns the variables by the names of their options. Leaves out options without a variable. */
export function variablesOf(settings: Settings): Map<string, string> {
  const named = Object.entries(settings).flatMap(([option, { variable }]) =>
    variable === undefined ? [] : [[option, variable] as const],
  );
  return new Map(named);
}

/**
 * Reads the options that are set in the environment, but does not check the values. Reports misspelt variables, and
 * variables for options that can only be set in code.
 * An empty variable counts as not set. Ignores variables that resemble no setting: other programs may use them.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  settings: Settings,
): { options: Partial<CoreServerOptions>; problems: Problem[] } {
  const set = new Map(Object.entries(env).filter(([, text = ""]) => text !== ""));
  const variables = variablesOf(settings);
  const read = Object.entries(settings).flatMap(([option, { variable = "", read = asItIs }]) => {
    const text = set.get(variable);
    return text === undefined ? [] : [[option, read(text)]];
  });
  const optionsOnly = new Set(namesOfOptionsOnly(settings));
  const problems = [...set.keys()].flatMap((name) => {
    if (optionsOnly.has(name)) return [{ option: name, message: "can only be set as an option" }];
    const meant = findMeantVariable(name, [...variables.values(), FEATURES]);
    return meant === undefined ? [] : [{ option: name, message: describeUnknown(meant) }];
  });
  return { options: Object.fromEntries(read) as Partial<CoreServerOptions>, problems };
}

/**
 * Returns the variables that people would expect for options without a variable, for example `LEEWAY` for `leeway`.
 * Short names are left out, because they are ordinary words that another program may use.
 */
function namesOfOptionsOnly(settings: Settings): string[] {
  const others = Object.entries(settings).filter(([, { variable }]) => variable === undefined);
  return others
    .map(([option]) => option.replaceAll(/[A-Z]/g, "_$&").toUpperCase())
    .filter((name) => name.length >= SHORT);
}

function asItIs(text: string): string {
  return text;
}

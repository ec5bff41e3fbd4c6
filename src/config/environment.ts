import { settingsOf, type SettingsOwner } from "./auth-config.js";
import { describeUnknown } from "./check.js";
import { findMeantVariable, SHORT } from "./misspelling.js";
import type { Problem } from "./problems.js";
import type { CoreServerOptions } from "./server-config.js";
import type { Settings } from "./setting.js";
import { SERVER_SETTINGS } from "./server-settings.js";
import { AUTH_SETTINGS } from "./settings.js";

/**
 * The variable that lists modules with more features, such as `./notes.js,./invites.js`. The features add settings, so
 * this variable is read before the settings.
 */
export const FEATURES = "FEATURES";

export function allSettings(owners: readonly SettingsOwner[]): Settings {
  return { ...AUTH_SETTINGS, ...SERVER_SETTINGS, ...settingsOf(owners) };
}

/** Maps options to variables, such as `secretKey` to `SECRET_KEY`. Omits options without a variable. */
export function variablesOf(settings: Settings): Map<string, string> {
  const named = Object.entries(settings).flatMap(([option, { variable }]) =>
    variable === undefined ? [] : [[option, variable] as const],
  );
  return new Map(named);
}

/**
 * Reads options from the environment. Does not check their values. An empty variable counts as not set. Reports
 * misspelt variables. Also reports variables such as `LEEWAY`, whose options can be set in code only.
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
 * Returns the variables that a user may try for options without a variable, such as `LEEWAY` for `leeway`. Omits short
 * names such as `NOW`, because other programs may use them.
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

import { type Wording, wordsOf } from "./problems.js";
import type { Setting, Settings } from "./setting.js";

const INTRODUCTION =
  'Settings are environment variables. An empty one counts as not set. "In development" means that HOST is a loopback ' +
  "address, TRUSTED_PROXIES is empty, and NODE_ENV is not production. FEATURES names modules that export further " +
  "features, separated by commas; their settings are listed here too.";

const INDENT = " ".repeat(6);

/**
 * Returns the help for all settings that have an environment variable.
 * @param sentences the description of each setting that has no `doc`, by the setting's name
 * @param wrap breaks a text into lines of at most `width` characters
 * @param width the width of the help, in characters
 */
export function renderHelp(
  settings: Settings,
  sentences: Readonly<Record<string, string>>,
  wrap: (text: string, width: number) => string,
  width: number,
): string {
  const entries = Object.entries(settings).flatMap(([option, setting]) => {
    if (setting.variable === undefined) return [];
    const text = wrap(
      describeSetting(setting, sentences[option], "variable"),
      width - INDENT.length,
    );
    const title = `  ${setting.variable} (default: ${describeDefault(setting, "variable")})`;
    return [[title, ...text.split("\n").map((line) => INDENT + line)].join("\n")];
  });
  return [wrap(INTRODUCTION, width), ...entries].join("\n\n");
}

/**
 * Returns the help text of a setting: its description, its accepted values and its hint.
 * @internal
 */
export function describeSetting(
  { doc, allowed, hint }: Setting,
  sentence: string | undefined,
  reader: keyof Wording,
): string {
  const range = allowed === undefined ? [] : [`Must be ${wordsOf(allowed, reader)}`];
  const rule = [...range, ...(hint === undefined ? [] : [hint])].join("; ");
  const text = doc ?? sentence ?? "";
  return `${text} ${rule}${rule === "" || rule.endsWith("…") ? "" : "."}`.trim();
}

/** @internal */
export function describeDefault(setting: Setting, reader: keyof Wording): string {
  return wordsOf(setting.defaultNote ?? setting.default ?? "none", reader);
}

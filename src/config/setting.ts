import type { z } from "zod";
import type { Wording } from "./problems.js";

/** One setting: its check, its default, its environment variable, and its description. */
export interface Setting<Check extends z.ZodType = z.ZodType> {
  /** Checks the option, and fills in the default. */
  readonly check: Check;
  /** The environment variable that sets the option. @default none */
  readonly variable?: string;
  /**
   * Converts the variable's text to the option's value. If the text cannot be converted, returns a value that `check`
   * refuses.
   * @default the text itself
   */
  readonly read?: (text: string) => unknown;
  /** The words after "must be" in messages, such as `from 1m to 1h`. @default the message of `check` */
  readonly allowed?: string | Wording;
  /**
   * Returns the words after "but" in messages about a wrong value, such as `is 30 seconds too short`. An empty text
   * adds nothing to the message. The words must not repeat the value.
   */
  readonly fault?: (value: unknown) => string | Wording;
  /** Says how to get a valid value. The hint ends the help text and each message about a wrong value. */
  readonly hint?: string;
  /** The default as a user would write it. @default none */
  readonly default?: Wording;
  /**
   * Describes the default in words. Example: `on in development, otherwise off`. Shown in place of
   * {@link Setting.default}.
   */
  readonly defaultNote?: string | Wording;
  /**
   * One or two sentences for `--help`.
   * @default none. For a setting of Gatehouse itself, `--help` shows the comment above the setting in the code.
   */
  readonly doc?: string;
}

/** Settings by the names of their options. */
export type Settings = Readonly<Record<string, Setting>>;

type RequiredOption<S extends Settings> = {
  [Name in keyof S]: undefined extends z.input<S[Name]["check"]> ? never : Name;
}[keyof S];

// The types below have no `as` clause. With one, editors would not show the comments of the settings.

/**
 * The type of the options for `S`, such as `{ secretKey: string; port?: number }`. An option is optional if its check
 * accepts `undefined`.
 */
export type OptionsOf<S extends Settings> = {
  [Name in keyof Omit<S, RequiredOption<S>>]?: z.input<S[Name]["check"]> | undefined;
} & {
  [Name in keyof Pick<S, RequiredOption<S>>]: z.input<S[Name]["check"]>;
};

/** The checked values of a table of settings. */
export type ConfigOf<S extends Settings> = {
  readonly [Name in keyof S]: z.output<S[Name]["check"]>;
};

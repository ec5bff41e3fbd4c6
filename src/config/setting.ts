import type { z } from "zod";
import type { Wording } from "./problems.js";

export interface Setting<Check extends z.ZodType = z.ZodType> {
  /** Checks the option, and fills in the default. */
  readonly check: Check;
  /** The environment variable that sets the option. @default none */
  readonly variable?: string;
  /**
   * Converts the variable's text to the option's value. For malformed text, returns a value that `check` refuses.
   * @default the text itself
   */
  readonly read?: (text: string) => unknown;
  /** The words after "must be" in messages, such as `from 1m to 1h`. @default the message of `check` */
  readonly allowed?: string | Wording;
  /**
   * Returns the words after "but" in messages about a wrong value, such as `is 30 seconds too short`. The words must
   * not contain the value. If the result is empty, nothing is added.
   */
  readonly fault?: (value: unknown) => string | Wording;
  /** Says how to get a valid value. Shown at the end of the help text and of each message about a wrong value. */
  readonly hint?: string;
  /** The default, as a user would write it. @default none */
  readonly default?: Wording;
  /** The default in words, such as `on in development, otherwise off`. Shown instead of {@link Setting.default}. */
  readonly defaultNote?: string | Wording;
  /**
   * One or two sentences for `--help`. Gatehouse's own settings have no `doc`: `--help` shows the comment above the
   * setting in the code.
   * @default none
   */
  readonly doc?: string;
}

/** Maps option names to settings. */
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

/** The type of the checked values for `S`. */
export type ConfigOf<S extends Settings> = {
  readonly [Name in keyof S]: z.output<S[Name]["check"]>;
};

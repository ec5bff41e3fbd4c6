import type { z } from "zod";
import type { Wording } from "./problems.js";

/** One setting: its check, its default, its environment variable, and the words that describe it. */
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
  /** The accepted values, in words that follow "must be". Example: `from 1m to 1h`. @default the message of `check` */
  readonly allowed?: string | Wording;
  /**
   * Says what is wrong with a value, in words that follow "but". Example: `is 30 seconds too short`. Returns an empty
   * text if {@link Setting.allowed} says enough. Must not repeat the value.
   */
  readonly fault?: (value: unknown) => string | Wording;
  /** Says how to get a valid value. The help and the message about a missing or wrong value end with this hint. */
  readonly hint?: string;
  /** The default as a user would write it. @default none */
  readonly default?: Wording;
  /** Describes the default in words, if {@link Setting.default} cannot. Example: `on in development, otherwise off`. */
  readonly defaultNote?: string | Wording;
  /** One or two sentences for `--help`. @default the comment above the entry for our own settings, otherwise none */
  readonly doc?: string;
}

/** A table of settings, by the names of their options. */
export type Settings = Readonly<Record<string, Setting>>;

type RequiredOption<S extends Settings> = {
  [Name in keyof S]: undefined extends z.input<S[Name]["check"]> ? never : Name;
}[keyof S];

// These types map over `keyof` without an `as` clause. With an `as` clause, TypeScript drops the comments of the
// entries.

/** The options of a table of settings. An option is required only if its check does not accept `undefined`. */
export type OptionsOf<S extends Settings> = {
  [Name in keyof Omit<S, RequiredOption<S>>]?: z.input<S[Name]["check"]> | undefined;
} & {
  [Name in keyof Pick<S, RequiredOption<S>>]: z.input<S[Name]["check"]>;
};

/** The values of a table of settings once they are checked. */
export type ConfigOf<S extends Settings> = {
  readonly [Name in keyof S]: z.output<S[Name]["check"]>;
};

import type { z } from "zod";

/** One setting: what it may be, and its default. */
export interface Setting<Check extends z.ZodType = z.ZodType> {
  readonly check: Check;
  /** The environment variable that sets it. */
  readonly variable?: string;
  /** Reads the variable's text. @default as it is */
  readonly read?: (text: string) => unknown;
}

/** A table of settings, by the name of their option. */
export type Settings = Readonly<Record<string, Setting>>;

/** The options of a table of settings: none is required that has a default. */
export type OptionsOf<S extends Settings> = {
  [Name in keyof S]?: z.input<S[Name]["check"]> | undefined;
};

/** The values of a table of settings once they are checked. */
export type ConfigOf<S extends Settings> = {
  readonly [Name in keyof S]: z.output<S[Name]["check"]>;
};

/** Something that is wrong with an option. */
export interface Problem {
  readonly option: string;
  /** Goes on after the option's name: "must be …". Never holds the value. */
  readonly message: string;
}

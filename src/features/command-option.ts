/** An option of a `FeatureCommand`. */
export interface CommandOption {
  /** The name in lower case, without the leading dashes, such as `dry-run`. Must not be `database` or `help`. */
  readonly name: string;
  /**
   * The name of the value in `--help`, such as `number`. An option without this name is a switch, which takes no value.
   */
  readonly value?: string;
  /** One line of text for `--help`. */
  readonly description: string;
  /** The only values that the option accepts. @default all */
  readonly choices?: readonly string[];
  /** The option's value if the user does not give the option. @default undefined */
  readonly default?: string;
  /** Whether the command fails without the option. @default false */
  readonly isRequired?: boolean;
}

/**
 * The values of the options, given or default, by name in camel case: the key of `--dry-run` is `dryRun`. The value of a
 * switch is `true`. The option `database`, which every command has, may be included.
 */
export type CommandOptions = Readonly<Record<string, string | true | undefined>>;

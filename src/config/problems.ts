/** A text in two versions: one for options, one for environment variables. */
export interface Wording {
  readonly option: string;
  readonly variable: string;
}

/** Something that is wrong with a setting. */
export interface Problem {
  readonly option: string;
  /** The text that follows the name of the option, such as "must be …". The text never contains the option's value. */
  readonly message: string | Wording;
  /**
   * The option that contradicts {@link Problem.option}. Its name is appended to the message. For example, the
   * name `accessTokenLifetime` follows the message "must be less than".
   */
  readonly other?: string;
}

/**
 * The error for all wrong settings. The message has one line per problem and names the options. It never repeats a
 * value.
 * @see {@link linesOf} for lines that name the variables
 */
export class WrongSettings extends TypeError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(linesOf(problems).join("\n"), options);
    this.name = "TypeError";
    this.problems = problems;
  }
}

/**
 * Returns one line per problem. A line names the option's variable, or the option if it has no variable.
 * @param variables the environment variable of each option. Empty if the settings were given as options
 */
export function linesOf(
  problems: readonly Problem[],
  variables: ReadonlyMap<string, string> = new Map(),
): string[] {
  const nameOf = (option: string) => variables.get(option) ?? option;
  return problems.map(({ option, message, other }) => {
    const text = wordsOf(message, variables.has(option) ? "variable" : "option");
    const end = other === undefined ? "" : ` ${nameOf(other)}`;
    return `${nameOf(option)}: ${text}${end}`;
  });
}

/** Returns the version of a text for options or for variables. */
export function wordsOf(text: string | Wording, reader: keyof Wording): string {
  return typeof text === "string" ? text : text[reader];
}

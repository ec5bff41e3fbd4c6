/** A text in two versions: one for options, one for environment variables. */
export interface Wording {
  readonly option: string;
  readonly variable: string;
}

/** Something that is wrong with a setting. */
export interface Problem {
  readonly option: string;
  /** The text after the name of the option: "must be …". It never contains the value. */
  readonly message: string | Wording;
  /**
   * An option that this one contradicts. Its name is appended to the message: "must be less than"
   * `accessTokenLifetime`.
   */
  readonly other?: string;
}

/**
 * Every setting that is wrong. The message has one line per problem and names the options. It never repeats a value.
 * @see linesOf for the names of the variables
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
 * Returns one line per problem. It names the variable if the setting came from one, otherwise the option.
 * @param variables the variable of each option that was set through one
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

/** A text in two versions: one for options, one for environment variables. */
export interface Wording {
  readonly option: string;
  readonly variable: string;
}

/** Something that is wrong with a setting. */
export interface Problem {
  readonly option: string;
  /** The text after the option's name, such as "is required". It must not contain the option's value. */
  readonly message: string | Wording;
  /** Another option, whose name ends the message. Example: `accessTokenLifetime` after "must be less than". */
  readonly other?: string;
}

/** The error for wrong settings. The message has one line per problem, and repeats no value. */
export class WrongSettings extends TypeError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(linesOf(problems).join("\n"), options);
    this.name = "TypeError";
    this.problems = problems;
  }
}

/**
 * Returns one line per problem, such as `PORT: is in use by another process`.
 * @param variables the variable of each option. An option without a variable is called by its own name.
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

export function wordsOf(text: string | Wording, reader: keyof Wording): string {
  return typeof text === "string" ? text : text[reader];
}

/** A text in two versions: for somebody who sets options, and for somebody who sets environment variables. */
export interface Wording {
  readonly option: string;
  readonly variable: string;
}

/** Something that is wrong with a setting. */
export interface Problem {
  readonly option: string;
  /** Follows the name of the option: "must be …". Never holds the value. */
  readonly message: string | Wording;
  /** An option that this one contradicts. Its name ends the line: "must be less than" `accessTokenLifetime`. */
  readonly other?: string;
}

/**
 * Every setting that is wrong. The message has one line a problem, by the names of the options; it never repeats a value.
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
 * Returns one line a problem, in the words of whoever set the settings.
 * @param variables the variable of each option that was set through one; all other options keep their names
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

/** Returns the version of a text that is meant for options or for variables. */
export function wordsOf(text: string | Wording, reader: keyof Wording): string {
  return typeof text === "string" ? text : text[reader];
}

/** A text in two versions: one for users of options, one for users of environment variables. */
export interface Wording {
  readonly option: string;
  readonly variable: string;
}

export interface Problem {
  readonly option: string;
  /** The text after the option's name, such as "is required". It must not contain the option's value. */
  readonly message: string | Wording;
  /**
   * The name of another option, which is put at the end of the message. For example, `accessTokenLifetime` comes after
   * "must be less than".
   */
  readonly other?: string;
}

/** The error for wrong settings. Its message has one line for each problem, and contains no value of a setting. */
export class WrongSettings extends TypeError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(linesOf(problems).join("\n"), options);
    this.name = "TypeError";
    this.problems = problems;
  }
}

/**
 * Returns one line for each problem, such as `PORT: is in use by another process`.
 * @param variables the environment variable of each option. An option without a variable appears with its own name
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

const LISTEN_PROBLEMS: Readonly<Record<string, readonly ["host" | "port", message: string]>> = {
  EADDRINUSE: ["port", "is in use by another process"],
  EACCES: ["port", "may not be used by this process"],
  EADDRNOTAVAIL: ["host", "is not an address of this machine"],
  ENOTFOUND: ["host", "is not an address of this machine"],
};

/**
 * Returns the error to throw when a server cannot listen. If the host or the port is the cause, the error names that
 * setting.
 * @param options the names of the settings for the host and the port
 */
export function toListenError(
  error: unknown,
  options: Readonly<Record<"host" | "port", string>>,
): unknown {
  const found = LISTEN_PROBLEMS[(error as NodeJS.ErrnoException).code ?? ""];
  if (found === undefined) return error;
  const [part, message] = found;
  return new WrongSettings([{ option: options[part], message }], { cause: error });
}

/** Control characters, invisible characters and line separators. Some of them change a terminal or the order of text. */
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Makes one line of text safe to print on a terminal. It may contain text of strangers, such as the names of users.
 * Shows U+202E as `\u202e`, and a character above U+FFFF as two such escapes. So JSON keeps its value.
 */
export function toPrintable(text: string): string {
  return text.replace(NOT_PRINTABLE, (found) =>
    found
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

export function printLine(line: string): void {
  console.log(toPrintable(line));
}

export function printError(line: string): void {
  console.error(`gatehouse: ${toPrintable(line)}`);
}

export function printJson(value: object): void {
  // The line breaks of JSON stand between its values, never in them.
  for (const line of JSON.stringify(value, null, 2).split("\n")) printLine(line);
}

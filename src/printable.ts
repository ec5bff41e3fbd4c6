/** Control characters, invisible characters and line separators. Some of them change a terminal or the order of text. */
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** The characters of {@link NOT_PRINTABLE} that `JSON.stringify` leaves inside strings. */
const NOT_PRINTABLE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Returns one line of text that is safe to print on a terminal. It may contain text of strangers, such as the names of
 * users. Shows U+202E as `\u202e`.
 */
export function toPrintable(text: string): string {
  return text.replace(NOT_PRINTABLE, escape);
}

/** Returns a value as JSON that is safe to print on a terminal. @param indent as in `JSON.stringify` */
export function toPrintableJson(value: object | string, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(NOT_PRINTABLE_IN_JSON, escape);
}

/** Escapes each UTF-16 unit, as JSON requires. So a character above U+FFFF has two escapes. */
function escape(found: string): string {
  return found
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

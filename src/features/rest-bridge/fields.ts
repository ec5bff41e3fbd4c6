import { ValidationError } from "./api-exception.js";

/** A field of a request body. Its value must be a number, or a text that is not empty. */
interface Field {
  /** Whether white space at both ends is removed. It must not be removed from a password. */
  readonly isTrimmed: boolean;
}

/**
 * Returns the fields of a request body, as the class `CharField` of Django REST framework reads them.
 * @throws {@link ValidationError} with the faults of all fields
 */
export function readFields<Name extends string>(
  data: unknown,
  fields: Readonly<Record<Name, Field>>,
): Record<Name, string> {
  const dictionary = requireDictionary(data);
  const errors: Record<string, readonly string[]> = {};
  const values: Record<string, string> = {};
  for (const [name, { isTrimmed }] of Object.entries<Field>(fields)) {
    const given = Object.hasOwn(dictionary, name) ? dictionary[name] : undefined;
    const value = typeof given === "number" ? String(given) : given;
    const read = typeof value === "string" && isTrimmed ? value.trim() : value;
    const faults = findFaults(read);
    if (faults.length > 0) errors[name] = faults;
    else values[name] = read as string;
  }
  if (Object.keys(errors).length > 0) throw new ValidationError(errors);
  return values;
}

/** @throws {@link ValidationError} when the body is not a JSON object */
export function requireDictionary(data: unknown): Readonly<Record<string, unknown>> {
  if (data === null) throw new ValidationError({ non_field_errors: ["No data provided"] });
  if (typeof data === "object" && !Array.isArray(data)) return data as Record<string, unknown>;
  const fault = `Invalid data. Expected a dictionary, but got ${pythonTypeOf(data)}.`;
  throw new ValidationError({ non_field_errors: [fault] });
}

function pythonTypeOf(data: unknown): string {
  if (Array.isArray(data)) return "list";
  if (typeof data === "string") return "str";
  if (typeof data === "boolean") return "bool";
  return Number.isInteger(data) ? "int" : "float";
}

function findFaults(value: unknown): string[] {
  if (value === undefined) return ["This field is required."];
  if (value === null) return ["This field may not be null."];
  if (typeof value !== "string") return ["Not a valid string."];
  if (value === "") return ["This field may not be blank."];
  const [surrogate] = /\p{Cs}/u.exec(value) ?? [];
  return [
    ...(value.includes("\0") ? ["Null characters are not allowed."] : []),
    ...(surrogate === undefined
      ? []
      : [`Surrogate characters are not allowed: U+${hexOf(surrogate)}.`]),
  ];
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase();
}

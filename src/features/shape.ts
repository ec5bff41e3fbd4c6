import { findMeant } from "../config/misspelling.js";

/** Returns a message for each problem of a value. `where` is the name of the value in the messages. */
export type Check = (value: unknown, where: string) => string[];

type Fields = Readonly<Record<string, Check>>;

/**
 * Returns a check of one condition.
 * @param what the text after "must be" in the message, such as "a function"
 */
export function is(what: string, isRight: (value: unknown) => boolean): Check {
  return (value, where) => (isRight(value) ? [] : [`${where} must be ${what}`]);
}

/** Returns a check of a list. Messages name an item by its name or index: `commands[add-note]` or `routes[0]`. */
export function listOf(item: Check): Check {
  return (value, where) => {
    if (!Array.isArray(value)) return [`${where} must be a list`];
    const items: unknown[] = Array.from(value);
    return items.flatMap((entry, index) =>
      item(entry, `${where}[${findName(entry) ?? index.toString()}]`),
    );
  };
}

/** Returns a check of an object with any keys. `item` checks each value. */
export function recordOf(item: Check): Check {
  return (value, where) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, entry]) => item(entry, `${where}.${key}`))
      : [`${where} must be an object`];
}

/**
 * Returns a check of an object's fields. The check also reports unknown fields, as {@link findUnknown} does.
 * @param what the text after "must be" in the message, such as "an object"
 */
export function objectWith(what: string, required: Fields, optional: Fields = {}): Check {
  const known = Object.keys({ ...required, ...optional });
  return (value, where) => {
    if (!isObject(value)) return [`${where} must be ${what}`];
    const fields = value as Readonly<Record<string, unknown>>;
    const given = Object.entries(optional).filter(([name]) => fields[name] !== undefined);
    return [
      ...findUnknown(value, known).map((problem) => `${where}.${problem}`),
      ...[...Object.entries(required), ...given].flatMap(([name, check]) =>
        check(fields[name], `${where}.${name}`),
      ),
    ];
  };
}

/** Returns a check that runs `second` only if `first` finds no problem. */
export function inTurn(first: Check, second: Check): Check {
  return (value, where) => {
    const problems = first(value, where);
    return problems.length > 0 ? problems : second(value, where);
  };
}

export function findName(value: unknown): string | undefined {
  if (!isObject(value) || !("name" in value)) return undefined;
  return typeof value.name === "string" && value.name !== "" ? value.name : undefined;
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Returns a message for each unknown field. An instance of a class may have further fields. So for an instance, reports
 * only fields that look misspelt, such as `crate` instead of `create`.
 */
function findUnknown(value: object, known: readonly string[]): string[] {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  const names = isPlain ? Object.keys(value) : namesOf(value);
  return names.flatMap((name) => {
    const meant = findMeant(name, known);
    if (known.includes(name) || (!isPlain && meant === undefined)) return [];
    return meant === undefined
      ? `${name} is not known`
      : `${name} is not known; did you mean ${meant}?`;
  });
}

function namesOf(value: object): string[] {
  const prototype: unknown = Object.getPrototypeOf(value);
  const inherited = isObject(prototype) && prototype !== Object.prototype ? namesOf(prototype) : [];
  return [...Object.getOwnPropertyNames(value), ...inherited];
}

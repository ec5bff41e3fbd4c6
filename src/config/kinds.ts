import { z } from "zod";
import type { Wording } from "./problems.js";
import type { Setting } from "./setting.js";
import {
  type Duration,
  parseDuration,
  parseList,
  parseSwitch,
  parseWholeNumber,
  secondsIn,
  spellSeconds,
} from "./variable-text.js";

type Described = Pick<Setting, "variable" | "hint" | "defaultNote" | "doc">;

/** A setting with a value of type `T`. Without a default, the value may be undefined. */
type Kind<T, Default> = Setting<
  z.ZodType<T | (undefined extends Default ? undefined : never), T | undefined>
>;

/**
 * A duration. The option is a number of seconds, such as `300`. The variable has a unit, such as `5m`.
 * @example duration({ variable: "ACCESS_TOKEN_LIFETIME", from: "1m", to: "1h", default: "5m" })
 */
export function duration<D extends Duration | undefined = undefined>({
  from,
  to = "100y",
  default: usual,
  ...described
}: Described & { from: Duration; to?: Duration; default?: D }): Kind<number, D> {
  const range = durationRange(from, to);
  const fallback = usual === undefined ? undefined : secondsIn(usual);
  return {
    ...described,
    ...range,
    check: withDefault<number, D>(range.check, fallback),
    read: parseDuration,
    ...shown(usual, String(fallback), usual),
  };
}

/** A {@link duration}, or no limit. No limit is `null` in the option, and `never` in the variable. */
export function durationOrNever<D extends Duration | "never" | undefined = undefined>(
  described: DurationOr<D>,
): Kind<number | null, D> {
  return durationOr("never", null, z.null(), described);
}

/** A {@link duration}, or off. Off is `false` in the option, and `off` in the variable. */
export function durationOrOff<D extends Duration | "off" | undefined = undefined>(
  described: DurationOr<D>,
): Kind<number | false, D> {
  return durationOr("off", false, z.literal(false), described);
}

type DurationOr<D> = Described & { from: Duration; to?: Duration; default?: D };

function durationOr<Word extends string, Other, D extends Duration | Word | undefined>(
  word: Word,
  other: Other,
  isOther: z.ZodType<Other>,
  { from, to = "100y", default: usual, ...described }: DurationOr<D>,
): Kind<number | Other, D> {
  const range = durationRange(from, to);
  const fallback = usual === word ? other : usual && secondsIn(usual as Duration);
  return {
    ...described,
    ...range,
    check: withDefault<number | Other, D>(z.union([range.check, isOther]), fallback),
    read: (text) => (text === word ? other : parseDuration(text)),
    allowed: {
      option: `${range.allowed.option}, or ${String(other)}`,
      variable: `${range.allowed.variable}, or ${word}`,
    },
    ...shown(usual, String(fallback), usual),
  };
}

/** A whole number from `from` to `to`. */
export function wholeNumber<D extends number | undefined = undefined>({
  from,
  to,
  default: usual,
  ...described
}: Described & { from: number; to: number; default?: D }): Kind<number, D> {
  return {
    ...described,
    check: withDefault<number, D>(z.int().min(from).max(to), usual),
    read: parseWholeNumber,
    allowed: `from ${from} to ${to}`,
    fault: (value) =>
      Number.isInteger(value)
        ? distance(value as number, from, to, String, ["small", "large"])
        : "is not a whole number",
    ...shown(usual),
  };
}

/** One of several words. */
export function oneOf<
  const Words extends readonly string[],
  D extends Words[number] | undefined = undefined,
>(
  words: Words,
  { default: usual, ...described }: Described & { default?: D },
): Kind<Words[number], D> {
  return {
    ...described,
    check: withDefault<Words[number], D>(z.enum(words), usual),
    allowed: [words.slice(0, -1).join(", "), ...words.slice(-1)].join(" or "),
    ...shown(usual),
  };
}

/** A switch. The option is `true` or `false`, the variable `on` or `off`. */
export function onOff<D extends boolean | undefined = undefined>({
  default: usual,
  ...described
}: Described & { default?: D }): Kind<boolean, D> {
  return {
    ...described,
    check: withDefault<boolean, D>(z.boolean(), usual),
    read: parseSwitch,
    allowed: { option: "true or false", variable: "on or off" },
    ...shown(usual, String(usual), usual === true ? "on" : "off"),
  };
}

/**
 * A text. `accepts` checks the text, and `allowed` describes the accepted texts. @default text of 1 to 255 characters
 */
export function text<D extends string | undefined = undefined>({
  accepts = (value) => /^[^\0]{1,255}$/.test(value),
  allowed = "text of 1 to 255 characters",
  default: usual,
  ...described
}: Described & {
  accepts?: (value: string) => boolean;
  allowed?: string;
  default?: D;
}): Kind<string, D> {
  const check = withDefault<string, D>(z.string().refine(accepts), usual);
  return { ...described, check, allowed, ...shown(usual) };
}

/**
 * A list of texts, empty by default. In the variable, commas separate the texts: `a,b`. `faultOf` returns what is wrong
 * with one text, such as `has a path`. Its result must not contain the text.
 */
export function list({
  accepts,
  allowed,
  faultOf = () => "",
  ...described
}: Described & {
  accepts: (item: string) => boolean;
  allowed: string;
  faultOf?: (item: unknown) => string;
}): Kind<readonly string[], readonly string[]> {
  const isWrong = (item: unknown) => typeof item !== "string" || !accepts(item);
  return {
    ...described,
    check: withDefault<readonly string[], readonly string[]>(
      z.array(z.string().refine(accepts)),
      [],
    ),
    read: parseList,
    allowed: { option: allowed, variable: `${allowed}, separated by commas` },
    fault: (value) => {
      if (!Array.isArray(value)) return "is not a list";
      const fault = faultOf(value.find(isWrong));
      return fault === "" ? "" : `one of them ${fault}`;
    },
  };
}

/** A function. Such a setting has no variable. */
export function callback<F>({
  default: usual,
  ...described
}: Omit<Described, "variable"> & { default: F }): Kind<F, F> {
  const isFunction = (value: unknown) => typeof value === "function";
  return {
    ...described,
    check: withDefault<F, F>(z.custom<F>(isFunction), usual),
    allowed: "a function",
  };
}

function withDefault<T, D>(check: z.ZodType<T>, fallback: T | undefined): Kind<T, D>["check"] {
  return check.optional().transform((value) => (value === undefined ? fallback : value)) as Kind<
    T,
    D
  >["check"];
}

function shown(
  usual: unknown,
  option = String(usual),
  variable: string = option,
): { default?: Wording } {
  return usual === undefined ? {} : { default: { option, variable } };
}

function durationRange(from: Duration, to: Duration) {
  const [min, max] = [secondsIn(from), secondsIn(to)];
  return {
    check: z.int().min(min).max(max),
    allowed: { option: `from ${min} to ${max} seconds`, variable: `from ${from} to ${to}` },
    fault: (value: unknown): string | Wording => {
      if (typeof value !== "number" || Number.isNaN(value)) {
        return { option: "is not a number", variable: "is not a duration such as 5m" };
      }
      if (!Number.isInteger(value)) return "is not a whole number of seconds";
      return distance(value, min, max, spellSeconds, ["short", "long"]);
    },
  };
}

/** Returns how far a value is outside its range, such as `is 30 seconds too short`. */
function distance(
  value: number,
  min: number,
  max: number,
  spell: (amount: number) => string,
  [low, high]: readonly [low: string, high: string],
): string {
  const amount = value < min ? min - value : value - max;
  const how = value < min ? low : high;
  // A message must not contain the value. For a huge value, the difference from the limit equals the value:
  // `1e300 - 3600` is `1e300`. So the message for a huge value has no amount.
  return Number.isSafeInteger(amount) ? `is ${spell(amount)} too ${how}` : `is far too ${how}`;
}

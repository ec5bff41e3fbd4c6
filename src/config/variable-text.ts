import ms, { type StringValue } from "ms";

/** A duration as people write it, such as `90s`, `5m` or `7d`. */
export type Duration = `${number}${"s" | "m" | "h" | "d" | "y"}`;

export function parseList(value: string): string[] {
  return value.split(",").map((item) => item.trim());
}

/** Parses `on` and `off`. Returns any other text unchanged. */
export function parseSwitch(value: string): boolean | string {
  return value === "on" || (value === "off" ? false : value);
}

/** Parses a whole number of at most 15 digits. Returns any other text unchanged. */
export function parseWholeNumber(value: string): number | string {
  return /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** Writes seconds in the largest unit that leaves no remainder, such as `90 seconds` or `2 hours`. */
export function spellSeconds(seconds: number): string {
  const [unit, size] = UNITS.find(([, length]) => seconds % length === 0) ?? ["second", 1];
  const amount = seconds / size;
  return `${amount} ${unit}${amount === 1 ? "" : "s"}`;
}

export function secondsIn(value: Duration): number {
  return ms(value) / 1000;
}

/** Returns the seconds of a duration such as `5m`, `7d` or `36h`. Returns NaN for any other text. */
export function parseDuration(value: string): number {
  const isDuration = /^\d{1,9} ?[a-z]+$/i.test(value);
  return isDuration ? ((ms(value as StringValue) as number | undefined) ?? NaN) / 1000 : NaN;
}

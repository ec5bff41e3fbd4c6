import { wholeNumber } from "./kinds.js";

/** Returns a setting that limits a number, for example of logins or connections. */
export function count(variable: string, usual: number) {
  return wholeNumber({ variable, from: 1, to: 1_000_000, default: usual });
}

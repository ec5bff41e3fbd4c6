import { wholeNumber } from "./kinds.js";

/** Returns a setting for a limit, for example on the number of logins. @param usual the default */
export function count(variable: string, usual: number) {
  return wholeNumber({ variable, from: 1, to: 1_000_000, default: usual });
}

import { OPERATIONS } from "./world.js";

/** Pairs of operations that use the refresh token. Two of them that arrive together share a statement. */
const ROTATING = ["refresh & refresh", "refresh & replay", "replay & replay"];

/** All pairs of operations, including two of one kind, and each operation with a crash. */
export const PAIRS: readonly string[] = [
  ...combine(2),
  ...OPERATIONS.map((name) => `${name} + crash`),
  ...ROTATING,
];

/** All combinations of three operations, one of which may be a crash. */
export const TRIPLES: readonly string[] = [
  ...combine(3),
  ...combine(2).map((names) => `${names} + crash`),
  ...ROTATING.flatMap((names) =>
    [...OPERATIONS.filter((name) => name !== "prune"), "crash"].map((name) => `${names} + ${name}`),
  ),
];

function combine(count: number, from = 0): string[] {
  if (count === 0) return [""];
  return OPERATIONS.slice(from).flatMap((name, index) =>
    combine(count - 1, from + index).map((rest) => (rest === "" ? name : `${name} + ${rest}`)),
  );
}

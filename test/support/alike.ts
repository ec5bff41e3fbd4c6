import { timeOf } from "./measure.js";

/** How often kinds of requests are compared at most. */
const COMPARISONS = 8;

/** What is compared: requests that must take the same time. `round` counts from 0. */
type Kinds = Readonly<Record<string, (round: number) => Promise<unknown>>>;

/**
 * Runs all kinds in each round, and `settle` after each. Returns a function that returns the logarithm of how much longer
 * a kind takes than the first kind: the median of all rounds, because other load delays single requests.
 */
export async function compareTimes(
  kinds: Kinds,
  rounds: number,
  settle: () => Promise<unknown> = () => Promise.resolve(),
): Promise<(kind: string) => number> {
  const names = Object.keys(kinds);
  const [first = ""] = names;
  const ratios = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    // The order changes, because work that one kind leaves behind must not always delay the same other kind.
    const turned = names.map((_, index) => names[(index + round) % names.length]!);
    const times = new Map<string, number>();
    for (const name of round % 2 === 0 ? turned : turned.reverse()) {
      times.set(name, await timeOf(() => kinds[name]!(round)));
      await settle();
    }
    // The load changes between rounds, so each time is compared with its own round.
    for (const [name, time] of times) ratios.get(name)!.push(time / times.get(first)!);
  }
  return (kind) => Math.log(median(ratios.get(kind)!));
}

/**
 * Compares kinds of requests until each of these `names` has once taken the same time as the first kind, within
 * `margin`. Other load changes the medians at random, but a real difference appears each time.
 * @returns the other names, with all their differences, after several comparisons
 */
export async function findUnlike(
  names: readonly string[],
  margin: number,
  compare: () => Promise<(kind: string) => number>,
): Promise<Record<string, number[]>> {
  const found = new Map(names.map((name) => [name, [] as number[]]));
  for (let attempt = 0; attempt < COMPARISONS && found.size > 0; attempt += 1) {
    const difference = await compare();
    for (const [name, differences] of found) {
      differences.push(difference(name));
      if (Math.abs(difference(name)) < margin) found.delete(name);
    }
  }
  return Object.fromEntries(found);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

import { expect } from "@jest/globals";
import { timeOf } from "./measure.js";

/** Requests that are compared. The argument is the number of the round, from 0. */
type Kinds = Readonly<Record<string, (round: number) => Promise<unknown>>>;

interface Comparison {
  /** The largest difference that may remain: 0.05 is 5 %. */
  readonly margin: number;
  /** How many rounds to run at least. */
  readonly rounds: number;
  /** Called after each request. */
  readonly settle?: () => Promise<unknown>;
  /** A kind that is slower than the others, to show that the comparison would detect that. */
  readonly control?: string;
}

/** How many times the least number of rounds are run at most. */
const MOST = 8;
/** How many rounds are run between two looks at the times. */
const STEP = 10;

/**
 * Expects that all kinds of requests take the same time. Each round runs each kind once. Because other load delays
 * single requests at random, the medians of all rounds count, and more rounds are run until they are alike. A real
 * difference does not become smaller.
 */
export async function expectAlike(
  kinds: Kinds,
  { margin, rounds, settle = () => Promise.resolve(), control }: Comparison,
): Promise<void> {
  const names = Object.keys(kinds);
  const ratios = new Map(names.map((name) => [name, [] as number[]]));
  /** Returns the logarithm of how much longer a kind takes than the first one. */
  const difference = (name: string) => Math.log(median(ratios.get(name)!));
  const areAlike = () =>
    names.every((name) => name === control || Math.abs(difference(name)) < margin);
  for (let round = 0; round < MOST * rounds; round += 1) {
    if (round >= rounds && round % STEP === 0 && areAlike()) break;
    const times = new Map<string, number>();
    // The order changes, because work that one kind leaves behind must not always delay the same other kind. Two kinds
    // come in the order abba, so that each follows itself and the other one equally often.
    const turned = names.map((_, index) => names[(index + round - (round % 2)) % names.length]!);
    for (const name of round % 2 === 0 ? turned : turned.reverse()) {
      times.set(name, await timeOf(() => kinds[name]!(round)));
      await settle();
    }
    // The load changes between rounds, so each time is compared with its own round.
    for (const [name, time] of times) ratios.get(name)!.push(time / times.get(names[0]!)!);
  }
  const found = Object.fromEntries(names.map((name) => [name, difference(name)]));
  expect([areAlike(), found]).toEqual([true, found]);
  if (control !== undefined) expect(difference(control)).toBeGreaterThan(margin);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

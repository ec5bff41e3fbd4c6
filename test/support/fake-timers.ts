import { expect, jest } from "@jest/globals";
import { eventually } from "./eventually.js";

const OTHERS = ["Date", "hrtime", "nextTick", "performance", "queueMicrotask"] as const;
const IMMEDIATES = ["setImmediate", "clearImmediate"] as const;
const INTERVALS = ["setInterval", "clearInterval"] as const;
const TIMEOUTS = ["setTimeout", "clearTimeout"] as const;

/**
 * From now on, a test moves the timeouts of our own code. Clocks, intervals and Node's own timers, such as those of HTTP,
 * stay real. `jest.useRealTimers` ends this.
 */
export function fakeTimeouts(): void {
  jest.useFakeTimers({ doNotFake: [...OTHERS, ...IMMEDIATES, ...INTERVALS] });
}

/** From now on, a test moves the intervals of our own code. `jest.useRealTimers` ends this. */
export function fakeIntervals(): void {
  jest.useFakeTimers({ doNotFake: [...OTHERS, ...IMMEDIATES, ...TIMEOUTS] });
}

/**
 * From now on, a test moves all clocks and timers but those that the network needs. `jest.useRealTimers` ends this.
 */
export function fakeTime(): void {
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
}

/**
 * Runs this, and expects that a limit ends it after exactly this time.
 * @param hasBegun returns whether the limit has begun
 */
export async function expectToEndAfter<Result>(
  milliseconds: number,
  hasBegun: () => boolean,
  run: () => Promise<Result>,
): Promise<Result> {
  const onEnd = jest.fn();
  fakeTimeouts();
  try {
    const ended = run().finally(onEnd);
    ended.catch(() => undefined);
    await eventually(hasBegun);
    await jest.advanceTimersByTimeAsync(milliseconds - 1);
    expect(onEnd).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await eventually(() => onEnd.mock.calls.length > 0);
    return await ended;
  } finally {
    jest.useRealTimers();
  }
}

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
 * Expects that a limit, which has just begun, ends `running` after exactly this time. Then makes the timeouts real again.
 */
export async function expectToEndAfter<Result>(
  milliseconds: number,
  running: Promise<Result>,
): Promise<Result> {
  const onEnd = jest.fn();
  const ended = running.finally(onEnd);
  ended.catch(() => undefined);
  try {
    await jest.advanceTimersByTimeAsync(milliseconds - 1);
    expect(onEnd).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await eventually(() => onEnd.mock.calls.length > 0);
  } finally {
    jest.useRealTimers();
  }
  return ended;
}

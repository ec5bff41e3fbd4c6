import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { expect } from "@jest/globals";

/** The pause between two checks, in milliseconds. */
const INTERVAL = 5;

/**
 * Waits until `holds` returns true.
 * @param timeout in milliseconds
 * @throws Error if `holds` has not returned true by then
 */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  timeout = 30_000,
): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Still waiting: ${String(holds)}`);
    await sleep(INTERVAL);
  }
}

/**
 * Waits until `read` returns `expected`. A page, for example, moves the focus only after it has drawn what a test has
 * seen.
 * @param timeout in milliseconds
 * @throws like `toEqual`, with the last value, if `read` has not returned it by then
 */
export async function becomes<Value>(
  read: () => Promise<Value>,
  expected: Value,
  timeout = 60_000,
): Promise<void> {
  const end = performance.now() + timeout;
  let value = await read();
  while (!isDeepStrictEqual(value, expected) && performance.now() < end) {
    await sleep(INTERVAL);
    value = await read();
  }
  expect(value).toEqual(expected);
}

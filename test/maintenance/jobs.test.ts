import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type Job, MaintenanceService } from "../../src/maintenance/maintenance.service.js";
import type { Sql } from "../../src/sql.js";
import { fakeIntervals, fakeTime } from "../support/fake-timers.js";

/** Imitates the database. Each statement returns one row, so every lease is acquired. */
const run = () => Promise.resolve([{}] as never[]);
const SQL: Sql = {
  skipLocked: "",
  forUpdate: "",
  read: run,
  readOnce: run,
  write: run,
  writeExclusive: run,
};

/** The time between two reloads of the keys, in milliseconds. */
const RELOAD = 30_000;

const turn = () => new Promise((resolve) => setImmediate(resolve));

let reloads: number;
let maintenance: MaintenanceService;

beforeEach(() => {
  reloads = 0;
  const keys = {
    reload: () => {
      reloads += 1;
      return Promise.resolve();
    },
    rotateIfDue: () => Promise.resolve(),
  };
  maintenance = new MaintenanceService(SQL, { now: () => 0 }, keys);
  fakeIntervals();
});

afterEach(() => {
  jest.useRealTimers();
});

function job(name: string, work: Job["run"]): Job & { readonly runs: () => number } {
  let runs = 0;
  const start = () => {
    runs += 1;
    return work();
  };
  return { name, interval: 30, run: start, runs: () => runs };
}

async function tick(): Promise<void> {
  jest.advanceTimersByTime(RELOAD);
  await turn();
}

describe("a job that never ends", () => {
  const never = () => new Promise(() => undefined);

  test("is not started again, and delays neither the reload of the keys nor another job", async () => {
    const [stuck, other] = [job("stuck", never), job("other", () => Promise.resolve())];
    maintenance.add([stuck, other]);
    maintenance.start();
    for (let time = 0; time < 3; time += 1) await tick();
    expect([stuck.runs(), other.runs(), reloads]).toEqual([1, 3, 3]);
  });

  test("delays the end of the server by at most 5 seconds", async () => {
    fakeTime();
    maintenance.add([job("stuck", never)]);
    maintenance.start();
    await tick();
    const onEnd = jest.fn();
    const stopping = maintenance.stop().then(onEnd);
    await jest.advanceTimersByTimeAsync(4_999);
    expect(onEnd).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await stopping;
    await tick();
    expect(reloads).toBe(1);
  });
});

test("the end of the server waits for a running job", async () => {
  let isDone = false;
  let finish: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (finish = resolve));
  maintenance.add([job("slow", () => slow.then(() => (isDone = true)))]);
  maintenance.start();
  await tick();
  const stopping = maintenance.stop();
  finish();
  await stopping;
  expect(isDone).toBe(true);
});

describe("a job that fails", () => {
  const cause = new Error("no disk");
  const failing = () => job("sweep", () => Promise.reject(cause));

  test("is named in the error, and runs again", async () => {
    const errors: unknown[] = [];
    maintenance.add([failing()]);
    maintenance.start((error) => errors.push(error));
    await tick();
    await tick();
    expect(errors).toEqual(Array.from({ length: 2 }, () => new Error("The job sweep failed")));
    expect((errors[0] as Error).cause).toBe(cause);
  });

  test.each([
    ["without a listener", undefined, "The job sweep failed"],
    ["with a listener that throws", () => fail("full"), "full"],
    ["with a listener that rejects", () => Promise.reject(new Error("away")), "away"],
  ])("%s, makes the process print a warning", async (_what, listener, message) => {
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      maintenance.add([failing()]);
      maintenance.start(listener);
      await tick();
      expect(warning.mock.calls.map(([text]) => text)).toEqual([message]);
      const [, { detail }] = warning.mock.calls[0] as unknown as [string, { detail: string }];
      if (listener === undefined) expect(detail).toContain("Caused by: Error: no disk");
    } finally {
      warning.mockRestore();
    }
  });
});

function fail(message: string): never {
  throw new Error(message);
}

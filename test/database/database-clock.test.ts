import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { DatabaseClock } from "../../src/database/database-clock.js";

/** How far the database's clock is ahead of this machine's, in milliseconds. */
const AHEAD = 3000;

let clock: DatabaseClock | undefined;
let warnings: string[];
/** How often the database's clock was read. */
let readings: number;
/** How far the database's clock is ahead, how long a reading takes, and whether it fails. */
let database: { ahead: number; takes: number; fails: boolean };

beforeEach(() => {
  jest.useFakeTimers({ now: 1_800_000_000_000 });
  warnings = [];
  readings = 0;
  database = { ahead: AHEAD, takes: 0, fails: false };
});
afterEach(async () => {
  await clock?.close();
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** The database answers in the middle of a reading. */
function readTime(): Promise<number> {
  readings += 1;
  jest.advanceTimersByTime(database.takes / 2);
  const time = Date.now() + database.ahead;
  jest.advanceTimersByTime(database.takes / 2);
  return database.fails ? Promise.reject(new Error("no answer")) : Promise.resolve(time);
}

async function start(leeway = 60): Promise<DatabaseClock> {
  const onWarning = ({ message }: Error) => warnings.push(message);
  clock = await DatabaseClock.start(readTime, { leeway, onWarning });
  return clock;
}

/** Returns how far the clock is ahead of this machine's. */
const difference = (of: DatabaseClock) => of.now() - Date.now();

/** Sets this machine's clock. */
function jump(by: number): void {
  const own = Date.now;
  jest.spyOn(Date, "now").mockImplementation(() => own() + by);
}

test("the clock shows the time of the database, in whole milliseconds", async () => {
  database = { ...database, takes: 300, ahead: AHEAD + 0.75 };
  const started = await start();
  expect(difference(started)).toBe(AHEAD);
  jest.advanceTimersByTime(10_000);
  expect(difference(started)).toBe(AHEAD);
  expect(readings).toBe(1);
});

test("the clock is read every 15 seconds, until it is closed", async () => {
  const started = await start();
  database.ahead = AHEAD + 70;
  await jest.advanceTimersByTimeAsync(14_999);
  expect([readings, difference(started)]).toEqual([1, AHEAD]);
  await jest.advanceTimersByTimeAsync(1);
  expect([readings, difference(started)]).toEqual([2, AHEAD + 70]);
  await jest.advanceTimersByTimeAsync(15_000);
  expect(readings).toBe(3);
  await started.close();
  await jest.advanceTimersByTimeAsync(60_000);
  expect(readings).toBe(3);
});

test("a slow reading counts only if it is the first", async () => {
  database.takes = 2000;
  const started = await start();
  expect(difference(started)).toBe(AHEAD);
  database = { ...database, ahead: AHEAD + 70, takes: 502 };
  await jest.advanceTimersByTimeAsync(15_000);
  expect([readings, difference(started)]).toEqual([2, AHEAD]);
  database.takes = 500;
  await jest.advanceTimersByTimeAsync(15_000);
  expect([readings, difference(started)]).toEqual([3, AHEAD + 70]);
});

test("a failed reading changes nothing, and the next one counts", async () => {
  const started = await start();
  database = { ...database, ahead: AHEAD + 70, fails: true };
  await jest.advanceTimersByTimeAsync(15_000);
  expect([readings, difference(started)]).toEqual([2, AHEAD]);
  database.fails = false;
  await jest.advanceTimersByTimeAsync(15_000);
  expect(difference(started)).toBe(AHEAD + 70);
});

test("if the first reading fails, the clock does not start, and is not read again", async () => {
  database.fails = true;
  await expect(start()).rejects.toThrow("no answer");
  await jest.advanceTimersByTimeAsync(60_000);
  expect(readings).toBe(1);
});

test.each([-1001, 1001])(
  "if this machine's clock jumps by %d ms, the database's clock is read once, at once",
  async (by) => {
    const started = await start();
    database.ahead = AHEAD + 70 - by;
    jump(by);
    started.now();
    started.now();
    await jest.advanceTimersByTimeAsync(0);
    expect([readings, difference(started)]).toEqual([2, AHEAD + 70 - by]);
    started.now();
    expect(readings).toBe(2);
  },
);

test.each([-1000, 1000])(
  "if this machine's clock jumps by only %d ms, the database's clock is not read",
  async (by) => {
    const started = await start();
    jump(by);
    started.now();
    expect(readings).toBe(1);
  },
);

test.each([
  [60_400, "60 seconds behind"],
  [-60_600, "61 seconds ahead of"],
])(
  "a difference of more than the leeway is a warning, only once: the database is %d ms ahead",
  async (ahead, words) => {
    database.ahead = ahead;
    await start(60);
    await jest.advanceTimersByTimeAsync(15_000);
    expect(warnings).toEqual([
      `This machine's clock is ${words} the database's. Gatehouse uses the database's. Synchronize both, for example by NTP.`,
    ]);
  },
);

test.each([60_000, -60_000, 0])(
  "a difference of up to the leeway is no warning: the database is %d ms ahead",
  async (ahead) => {
    database.ahead = ahead;
    await start(60);
    expect(warnings).toEqual([]);
  },
);

test("a later difference is a warning, too", async () => {
  await start(60);
  database.ahead = -70_000;
  await jest.advanceTimersByTimeAsync(15_000);
  expect(warnings).toEqual([expect.stringContaining("is 70 seconds ahead of the database's")]);
});

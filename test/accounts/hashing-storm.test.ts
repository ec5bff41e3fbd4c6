import { afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import * as argon2 from "@node-rs/argon2";
import type { Tokens } from "../support/gate.js";

/** How many passwords are hashed now, and at most so far. */
let [hashing, peak] = [0, 0];
/** Hashing begins when this has resolved. */
let free = Promise.resolve();

// This mock waits and counts. The library itself hashes.
jest.unstable_mockModule("@node-rs/argon2", () => ({
  ...argon2,
  verify: async (...parameters: Parameters<typeof argon2.verify>) => {
    hashing += 1;
    peak = Math.max(peak, hashing);
    try {
      await free;
      return await argon2.verify(...parameters);
    } finally {
      hashing -= 1;
    }
  },
}));

const { PasswordHasher } = await import("../../src/accounts/password-hasher.js");
const { attempt, expectThrottled, from, WRONG } = await import("../support/attempts.js");
const { eventually } = await import("../support/eventually.js");
const { fakeTime } = await import("../support/fake-timers.js");
const { PASSWORD, setUpGate } = await import("../support/gate.js");

const STORM = 200;
const CONCURRENCY = 2;
const QUEUE = 64;
/** The longest wait for hashing, in milliseconds. */
const MAX_WAIT = 2000;
/** The load of a hasher that has done nothing. */
const IDLE = { waiting: 0, running: 0, finished: 0, refused: 0, waited: 0 };

const addressOf = (index: number) => from(`198.51.${index >> 4}.${index}`);

const gate = setUpGate({
  trustedProxies: ["127.0.0.1"],
  publicUrl: "https://auth.example.com",
  loginsPerAddress: 30,
  requestsPerAddress: 100,
  loginFailuresPerAccount: 5,
  hashConcurrency: CONCURRENCY,
});
let signedIn: Tokens;

beforeAll(async () => {
  await gate.user("ada");
  signedIn = await gate.login("ada");
});

afterEach(() => {
  jest.useRealTimers();
  free = Promise.resolve();
});

/** Stops all hashing until the function that it returns is called. */
function hold(): () => void {
  let release: () => void = () => undefined;
  free = new Promise((resolve) => (release = resolve));
  return release;
}

test("PW-9: in a storm of 200 logins none hangs, those that would wait too long are refused, and `me` still works", async () => {
  for (let turn = 0; turn < 5; turn += 1) await attempt(gate, "throttled");
  const release = hold();
  let left = STORM;
  const storm = Array.from({ length: STORM }, (_, index) =>
    attempt(gate, `storm-${index}`, WRONG, addressOf(index)).finally(() => (left -= 1)),
  );
  await eventually(() => hashing === CONCURRENCY && left < STORM);
  // A throttled login is refused at once, because it needs no hashing.
  expectThrottled(await attempt(gate, "throttled"), 1);
  expect((await gate.me(signedIn.authorization)).status).toBe(200);
  await eventually(() => left === CONCURRENCY);
  release();
  const answers = await Promise.all(storm);
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused).toHaveLength(STORM - CONCURRENCY);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(CONCURRENCY);
  for (const answer of refused) {
    expect(answer).toMatchObject({ code: "SERVICE_UNAVAILABLE", data: null });
    expect(answer.errors?.[0]?.extensions).toEqual({ code: "SERVICE_UNAVAILABLE", retryAfter: 2 });
    expect(answer.headers.get("retry-after")).toBe("2");
  }
  const after = await attempt(gate, "ada", PASSWORD, from("198.51.99.1"));
  expect(after.status).toBe(200);
});

test("PW-9: a login that was refused for lack of capacity is not reported as a failed login", () => {
  const failed = gate.events.filter((event) => event.type === "login_failed");
  const reasons = new Set(failed.map((event) => event.reason));
  expect([...reasons].sort()).toEqual(["invalid_credentials", "throttled"]);
});

/** Verifies many passwords at once. Returns the hasher, and how each attempt ended. */
function verifyMany() {
  const hasher = new PasswordHasher(CONCURRENCY);
  const codes: string[] = [];
  const storm = Promise.all(
    Array.from({ length: STORM }, () =>
      hasher.verify(null, WRONG).then(
        () => codes.push("hashed"),
        (error: unknown) => codes.push((error as { code: string }).code),
      ),
    ),
  );
  const count = (code: string) => codes.filter((each) => each === code).length;
  return {
    hasher,
    storm,
    ended: () => ({ hashed: count("hashed"), refused: count("SERVICE_UNAVAILABLE") }),
  };
}

test("PW-9: of 200 passwords, at most 2 are hashed at once", async () => {
  peak = 0;
  const { hasher, storm, ended } = verifyMany();
  expect(hasher.load).toEqual({ ...IDLE, waiting: QUEUE, refused: STORM - QUEUE });
  await storm;
  const { hashed, refused } = ended();
  expect(peak).toBe(CONCURRENCY);
  expect(hashed + refused).toBe(STORM);
  expect(hashed).toBeGreaterThan(0);
  const { waited, ...load } = hasher.load;
  expect(load).toEqual({ waiting: 0, running: 0, finished: hashed, refused });
  expect(waited).toBeGreaterThan(0);
  expect(await hasher.verify(null, WRONG)).toBe(false);
});

test("PW-9: of 200 passwords, at most 64 wait, for up to 2 seconds", async () => {
  fakeTime();
  // The clock must not begin at 0, or a sum of instants would look like a difference.
  await jest.advanceTimersByTimeAsync(1);
  const release = hold();
  const { hasher, storm, ended } = verifyMany();
  expect(hasher.load).toEqual({ ...IDLE, waiting: QUEUE, refused: STORM - QUEUE });
  await jest.advanceTimersByTimeAsync(MAX_WAIT - 1);
  const waiting = QUEUE - CONCURRENCY;
  const load = { ...IDLE, running: CONCURRENCY };
  expect(hasher.load).toEqual({ ...load, waiting, refused: STORM - QUEUE });
  expect(ended()).toEqual({ hashed: 0, refused: STORM - QUEUE });
  await jest.advanceTimersByTimeAsync(1);
  const refused = STORM - CONCURRENCY;
  expect(hasher.load).toEqual({ ...load, refused, waited: (waiting * MAX_WAIT) / 1000 });
  expect(ended()).toEqual({ hashed: 0, refused });
  jest.useRealTimers();
  release();
  await storm;
  expect(ended()).toEqual({ hashed: CONCURRENCY, refused });
});

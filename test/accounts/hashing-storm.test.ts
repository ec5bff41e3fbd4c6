import { beforeAll, expect, test } from "@jest/globals";
import { PasswordHasher } from "../../src/accounts/password-hasher.js";
import { attempt, expectThrottled, from, WRONG } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { PASSWORD, setUpGate, type Tokens } from "../support/gate.js";

const STORM = 200;
const CONCURRENCY = 2;
const QUEUE = 64;
/** In milliseconds: the longest wait for hashing, and the time after which a request counts as hanging. */
const MAX_WAIT = 2000;
const HANG_TIME = 3000;
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

test("PW-9: in a storm of 200 logins none hangs, some are refused because they would wait too long, and `me` still works", async () => {
  for (let turn = 0; turn < 5; turn += 1) await attempt(gate, "throttled");
  // The same number of requests without hashing shows how fast this machine is.
  const start = performance.now();
  await Promise.all(
    Array.from({ length: STORM }, (_, index) =>
      attempt(gate, `calm-${index}`, "", addressOf(index)),
    ),
  );
  const machine = performance.now() - start;
  let left = STORM;
  const took: number[] = [];
  const storm = Array.from({ length: STORM }, async (_, index) => {
    const start = performance.now();
    const answer = await attempt(gate, `storm-${index}`, WRONG, addressOf(index));
    took.push(performance.now() - start);
    left -= 1;
    return answer;
  });
  const calm: number[] = [];
  await Promise.race(storm);
  // A throttled login is refused at once, because it needs no hashing.
  expectThrottled(await attempt(gate, "throttled"), 1);
  while (left > 0) {
    const start = performance.now();
    expect((await gate.me(signedIn.authorization)).status).toBe(200);
    calm.push(performance.now() - start);
  }
  const answers = await Promise.all(storm);
  const refused = answers.filter(({ status }) => status === 503);
  const hashed = answers.filter(({ status }) => status === 401);
  expect(hashed.length + refused.length).toBe(STORM);
  expect(hashed.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) {
    expect(answer).toMatchObject({ code: "SERVICE_UNAVAILABLE", data: null });
    expect(answer.errors?.[0]?.extensions).toEqual({ code: "SERVICE_UNAVAILABLE", retryAfter: 2 });
    expect(answer.headers.get("retry-after")).toBe("2");
  }
  expect(Math.max(...took)).toBeLessThan(HANG_TIME + 2 * machine);
  expect(Math.max(...calm)).toBeLessThan(1000 + machine);
  const after = await attempt(gate, "ada", PASSWORD, from("198.51.99.1"));
  expect(after.status).toBe(200);
});

test("PW-9: a login that was refused for lack of capacity is not reported as a failed login", () => {
  const failed = gate.events.filter((event) => event.type === "login_failed");
  const reasons = new Set(failed.map((event) => event.reason));
  expect([...reasons].sort()).toEqual(["invalid_credentials", "throttled"]);
});

test("PW-9: of 200 passwords, at most 2 are hashed at once, and at most 64 wait for up to 2 seconds", async () => {
  const hasher = new PasswordHasher(CONCURRENCY);
  const start = performance.now();
  const storm = Promise.all(
    Array.from({ length: STORM }, () =>
      hasher.verify(null, WRONG).then(
        () => ({ code: "hashed", took: performance.now() - start }),
        (error: unknown) => ({
          code: (error as { code: string }).code,
          took: performance.now() - start,
        }),
      ),
    ),
  );
  expect(hasher.load).toEqual({ ...IDLE, waiting: QUEUE, refused: STORM - QUEUE });
  await eventually(() => hasher.load.running === CONCURRENCY);
  const outcomes = await storm;
  const hashed = outcomes.filter(({ code }) => code === "hashed");
  const refused = outcomes.filter(({ code }) => code === "SERVICE_UNAVAILABLE");
  expect(hashed.length + refused.length).toBe(STORM);
  expect(hashed.length).toBeGreaterThan(0);
  expect(hashed.length).toBeLessThanOrEqual(CONCURRENCY + QUEUE);
  for (const { took } of refused) expect(took).toBeLessThan(MAX_WAIT + 500);
  const { waited, ...load } = hasher.load;
  expect(load).toEqual({
    ...{ waiting: 0, running: 0 },
    ...{ finished: hashed.length, refused: refused.length },
  });
  expect(waited).toBeGreaterThan(0);
  expect(waited).toBeLessThan((QUEUE * (MAX_WAIT + 500)) / 1000);
  expect(await hasher.verify(null, WRONG)).toBe(false);
});

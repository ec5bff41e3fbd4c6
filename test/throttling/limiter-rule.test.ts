import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemoryLimiter } from "../../src/throttling/memory-limiter.js";
import { SqlLimiter } from "../../src/throttling/sql-limiter.js";
import { describeGates } from "../support/gate.js";

const RUNS = 40;
const HOUR = 3_600_000;

const rules = fc.record(
  {
    limit: fc.integer({ min: 1, max: 4 }),
    window: fc.integer({ min: 1, max: 10 }),
    delay: fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 30 }))
      .map(([first, more]) => ({ first, max: first + more })),
  },
  { requiredKeys: ["limit", "window"] },
);

/** The milliseconds by which the clock moves, from now or from the end of the wait. */
const moves = fc.array(
  fc.record({
    fromWait: fc.boolean(),
    by: fc.oneof(
      fc.constantFrom(0, -1, 1, -HOUR),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 0, max: 12_000 }),
    ),
  }),
  { minLength: 5, maxLength: 25 },
);

describeGates({}, (gate) => {
  test("the database counts attempts as memory does, under any rule, and also after the clock was set back", async () => {
    let count = 0;
    const counting = fc.asyncProperty(rules, moves, async (values, steps) => {
      let { now } = gate;
      const rule = { name: `rule-${(count += 1)}`, ...values };
      const memory = new MemoryLimiter(rule, () => now);
      const database = new SqlLimiter(rule, gate.core.sql, () => now);
      let wait = 0;
      for (const { fromWait, by } of steps) {
        now += by + (fromWait ? wait : 0);
        wait = await memory.consume("key");
        expect(await database.consume("key")).toBe(wait);
      }
    });
    await fc.assert(counting, { numRuns: RUNS });
  });
});

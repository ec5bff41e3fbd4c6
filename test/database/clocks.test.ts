import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { DatabaseClock } from "../../src/database/database-clock.js";
import { type Serving, serveBeside } from "../support/command.js";
import { describePostgres } from "../support/databases.js";
import { moveClock } from "../support/fake-clock.js";
import { setUpGate } from "../support/gate.js";
import { describeWith } from "../support/programs.js";

const SECRET_KEY = randomBytes(32).toString("base64url");
/** In milliseconds. Long, because starting a server with another clock takes a while on a busy machine. */
const TIMEOUT = 120_000;

describePostgres("over postgresql", () => {
  const gate = setUpGate({ secretKey: SECRET_KEY, now: Date.now }, "postgresql");

  describeWith("faketime")("a server whose clock is", () => {
    describe.each([
      ["300 seconds ahead of", "+300s"],
      ["300 seconds behind", "-300s"],
      ["3600 seconds ahead of", "+3600s"],
    ])("%s the database's", (difference, by) => {
      let other: Serving;
      let ada: string;

      beforeAll(async () => {
        ada = await gate.user(`ada${by}`);
        other = await serveBeside(gate, SECRET_KEY, await moveClock(by));
      }, TIMEOUT);

      afterAll(() => other.stop());

      test("accepts the tokens of other servers, and they accept its tokens", async () => {
        const { access, refresh } = await gate.issue(ada);
        expect(
          (await gate.ask("{ me { id } }", { authorization: `Bearer ${access}`, url: other.url }))
            .status,
        ).toBe(200);
        const { data } = await gate.refresh(refresh, { url: other.url });
        const { access: second } = data.refreshToken;
        expect((await gate.me(`Bearer ${second}`)).status).toBe(200);
        const { exp, iat } = JSON.parse(Buffer.from(second.split(".")[1], "base64url").toString());
        expect(exp - iat).toBe(300);
        expect(Math.abs(iat * 1000 - Date.now())).toBeLessThan(30_000);
      });

      test("W3: treats an honest retry as a retry", async () => {
        const { refresh } = await gate.issue(ada);
        const first = await gate.refresh(refresh);
        const retry = await gate.refresh(refresh, { url: other.url });
        expect([retry.status, retry.reason]).toEqual([200, undefined]);
        expect(retry.data.refreshToken.refresh).toBe(first.data.refreshToken.refresh);
      });

      test("still treats a late replay as reuse", async () => {
        const { refresh, session } = await gate.issue(ada);
        await gate.refresh(refresh);
        await gate.sql("UPDATE session SET rotated_at = rotated_at - 11000 WHERE id = ?", [
          session.id,
        ]);
        const replay = await gate.refresh(refresh, { url: other.url });
        expect(replay.reason).toBe("token_reused");
      });

      test("prints one warning that names the difference", () => {
        const warning = `"message":"This machine's clock is ${difference} the database's.`;
        expect(other.output.split(warning)).toHaveLength(2);
      });
    });
  });
});

test("after this machine was suspended, the database's clock is read at once", async () => {
  const [start, sleep] = [1_800_000_000_000, 600_000];
  let time = start;
  const onWarning = () => undefined;
  const clock = await DatabaseClock.start(() => Promise.resolve(time), { leeway: 5, onWarning });
  try {
    expect(clock.now()).toBeLessThan(start + sleep);
    const own = Date.now;
    jest.spyOn(Date, "now").mockImplementation(() => own() + sleep);
    time += sleep;
    clock.now();
    await new Promise(setImmediate);
    expect(clock.now()).toBeGreaterThanOrEqual(start + sleep);
  } finally {
    jest.restoreAllMocks();
    await clock.close();
  }
});

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { attempt, expectThrottled, REFUSED } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { findFreePort } from "../support/free-port.js";
import { Gate } from "../support/gate.js";
import { ownTimeOf } from "../support/measure.js";
import { describeRedis, faultsOf, REDIS_URL } from "../support/redis.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const FREE = 5;
/** The longest start, in milliseconds. A start waits for Redis for a second. */
const START = 5000;
const VERIFY = `mutation { verifyToken(token: "no.token.at-all") { active } }`;

describeRedis("a start without Redis", () => {
  test("OP-8: logs why Redis is unreachable", async () => {
    const gate = await Gate.open({
      redisUrl: `redis://127.0.0.1:${await findFreePort()}`,
      logLevel: "warn",
    });
    await gate.close();
    expect(faultsOf(gate)).toEqual([expect.stringContaining("ECONNREFUSED")]);
  });

  test("OP-8: succeeds quickly, counts from the first attempt, and uses Redis once it is reachable", async () => {
    const proxy = await TcpProxy.open(REDIS_URL);
    proxy.cut();
    const gate = new Gate({ redisUrl: proxy.url, loginFailuresPerAccount: FREE });
    try {
      expect(await ownTimeOf(() => gate.start())).toBeLessThan(START);
      for (let turn = 0; turn < FREE; turn += 1) {
        expect(await attempt(gate, "ada")).toMatchObject(REFUSED);
      }
      expectThrottled(await attempt(gate, "ada"), 1);
      proxy.pass();
      await eventually(async () => {
        await gate.ask(VERIFY);
        return proxy.answered > 0 && (await attempt(gate, "ada")).status === 401;
      });
    } finally {
      await gate.close();
      await proxy.close();
    }
  });

  test("OP-8: tries to connect about five times in the first second", async () => {
    let attempts = 0;
    const closing = createServer((socket) => {
      attempts += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(closing, "listening");
    const { port } = closing.address() as AddressInfo;
    const gate = new Gate({ redisUrl: `redis://127.0.0.1:${port}` });
    const fourAttempts = ownTimeOf(() => eventually(() => attempts >= 4));
    await gate.start();
    expect(attempts).toBeLessThan(10);
    expect(await fourAttempts).toBeLessThan(1000);
    await gate.close();
    closing.close();
  });

  test("OP-8: succeeds if Redis accepts connections but never replies", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const gate = new Gate({
      redisUrl: `redis://127.0.0.1:${port}`,
      requestsPerAddress: 1,
      logLevel: "warn",
    });
    try {
      expect(await ownTimeOf(() => gate.start())).toBeLessThan(START);
      expect(faultsOf(gate)).toEqual([expect.stringContaining("no reply")]);
      expect((await gate.ask(VERIFY)).status).toBe(200);
      expectThrottled(await gate.ask(VERIFY), 60);
    } finally {
      await gate.close();
      silent.close();
    }
  });
});

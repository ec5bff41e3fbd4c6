import { beforeAll, describe, expect, test } from "@jest/globals";
import { graphql } from "graphql";
import {
  attempt,
  attemptByEmail,
  expectThrottled,
  from,
  REFUSED,
  WRONG,
} from "../support/attempts.js";
import { type Call, PASSWORD, setUpGate } from "../support/gate.js";

const LOGINS = 30;
const REQUESTS = 100;
const MINUTE = 60;
const VERIFY = `mutation ($token: String!) { verifyToken(token: $token) { active } }`;
const GARBAGE = "no.token.at-all";

/** Each test uses its own network, so that it does not use up the limits of another test. */
let network = 0;
const freshAddress = () => `198.51.${(network += 1)}.1`;

const gate = setUpGate({
  trustedProxies: ["127.0.0.1"],
  publicUrl: "https://auth.example.com",
  loginsPerAddress: LOGINS,
  requestsPerAddress: REQUESTS,
  refreshesPerAddress: 150,
  refreshesPerSession: 30,
  loginFailuresPerAccount: 5,
});

beforeAll(async () => {
  await gate.user("ada", { email: "ada@example.com" });
});

/** Uses up the logins of an address, each with a different username. */
async function useUp(call: Call): Promise<void> {
  for (let turn = 0; turn < LOGINS; turn += 1) {
    const answer = await attempt(gate, `nobody-${network}-${turn}`, WRONG, call);
    expect([turn, answer.code]).toEqual([turn, "UNAUTHENTICATED"]);
  }
}

describe("logins from one address", () => {
  test("LG-3: are checked only 30 times for 200 usernames with one password", async () => {
    const call = from(freshAddress());
    const statuses: number[] = [];
    for (let turn = 0; turn < 200; turn += 1) {
      statuses.push((await attempt(gate, `sprayed-${turn}`, WRONG, call)).status);
    }
    expect(statuses).toEqual([...Array<number>(30).fill(401), ...Array<number>(170).fill(429)]);
  });

  test("LG-3: are allowed again a minute after the first one, and the response gives the wait in whole seconds", async () => {
    const call = from(freshAddress());
    await useUp(call);
    expectThrottled(await attempt(gate, "ada", PASSWORD, call), MINUTE);
    gate.advance(MINUTE - 1);
    expectThrottled(await attempt(gate, "ada", PASSWORD, call), 1);
    gate.advance(1);
    expect((await attempt(gate, "ada", PASSWORD, call)).status).toBe(200);
  });

  test("LG-3: count even if they succeed", async () => {
    const other = await gate.another({ loginsPerAddress: 3 });
    try {
      const call = from(freshAddress());
      for (let turn = 0; turn < 3; turn += 1) {
        expect((await attempt(other, "ada", PASSWORD, call)).status).toBe(200);
      }
      expectThrottled(await attempt(other, "ada", PASSWORD, call), MINUTE);
    } finally {
      await other.close();
    }
  });

  test("LG-3, LG-6: share one limit, whether by username or by e-mail address", async () => {
    const call = from(freshAddress());
    for (let turn = 0; turn < LOGINS; turn += 2) {
      await attempt(gate, `name-${turn}`, WRONG, call);
      await attemptByEmail(gate, `name-${turn}@example.com`, WRONG, call);
    }
    expectThrottled(await attemptByEmail(gate, "ada@example.com", PASSWORD, call), MINUTE);
    expectThrottled(await attempt(gate, "ada", PASSWORD, call), MINUTE);
  });

  test("LG-3: are counted per /64 network of IPv6, in any spelling of the address", async () => {
    const inside = (turn: number) =>
      turn % 2 ? `2001:db8:5:6::${turn.toString(16)}` : `2001:0DB8:0005:0006:${turn}:ff:1:2`;
    for (let turn = 0; turn < LOGINS; turn += 1) {
      await attempt(gate, `six-${turn}`, WRONG, from(inside(turn)));
    }
    expectThrottled(await attempt(gate, "ada", PASSWORD, from("2001:db8:5:6:a:b:c:d")), MINUTE);
    for (const other of ["2001:db8:5:7::1", "2001:db8:6:6::1", "2001:db8:5:5:ffff::1"]) {
      expect((await attempt(gate, "ada", PASSWORD, from(other))).status).toBe(200);
    }
  });

  test("LG-3: are counted for the IPv4 address if it is written as IPv6", async () => {
    const address = freshAddress();
    const [, , third = ""] = address.split(".");
    const hex = Number(third).toString(16).padStart(2, "0");
    const spellings = [`::ffff:${address}`, `::FFFF:c633:${hex}01`, address];
    for (let turn = 0; turn < LOGINS; turn += 1) {
      await attempt(gate, `mapped-${turn}`, WRONG, from(spellings[turn % 3]!));
    }
    for (const spelling of spellings) {
      expectThrottled(await attempt(gate, "ada", PASSWORD, from(spelling)), MINUTE);
    }
    const neighbour = `::ffff:198.51.${third}.2`;
    expect((await attempt(gate, "ada", PASSWORD, from(neighbour))).status).toBe(200);
  });
});

describe("the client's address", () => {
  test("LG-8: is the right-most address that is not a trusted proxy, whatever precedes it", async () => {
    const address = freshAddress();
    const forged = (turn: number) => [
      `203.0.113.${turn}, ${address}`,
      `127.0.0.1, 203.0.113.${turn},${address}`,
      `${address}, 127.0.0.1`,
      `garbage, ${address}`,
    ];
    for (let turn = 0; turn < LOGINS; turn += 1) {
      await attempt(gate, `hop-${turn}`, WRONG, from(forged(turn)[turn % 4]!));
    }
    for (const forwarded of forged(99)) {
      expectThrottled(await attempt(gate, "ada", PASSWORD, from(forwarded)), MINUTE);
    }
    const other = from(`${address}, ${freshAddress()}`);
    expect((await attempt(gate, "ada", PASSWORD, other)).status).toBe(200);
  });

  test("LG-8: is the proxy's own address if the proxy forwards no valid one", async () => {
    for (let turn = 0; turn < LOGINS; turn += 1) {
      const hop = ["garbage", "", "unknown", "1.2.3.4:80", "203.0.113.9, _hidden"][turn % 5]!;
      await attempt(gate, `hidden-${turn}`, WRONG, from(hop));
    }
    expectThrottled(await attempt(gate, "ada", PASSWORD, from("999.1.1.1")), MINUTE);
    expectThrottled(await attempt(gate, "ada", PASSWORD), MINUTE);
    gate.advance(MINUTE);
  });

  test("LG-8: is the socket's peer if no proxy is trusted, whatever headers are forged", async () => {
    const bare = await gate.another({ trustedProxies: [], loginsPerAddress: 4 });
    try {
      const names = ["x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip"];
      for (const [turn, name] of names.entries()) {
        const value = name === "forwarded" ? `for=203.0.113.${turn}` : `203.0.113.${turn}`;
        const answer = await attempt(bare, `bare-${turn}`, WRONG, { headers: { [name]: value } });
        expect(answer.code).toBe("UNAUTHENTICATED");
      }
      for (const name of names) {
        const headers = { [name]: freshAddress() };
        expectThrottled(await attempt(bare, "ada", PASSWORD, { headers }), MINUTE);
      }
    } finally {
      await bare.close();
    }
  });
});

describe("calls that check a credential", () => {
  test("V-11: 100 of 1000 calls of verifyToken from one address are answered", async () => {
    const address = freshAddress();
    const call = { ...from(address), variables: { token: GARBAGE } };
    const statuses: number[] = [];
    for (let turn = 0; turn < 150; turn += 1) {
      statuses.push((await gate.ask(VERIFY, call)).status);
    }
    expect(statuses).toEqual([
      ...Array<number>(REQUESTS).fill(200),
      ...Array<number>(50).fill(429),
    ]);
    for (let turn = 150; turn < 1000; turn += 1) {
      const verifying = gate.auth.authentication.verifyToken(GARBAGE, {
        ipAddress: address,
        userAgent: null,
      });
      await expect(verifying).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfter: 60 });
    }
    expectThrottled(await gate.ask(VERIFY, call), MINUTE);
    gate.advance(MINUTE);
    expect((await gate.ask(VERIFY, call)).data).toEqual({ verifyToken: { active: false } });
  });

  test("LG-3: logins, refreshes, logouts by token and verifications share 100 a minute", async () => {
    const call = from(freshAddress());
    const calls = [
      () => gate.ask(VERIFY, { ...call, variables: { token: GARBAGE } }),
      () => gate.refresh(GARBAGE, call),
      () => gate.ask(`mutation { logout(refresh: "${GARBAGE}") { message } }`, call),
      () => attempt(gate, `shared-${network}`, WRONG, call),
    ];
    for (let turn = 0; turn < REQUESTS; turn += 1) {
      const next = turn < 4 * 5 ? calls[turn % 4]! : calls[turn % 3]!;
      expect([turn, (await next()).code]).not.toEqual([turn, "TOO_MANY_REQUESTS"]);
    }
    for (const next of calls) expectThrottled(await next(), MINUTE);
  });

  test("LG-3: the limit does not apply to a signed-in user's reads and logout", async () => {
    const address = freshAddress();
    const { authorization } = await gate.login("ada");
    const call = { ...from(address), authorization };
    for (let turn = 0; turn < REQUESTS; turn += 1) {
      await gate.ask(VERIFY, { ...call, variables: { token: GARBAGE } });
    }
    expectThrottled(await gate.refresh(GARBAGE, call), MINUTE);
    expect((await gate.ask("{ me { username } }", call)).data.me.username).toBe("ada");
    expect((await gate.ask("mutation { logout { sessionsEnded } }", call)).data.logout).toEqual({
      sessionsEnded: 1,
    });
  });
});

describe("refreshes", () => {
  const WINDOW = 5 * MINUTE;

  /** Refreshes from a different address each time. */
  const refresh = (token: string, turn: number) =>
    gate.refresh(token, from(`203.${network}.${turn}.1`));

  test("RF-11: 30 in 5 minutes are answered for one session, from any addresses", async () => {
    freshAddress();
    let { refresh: token } = await gate.login("ada");
    for (let turn = 0; turn < 30; turn += 1) {
      token = (await refresh(token, turn)).data.refreshToken.refresh;
    }
    expectThrottled(await refresh(token, 31), WINDOW);
    const { refresh: other } = await gate.login("ada");
    expect((await refresh(other, 32)).status).toBe(200);
    gate.advance(WINDOW - 1);
    expectThrottled(await refresh(token, 33), 1);
    gate.advance(1);
    expect((await refresh(token, 34)).status).toBe(200);
  });

  test("RF-11: 150 in 5 minutes are answered for one address, with any sessions", async () => {
    const call = from(freshAddress());
    let current: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) current.push((await gate.login("ada")).refresh);
    for (let turn = 0; turn < 25; turn += 1) {
      if (turn % 10 === 9) gate.advance(MINUTE);
      const answers = await Promise.all(current.map((token) => gate.refresh(token, call)));
      current = answers.map(({ data }) => data.refreshToken.refresh);
    }
    expectThrottled(await gate.refresh(current[0]!, call), WINDOW - 2 * MINUTE);
    const elsewhere = await gate.refresh(current[0]!, from(freshAddress()));
    expect(elsewhere.status).toBe(200);
  });
});

describe("LG-4: each check of a credential counts, not only each request", () => {
  test("a document with more such fields than the limit is refused, even by an application's own server", async () => {
    const fields = Array.from(
      { length: REQUESTS + 1 },
      (_, index) => `a${index}: verifyToken(token: "${GARBAGE}") { active }`,
    );
    const run = async (count: number) =>
      graphql({
        schema: gate.auth.schema,
        source: `mutation { ${fields.slice(0, count).join(" ")} }`,
        contextValue: await gate.auth.createContext({ headers: {}, ip: freshAddress() }),
      });
    const within = await run(REQUESTS);
    expect(within.errors).toBeUndefined();
    expect(Object.keys(within.data ?? {})).toHaveLength(REQUESTS);
    const beyond = await run(REQUESTS + 1);
    expect(beyond.data).toBeNull();
    expect(beyond.errors).toMatchObject([
      { path: [`a${REQUESTS}`], extensions: { code: "TOO_MANY_REQUESTS", reason: "throttled" } },
    ]);
  });

  test("a login in code counts for the account, and for the address if it has one", async () => {
    const login = (name: string, ipAddress: string | null) =>
      gate.auth.authentication
        .login({ username: name }, WRONG, "JWT", { ipAddress, userAgent: null })
        .then(
          () => null,
          (error: unknown) => (error as { code: string }).code,
        );
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await login("in.code", null)).toBe("UNAUTHENTICATED");
    }
    expect(await login("in.code", null)).toBe("TOO_MANY_REQUESTS");
    expect(await attempt(gate, "in.code", PASSWORD, from(freshAddress()))).toMatchObject({
      status: 429,
    });
    const address = freshAddress();
    await useUp(from(address));
    expect(await login("another.in.code", address)).toBe("TOO_MANY_REQUESTS");
    expect(await login("another.in.code", null)).toBe("UNAUTHENTICATED");
  });
});

test("calls in code for clients without an address share one limit, and calls without a client have none", async () => {
  gate.advance(MINUTE);
  const hidden = { ipAddress: null, userAgent: null };
  const verify = (client?: typeof hidden) => gate.auth.authentication.verifyToken(GARBAGE, client);
  for (let turn = 0; turn < REQUESTS; turn += 1) expect(await verify(hidden)).toBeNull();
  await expect(verify(hidden)).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfter: 60 });
  for (let turn = 0; turn <= REQUESTS; turn += 1) expect(await verify()).toBeNull();
});

test("LG-2, LG-3: a login that is refused for its address does not count for the account", async () => {
  const call = from(freshAddress());
  await useUp(call);
  for (let turn = 0; turn < 10; turn += 1) {
    expectThrottled(await attempt(gate, "ada", PASSWORD, call), MINUTE);
  }
  expect(await attempt(gate, "ada", WRONG, from(freshAddress()))).toMatchObject(REFUSED);
  expect((await attempt(gate, "ada", PASSWORD, from(freshAddress()))).status).toBe(200);
});

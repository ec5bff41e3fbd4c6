import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type AuthClient, createAuthClient } from "../../src/client/index.js";
import { answerWith, FaultyProxy, LOSSES } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const ME = "query Me { me { username } }";
/** Seconds after which an access token has expired. */
const EXPIRED = 310;

const gate = setUpGate();
let proxy: FaultyProxy;
let client: AuthClient;

beforeAll(async () => {
  await gate.user("ada", { email: "ada@example.com" });
  proxy = await FaultyProxy.open(gate.url);
});

beforeEach(async () => {
  client = createAuthClient({ url: proxy.url, timeout: 2 });
  await client.login("ada", PASSWORD);
  proxy.reset();
  gate.events.length = 0;
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => proxy.close());

const refreshes = () => gate.events.filter(({ type }) => type === "token_refreshed").length;

async function me(): Promise<any> {
  const response = await client.authFetch(proxy.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: ME }),
  });
  return response.json();
}

/** Sets this machine's clock, as the client reads it. */
function setClock(hours: number): void {
  jest.restoreAllMocks();
  const now = Date.now;
  jest.spyOn(Date, "now").mockImplementation(() => now() + hours * 3_600_000);
}

describe("an access token", () => {
  test("is renewed before it expires, so that no request is refused", async () => {
    setClock(4.5 / 60);
    expect((await me()).data.me.username).toBe("ada");
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Refresh", "Me"]);
  });

  test("is sent unchanged while it is valid for long enough", async () => {
    setClock(3 / 60);
    expect((await me()).data.me.username).toBe("ada");
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Me"]);
  });

  test("is renewed if the server refuses it as expired, and the request is retried", async () => {
    gate.advance(EXPIRED);
    expect((await me()).data.me.username).toBe("ada");
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Me", "Refresh", "Me"]);
    expect(client.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("is renewed once for fifty requests that are refused at the same time", async () => {
    client = createAuthClient({ url: proxy.url });
    await client.login("ada", PASSWORD);
    proxy.reset();
    gate.events.length = 0;
    gate.advance(EXPIRED);
    const answers = await Promise.all(Array.from({ length: 50 }, () => me()));
    expect(answers.map(({ data }) => data?.me.username)).toEqual(Array(50).fill("ada"));
    expect(refreshes()).toBe(1);
    expect(proxy.count("Me")).toBe(100);
  });

  test("is not renewed again if the new one is refused too, and the response is returned", async () => {
    const refused = answerWith(200, "UNAUTHENTICATED", { reason: "token_expired" });
    proxy.spoil("Me", ...Array(10).fill(refused));
    expect((await me()).errors[0].extensions.reason).toBe("token_expired");
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Me", "Refresh", "Me"]);
  });

  test("is never replaced after a refusal by the token of a user who has logged in since", async () => {
    await gate.user("bob");
    const { authorization } = client.getSession();
    await client.login("bob", PASSWORD);
    const expired = [
      { message: "", extensions: { code: "UNAUTHENTICATED", reason: "token_expired" } },
    ];
    expect(await client.recover(authorization, expired)).toBeNull();
    expect(client.getSession().user?.username).toBe("bob");
  });
});

describe("a token whose claims are not an object", () => {
  const tokens = ["null", "1", '"text"', "[]"].map((claims) => `x.${btoa(claims)}.x`);

  test.each(tokens)("belongs to no session: %s", async (token) => {
    expect(await client.recover(`Bearer ${token}`, undefined)).toBeNull();
  });

  test.each(tokens)("is used, but not renewed ahead of time: %s", async (access) => {
    proxy.spoil("Refresh", (response, body) => {
      const { data } = JSON.parse(body);
      const refreshToken = { ...data.refreshToken, access };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ data: { refreshToken } }));
    });
    expect(await client.refresh()).toMatchObject({ status: "authenticated", token: access });
    expect(await client.getAuthorization()).toBe(`Bearer ${access}`);
    expect(proxy.count("Refresh")).toBe(1);
  });
});

describe("a clock that is wrong by an hour", () => {
  test.each([
    ["ahead", 1],
    ["behind", -1],
  ])(
    "(%s) from the start: tokens are renewed once, and only when they expire",
    async (_, hours) => {
      setClock(hours);
      await client.login("ada", PASSWORD);
      proxy.reset();
      await me();
      await me();
      gate.advance(EXPIRED);
      await me();
      await me();
      expect(proxy.seen.map(({ operation }) => operation)).toEqual([
        "Me",
        "Me",
        "Me",
        "Refresh",
        "Me",
        "Me",
      ]);
    },
  );

  test.each([
    ["forward", 1],
    ["back", -1],
  ])("since it was set %s after the login: one refresh is enough", async (_, hours) => {
    setClock(hours);
    for (let count = 0; count < 3; count += 1) expect((await me()).data.me.username).toBe("ada");
    expect(refreshes()).toBe(1);
    expect(client.getSession()).toMatchObject({ status: "authenticated", error: null });
  });
});

describe("a lost response to a refresh", () => {
  test.each(Object.entries(LOSSES))(
    "%s is requested again with the same token",
    async (_, loss) => {
      proxy.spoil("Refresh", loss);
      const before = client.getSession().token;
      expect(await client.refresh()).toMatchObject({ status: "authenticated", error: null });
      const sent = proxy.seen.map(({ variables }) => variables["refresh"]);
      expect(sent.length).toBe(2);
      expect(new Set(sent).size).toBe(1);
      expect(client.getSession().token).not.toBe(before);
      expect((await me()).data.me.username).toBe("ada");
      expect(gate.events.map(({ type }) => type)).not.toContain("token_reused");
    },
  );

  test.each([
    ["that is cut off before its first byte", "offline"],
    ["that is cut off half-way", "offline"],
    ["that is truncated JSON", "bad_answer"],
    ["that is a proxy's page", "bad_answer"],
    ["that is a 502 without a body", "bad_answer"],
    ["that is a GraphQL error with status 500", "internal_server_error"],
  ])(
    "%s at every attempt: retries stop, the session stays, and the state says %s",
    async (loss, reason) => {
      jest.spyOn(Math, "random").mockReturnValue(0);
      proxy.spoil("Refresh", ...Array(10).fill(LOSSES[loss]));
      const state = await client.refresh();
      expect(state).toMatchObject({ status: "authenticated", error: { reason } });
      const attempts = proxy.count("Refresh");
      expect(attempts).toBeGreaterThan(1);
      expect(attempts).toBeLessThan(5);
    },
  );

  test("keeps the session, and the next refresh succeeds once the server is back", async () => {
    proxy.spoil("Refresh", ...Array(4).fill((response: any) => response.destroy()));
    const second = createAuthClient({ url: proxy.url, timeout: 2 });
    await second.login("ada", PASSWORD);
    expect((await second.refresh()).error?.reason).toBe("offline");
    proxy.reset();
    expect(await second.refresh()).toMatchObject({ status: "authenticated", error: null });
    expect(proxy.count("Refresh")).toBe(1);
  });

  test("delays the client's own refreshes by a second, but not one that the program asks for", async () => {
    proxy.spoil("Refresh", ...Array(4).fill(LOSSES["that is a 502 without a body"]));
    expect((await client.refresh()).error?.reason).toBe("bad_answer");
    proxy.reset();
    const refusal = { code: "UNAUTHENTICATED", reason: "token_expired" };
    const errors = [{ message: "", extensions: refusal }];
    expect(await client.recover(client.getSession().authorization, errors)).toBeNull();
    expect(proxy.count("Refresh")).toBe(0);
    expect((await client.refresh()).error).toBeNull();
    expect(proxy.count("Refresh")).toBe(1);
  });
});

describe("a refused refresh", () => {
  const REFUSALS: [string, () => Promise<unknown>][] = [
    ["token_revoked", () => gate.sql("UPDATE session SET ended_at = 1, end_reason = 'logout'")],
    [
      "session_expired",
      () => {
        gate.advance(31 * 86_400);
        return Promise.resolve();
      },
    ],
    ["user_inactive", () => gate.sql(`UPDATE "user" SET is_active = false`)],
  ];

  afterEach(() => gate.sql(`UPDATE "user" SET is_active = true`));

  test.each(REFUSALS)(
    "with %s signs out, is not retried, and the state has the reason",
    async (reason, refuse) => {
      await refuse();
      const { errors } = await me();
      expect(errors[0].extensions.code).toBe("UNAUTHENTICATED");
      expect(client.getSession()).toMatchObject({
        status: "anonymous",
        user: null,
        token: null,
        error: { reason },
      });
      expect(proxy.count("Refresh")).toBe(1);
      expect(proxy.count("Me")).toBe(1);
    },
  );

  test("with a veto keeps the session, is not retried, and the state has the reason", async () => {
    proxy.spoil("Refresh", answerWith(200, "FORBIDDEN", { reason: "vetoed" }));
    const { token } = client.getSession();
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      token,
      error: { reason: "vetoed" },
    });
    expect(proxy.count("Refresh")).toBe(1);
  });

  test("signs out if a thief has used the refresh token, and the state has the reason", async () => {
    await client.refresh();
    await client.refresh();
    const stolen = proxy.seen[1]?.variables["refresh"] as string;
    gate.advance(11);
    expect((await gate.refresh(stolen)).reason).toBe("token_reused");
    await client.refresh();
    expect(client.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: expect.stringMatching(/^token_(reused|revoked)$/) },
    });
  });

  test("is not sent without a session", async () => {
    await client.logout();
    proxy.reset();
    expect(await client.refresh()).toMatchObject({
      status: "anonymous",
      error: { reason: "no_credentials" },
    });
    expect(await client.getAuthorization()).toBeNull();
    expect(proxy.seen).toEqual([]);
  });
});

describe("a refresh that the server postpones", () => {
  test.each([
    ["throttled", answerWith(200, "TOO_MANY_REQUESTS", { reason: "throttled", retryAfter: 60 })],
    ["throttled", answerWith(429, "TOO_MANY_REQUESTS", { reason: "throttled", retryAfter: 60 })],
    ["service_unavailable", answerWith(503, "SERVICE_UNAVAILABLE", { retryAfter: 60 })],
  ])(
    "(%s, case %#) keeps the session, is not retried before retryAfter, and the state has the reason",
    async (reason, fault) => {
      proxy.spoil("Refresh", fault);
      gate.advance(EXPIRED);
      for (let count = 0; count < 3; count += 1) {
        expect((await me()).errors[0].extensions.reason).toBe("token_expired");
      }
      expect(client.getSession()).toMatchObject({
        status: "authenticated",
        error: { reason, retryAfter: 60 },
      });
      expect(await client.refresh()).toMatchObject({ error: { reason, retryAfter: 60 } });
      expect(proxy.count("Refresh")).toBe(1);
    },
  );

  test("is treated the same if a proxy answers 429 without GraphQL", async () => {
    proxy.spoil("Refresh", (response) => {
      response.writeHead(429, { "retry-after": "7" }).end("slow down");
    });
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      error: { reason: "throttled", retryAfter: 7 },
    });
    expect(proxy.count("Refresh")).toBe(1);
  });
});

describe("after several failures in a row, a refresh", () => {
  test("waits twice as long after each one, at most 30 s, plus a random part of that time", async () => {
    let now = performance.now();
    jest.spyOn(performance, "now").mockImplementation(() => now);
    jest.spyOn(Math, "random").mockReturnValue(0.5);
    gate.advance(EXPIRED);
    for (const [index, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      proxy.spoil("Refresh", answerWith(503, "SERVICE_UNAVAILABLE"));
      await me();
      expect(proxy.count("Refresh")).toBe(index + 1);
      now += seconds * 1400;
      await me();
      expect(proxy.count("Refresh")).toBe(index + 1);
      now += seconds * 100;
    }
    expect((await me()).data.me.username).toBe("ada");
    proxy.spoil("Refresh", answerWith(503, "SERVICE_UNAVAILABLE"));
    proxy.seen.length = 0;
    gate.advance(EXPIRED);
    await me();
    now += 1500;
    expect((await me()).data.me.username).toBe("ada");
    expect(proxy.count("Refresh")).toBe(2);
  });
});

describe("a logout during a refresh", () => {
  test("wins", async () => {
    const refreshing = client.refresh();
    await Promise.all([client.logout(), refreshing]);
    expect(client.getSession()).toMatchObject({ status: "anonymous", error: null });
  });
});

describe("a sliding token", () => {
  test("is renewed halfway through its lifetime", async () => {
    client = createAuthClient({ url: proxy.url, scheme: "sliding" });
    await client.login("ada", PASSWORD);
    proxy.reset();
    setClock(3.4 * 24);
    await me();
    expect(proxy.count("Refresh")).toBe(0);
    setClock(3.6 * 24);
    expect((await me()).data.me.username).toBe("ada");
    expect(proxy.count("Refresh")).toBe(1);
  });

  test("needs one retry and no further refresh if it was renewed while a request was in flight", async () => {
    client = createAuthClient({ url: proxy.url, scheme: "sliding" });
    await client.login("ada", PASSWORD);
    const old = client.getSession().authorization;
    await client.refresh();
    proxy.reset();
    const revoked = [
      { message: "", extensions: { code: "UNAUTHENTICATED", reason: "token_revoked" } },
    ];
    expect(await client.recover(old, revoked)).toBe(client.getSession().authorization);
    expect(proxy.count("Refresh")).toBe(0);
  });
});

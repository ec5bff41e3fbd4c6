import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type AuthClient,
  type AuthClientOptions,
  createAuthClient,
} from "../../src/client/index.js";
import { answerWith, type Fault, FaultyProxy, LOSSES } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const SCHEMES = ["jwt", "token", "sliding"] as const;
const HEADERS = { jwt: /^Bearer \S+$/, token: /^Token gth_\S+$/, sliding: /^Bearer \S+$/ };

const gate = setUpGate();
let proxy: FaultyProxy;

beforeAll(async () => {
  await gate.user("ada", { email: "ada@example.com" });
  await gate.user("bob");
  proxy = await FaultyProxy.open(gate.url);
});

beforeEach(() => {
  proxy.reset();
});

afterAll(() => proxy.close());

/**
 * Returns a fault that holds a response back until `release` is called. `arrived` resolves when the response is
 * there.
 */
function hold() {
  const [arrived, arrive] = signal();
  const [released, release] = signal();
  const fault: Fault = async (response, body) => {
    arrive();
    await released;
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  };
  return { fault, arrived, release };
}

function signal(): [promise: Promise<void>, resolve: () => void] {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return [promise, resolve];
}

const create = (options: Partial<AuthClientOptions> = {}) =>
  createAuthClient({ url: proxy.url, ...options });

describe.each(SCHEMES)("with scheme %s", (scheme) => {
  let client: AuthClient;

  beforeEach(() => {
    client = create({ scheme });
  });

  test("a new client is signed out, and sends nothing", async () => {
    expect(client.getSession()).toEqual({
      status: "anonymous",
      user: null,
      token: null,
      authorization: null,
      error: null,
      hasStorageFailed: false,
    });
    expect(await client.getAuthorization()).toBeNull();
    expect(proxy.seen).toEqual([]);
  });

  test.each([
    ["login", "ada"],
    ["emailLogin", "ada@example.com"],
  ] as const)("%s returns the user and a header that the API accepts", async (method, name) => {
    const state = await client[method](name, PASSWORD);
    expect(state).toBe(client.getSession());
    expect(state).toMatchObject({
      status: "authenticated",
      user: { username: "ada", email: "ada@example.com", profile: { role: "USER" } },
      authorization: expect.stringMatching(HEADERS[scheme]),
      error: null,
    });
    const { data } = await gate.me(state.authorization ?? "");
    expect(data.me.username).toBe("ada");
  });

  test("logout ends the session in the client and at the server", async () => {
    const { authorization } = await client.login("ada", PASSWORD);
    expect(await client.logout()).toMatchObject({ status: "anonymous", token: null, error: null });
    expect((await gate.me(authorization ?? "")).reason).toBe("token_revoked");
  });

  test("logoutAll ends all sessions of the user", async () => {
    const other = await gate.login("ada");
    await client.login("ada", PASSWORD);
    expect(await client.logoutAll()).toMatchObject({ status: "anonymous", error: null });
    expect((await gate.me(other.authorization)).reason).toBe("token_revoked");
  });

  test("a session that the server ended is over with the next request, and the state has the reason", async () => {
    const { authorization } = await client.login("ada", PASSWORD);
    await gate.logout({ authorization: authorization ?? "" });
    await client.logoutAll();
    expect(client.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
  });
});

describe("a failed login", () => {
  test.each([
    ["a wrong password", "wrong", "invalid_credentials"],
    ["a password that is too long", "x".repeat(5000), "bad_user_input"],
  ])(
    "leaves the client signed out after %s, and the state has the reason",
    async (_, password, reason) => {
      const state = await create().login("ada", password);
      expect(state).toMatchObject({ status: "anonymous", error: { reason } });
      expect(proxy.count("Login")).toBe(1);
    },
  );

  test("keeps the current session, and the next successful login clears the error", async () => {
    const client = create();
    const { token } = await client.login("ada", PASSWORD);
    expect(await client.login("ada", "wrong")).toMatchObject({
      status: "authenticated",
      token,
      error: { reason: "invalid_credentials" },
    });
    expect((await client.login("ada", PASSWORD)).error).toBeNull();
  });

  test("has the time until a retry if it was throttled", async () => {
    proxy.spoil(
      "Login",
      answerWith(200, "TOO_MANY_REQUESTS", { reason: "throttled", retryAfter: 9 }),
    );
    expect((await create().login("ada", PASSWORD)).error).toMatchObject({
      reason: "throttled",
      retryAfter: 9,
    });
  });

  test("has the message of the application if it was vetoed", async () => {
    const message = "The library opens at nine.";
    const error = { message, extensions: { code: "FORBIDDEN", reason: "vetoed" } };
    proxy.spoil("Login", (response) => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ errors: [error] }));
    });
    expect((await create().login("ada", PASSWORD)).error).toEqual({ reason: "vetoed", message });
    expect(proxy.count("Login")).toBe(1);
  });

  test.each(Object.entries(LOSSES))("is not retried after a response %s", async (_, loss) => {
    proxy.spoil("Login", loss);
    const { status, error } = await create({ timeout: 0.8 }).login("ada", PASSWORD);
    expect([status, error?.reason]).toEqual([
      "anonymous",
      expect.stringMatching(/^(offline|bad_answer|internal_server_error)$/),
    ]);
    expect(proxy.count("Login")).toBe(1);
  });

  test("has the reason offline if nothing listens at the URL", async () => {
    const client = create({ url: "http://127.0.0.1:1/graphql" });
    expect((await client.login("ada", PASSWORD)).error?.reason).toBe("offline");
  });

  test.each([
    '{"data":{"login":{}}}',
    '{"data":{"login":null}}',
    '{"data":{"login":{"tokenType":"Bearer","access":"x"}}}',
    '{"data":"text"}',
    '{"data":{}}',
  ])("has the reason bad_answer after the response %s, and does not reject", async (body) => {
    const client = create();
    const spoiled: Fault = (response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    };
    proxy.spoil("Login", spoiled);
    expect((await client.login("ada", PASSWORD)).error?.reason).toBe("bad_answer");
    await client.login("ada", PASSWORD);
    proxy.spoil("Refresh", spoiled);
    expect((await client.refresh()).error?.reason).toBe("bad_answer");
  });
});

describe("a response with malformed errors", () => {
  test.each(['{"errors":"text"}', '{"errors":[null]}', '{"errors":[{}]}'])(
    "%s: the reason is bad_answer, and the login does not reject",
    async (body) => {
      proxy.spoil("Login", (response) => {
        response.writeHead(200, { "content-type": "application/json" }).end(body);
      });
      expect((await create().login("ada", PASSWORD)).error?.reason).toBe("bad_answer");
    },
  );
});

describe("a logout whose response is lost", () => {
  test("is retried with the same token", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    proxy.spoil("Logout", (response) => {
      response.destroy();
    });
    expect(await client.logout()).toMatchObject({ status: "anonymous", error: null });
    const sent = proxy.seen.filter(({ operation }) => operation === "Logout");
    expect(sent.map(({ variables }) => variables)).toEqual([
      sent[0]?.variables,
      sent[0]?.variables,
    ]);
  });

  test("signs out in the client if every response is lost, and the state has the error", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    proxy.spoil("Logout", ...Array(9).fill((response: any) => response.destroy()));
    expect(await client.logout()).toMatchObject({
      status: "anonymous",
      error: { reason: "offline" },
    });
  });
});

describe.each(["logout", "logoutAll", "refresh"] as const)("%s without a session", (method) => {
  const NO_SESSION = { status: "anonymous", error: { reason: "no_credentials" } };

  test("gives no_credentials, and sends nothing", async () => {
    expect(await create()[method]()).toMatchObject(NO_SESSION);
    expect(proxy.seen).toEqual([]);
  });

  test("does not repeat why the last session ended, or why the last login failed", async () => {
    const client = create();
    await client.login("ada", "wrong");
    expect(await client[method]()).toMatchObject(NO_SESSION);
    const { authorization } = await client.login("ada", PASSWORD);
    await gate.logout({ authorization: authorization ?? "" });
    expect((await client.refresh()).error?.reason).toBe("token_revoked");
    expect(await client[method]()).toMatchObject(NO_SESSION);
  });
});

test("a second logout during the first is no error", async () => {
  const client = create();
  await client.login("ada", PASSWORD);
  const [, state] = await Promise.all([client.logout(), client.logout()]);
  expect(state).toMatchObject({ status: "anonymous", error: null });
  expect(client.getSession().error).toBeNull();
});

describe("logoutAll", () => {
  test("keeps the session if the server cannot be reached, and the state has the error", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    proxy.spoil("LogoutAll", ...Array(9).fill((response: any) => response.destroy()));
    expect(await client.logoutAll()).toMatchObject({
      status: "authenticated",
      error: { reason: "offline" },
    });
  });

  test("succeeds without an error if only its response was lost", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    proxy.spoil("LogoutAll", (response) => {
      response.destroy();
    });
    expect(await client.logoutAll()).toMatchObject({ status: "anonymous", error: null });
    expect([proxy.count("LogoutAll"), proxy.count("Refresh")]).toEqual([2, 0]);
  });

  test("does not sign out a user who logs in while it runs", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    const { fault, arrived, release } = hold();
    proxy.spoil("LogoutAll", fault);
    const logoutAll = client.logoutAll();
    await arrived;
    const { user } = await client.login("bob", PASSWORD);
    release();
    await logoutAll;
    expect(user?.username).toBe("bob");
    expect(client.getSession()).toMatchObject({ user: { username: "bob" }, error: null });
  });

  test("with an expired access token is retried after a refresh", async () => {
    const client = create();
    await client.login("ada", PASSWORD);
    gate.advance(310);
    expect(await client.logoutAll()).toMatchObject({ status: "anonymous", error: null });
    expect(proxy.count("Refresh")).toBe(1);
  });
});

describe("when logins and logouts overlap, the last call wins:", () => {
  test.each([
    ["a login after a login", (client: AuthClient) => client.login("bob", PASSWORD), "bob"],
    ["a logout after a login", (client: AuthClient) => client.logout(), undefined],
  ])("%s, although the first response arrives last", async (_name, second, username) => {
    const client = create();
    const { fault, arrived, release } = hold();
    proxy.spoil("Login", fault);
    gate.events.length = 0;
    const first = client.login("ada", PASSWORD);
    await arrived;
    await second(client);
    release();
    expect((await first).user?.username).toBe(username);
    expect(client.getSession()).toMatchObject({ error: null });
    // The client drops the tokens of the first login, and therefore ends their session.
    expect(gate.events.filter(({ type }) => type === "session_ended")).toHaveLength(1);
  });

  test("the error of a late logout does not reach the next user's state", async () => {
    const client = create({ timeout: 2 });
    await client.login("ada", PASSWORD);
    proxy.spoil("Logout", ...Array(9).fill((response: any) => response.destroy()));
    const logout = client.logout();
    await client.login("bob", PASSWORD);
    await logout;
    expect(client.getSession()).toMatchObject({ user: { username: "bob" }, error: null });
  });
});

describe("the state", () => {
  test("is the same object until something changes, and listeners are called at each change", async () => {
    const client = create();
    const statuses: string[] = [];
    const unsubscribe = client.subscribe(() => statuses.push(client.getSession().status));
    expect(client.getSession()).toBe(client.getSession());
    await client.login("ada", PASSWORD);
    await client.logout();
    unsubscribe();
    await client.login("ada", PASSWORD);
    expect(statuses).toEqual(["authenticated", "anonymous"]);
  });

  describe("when a listener throws", () => {
    const thrown: unknown[] = [];
    const { setTimeout } = globalThis;

    afterEach(() => {
      globalThis.setTimeout = setTimeout;
    });

    test("still changes, and calls the other listeners", async () => {
      const client = create();
      let calls = 0;
      client.subscribe(() => {
        throw new Error("listener failed");
      });
      client.subscribe(() => (calls += 1));
      globalThis.setTimeout = ((run: () => void, delay?: number) => {
        if (delay !== undefined) return setTimeout(run, delay);
        try {
          run();
        } catch (error) {
          thrown.push(error);
        }
        return undefined;
      }) as typeof setTimeout;
      expect((await client.login("ada", PASSWORD)).status).toBe("authenticated");
      expect([calls, thrown]).toEqual([1, [new Error("listener failed")]]);
    });
  });
});

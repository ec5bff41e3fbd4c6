import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
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
import { withGlobal } from "../support/fake-storage.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const gate = setUpGate();
let proxy: FaultyProxy;
let client: AuthClient;
let api: Server;
let apiUrl: string;
let seen: { path: string; headers: IncomingHttpHeaders; body: string }[];
/** The number of requests that the API refuses with a 401, and the body of that 401. */
let refusals: number;
let refusal: string;

beforeAll(async () => {
  await gate.user("ada");
  proxy = await FaultyProxy.open(gate.url);
  api = createServer((request, response) => {
    void text(request).then((body) => {
      const { url: path = "", headers } = request;
      seen.push({ path, headers, body });
      const [, target] = /^\/to\/(.*)$/.exec(path) ?? [];
      if (target !== undefined) {
        response.writeHead(307, { location: decodeURIComponent(target) }).end();
      } else if (refusals > 0) {
        refusals -= 1;
        response.writeHead(401, { "content-type": "application/json" }).end(refusal);
      } else response.end("fine");
    });
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});

beforeEach(async () => {
  client = createAuthClient({ url: proxy.url, allowedOrigins: [`${apiUrl}/`] });
  await client.login("ada", PASSWORD);
  proxy.reset();
  seen = [];
  refusals = 0;
  refusal = "";
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  await proxy.close();
  api.closeAllConnections();
  await new Promise((resolve) => api.close(resolve));
});

/** Moves this machine's clock forward. */
function advanceClock(milliseconds: number): void {
  const now = Date.now;
  jest.spyOn(Date, "now").mockImplementation(() => now() + milliseconds);
}

const sent = () => seen.map(({ headers }) => headers.authorization);

describe("authFetch", () => {
  test("adds the token to a request to an allowed origin, in any form, and keeps its other headers", async () => {
    const init = { method: "POST", headers: { "x-mine": "1" }, body: "hello" };
    const requests: [any, RequestInit?][] = [
      [`${apiUrl}/a`, init],
      [new URL(`${apiUrl}/b`), { ...init, headers: new Headers(init.headers) }],
      [new Request(`${apiUrl}/c`, init)],
      [
        new Request(`${apiUrl}/d`, { ...init, headers: { "x-mine": "2" } }),
        { headers: init.headers },
      ],
    ];
    for (const request of requests)
      expect(await (await client.authFetch(...request)).text()).toBe("fine");
    const { authorization } = client.getSession();
    for (const { headers, body } of seen) {
      expect(headers).toMatchObject({ authorization, "x-mine": "1" });
      expect(body).toBe("hello");
    }
    expect(seen.length).toBe(4);
  });

  test("sends the token to no other origin, however the URL is written", async () => {
    const strict = createAuthClient({ url: proxy.url });
    await strict.login("ada", PASSWORD);
    const { port } = new URL(apiUrl);
    await strict.authFetch(`${apiUrl}/`);
    await strict
      .authFetch(`http://127.0.0.1:${new URL(proxy.url).port}@127.0.0.1:${port}/`)
      .catch(() => undefined);
    await strict.authFetch(`http:\\\\127.0.0.1:${port}\\`);
    await strict.authFetch(`http://LOCALHOST:${port}/`).catch(() => undefined);
    expect(seen.length).toBeGreaterThan(1);
    expect(sent().filter((authorization) => authorization !== undefined)).toEqual([]);
  });

  test("drops the token at a redirect to another origin", async () => {
    const foreign = `http://localhost:${new URL(apiUrl).port}/foreign`;
    await client.authFetch(`${apiUrl}/to/${encodeURIComponent(foreign)}`).catch(() => undefined);
    expect(seen[0]?.headers.authorization).toBe(client.getSession().authorization);
    expect(seen.slice(1).filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  describe("at a redirect to another origin", () => {
    let foreign: Server;
    let redirect: string;
    /** The requests that the other origin has received. */
    let received: { authorization: string | undefined; body: string }[];
    /** The body of the other origin's 401. */
    let answer: string;

    beforeAll(async () => {
      foreign = createServer((request, response) => {
        void text(request).then((body) => {
          received.push({ authorization: request.headers.authorization, body });
          response.writeHead(401, { "content-type": "application/json" }).end(answer);
        });
      });
      await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`;
      redirect = `${apiUrl}/to/${encodeURIComponent(url)}`;
    });

    beforeEach(() => {
      received = [];
      answer = "";
    });

    afterAll(async () => {
      foreign.closeAllConnections();
      await new Promise((resolve) => foreign.close(resolve));
    });

    test("a 401 of that origin causes no refresh and no retry", async () => {
      const before = client.getSession();
      advanceClock(60_000);
      expect((await client.authFetch(redirect)).status).toBe(401);
      expect(received).toEqual([{ authorization: undefined, body: "" }]);
      expect(proxy.count("Refresh")).toBe(0);
      expect(client.getSession()).toEqual(before);
    });

    test("a 401 of that origin does not end the session, whatever reason it gives", async () => {
      const options = { url: proxy.url, allowedOrigins: [apiUrl], scheme: "token" } as const;
      const holder = createAuthClient(options);
      const before = await holder.login("ada", PASSWORD);
      const extensions = { code: "UNAUTHENTICATED", reason: "token_revoked" };
      answer = JSON.stringify({ errors: [{ message: "No.", extensions }] });
      expect((await holder.authFetch(redirect)).status).toBe(401);
      expect(received).toHaveLength(1);
      expect(holder.getSession()).toEqual(before);
    });

    test("that origin receives no password when a user logs in", async () => {
      const redirected = createAuthClient({ url: redirect });
      const { status, error } = await redirected.login("ada", PASSWORD);
      expect([status, error?.reason]).toEqual(["anonymous", "offline"]);
      expect(received).toEqual([]);
    });
  });

  test("does not replace an Authorization header of the caller", async () => {
    await client.authFetch(apiUrl, { headers: { Authorization: "Basic eDp5" } });
    expect(sent()).toEqual(["Basic eDp5"]);
  });

  test("sends no Authorization header while signed out", async () => {
    await client.logout();
    refusals = 1;
    expect((await client.authFetch(apiUrl)).status).toBe(401);
    expect(sent()).toEqual([undefined]);
  });

  test.each([
    ["a bare 401", ""],
    ["a 401 with errors that are not GraphQL", '{"errors":[{"status":"401"}]}'],
  ])(
    "treats %s from an API as an expired access token, with one refresh and one retry",
    async (_name, body) => {
      const { authorization } = client.getSession();
      advanceClock(60_000);
      refusals = 1;
      refusal = body;
      const response = await client.authFetch(apiUrl, { method: "POST", body: "hello" });
      expect(response.status).toBe(200);
      expect(sent()).toEqual([authorization, client.getSession().authorization]);
      expect(seen.map((request) => request.body)).toEqual(["hello", "hello"]);
      expect(authorization).not.toBe(client.getSession().authorization);
    },
  );

  test("returns a second 401 of an API, keeps the session, and does not refresh each time", async () => {
    advanceClock(60_000);
    refusals = 99;
    expect((await client.authFetch(apiUrl)).status).toBe(401);
    expect(seen.length).toBe(2);
    for (let time = 0; time < 40; time += 1) await client.authFetch(apiUrl);
    expect(seen.length).toBe(42);
    expect(proxy.count("Refresh")).toBe(1);
    expect(client.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("rejects if the retry does, and keeps the session", async () => {
    refusals = 1;
    const abort = new AbortController();
    const spy = createAuthClient({
      url: proxy.url,
      allowedOrigins: [apiUrl],
      fetch: (input, init) => {
        if (seen.length === 1 && input === apiUrl) abort.abort();
        return fetch(input, init);
      },
    });
    await spy.login("ada", PASSWORD);
    advanceClock(60_000);
    await expect(spy.authFetch(apiUrl, { signal: abort.signal })).rejects.toThrow("aborted");
    expect(spy.getSession()).toMatchObject({ status: "authenticated", error: null });
  });

  test("works with React Native's URL, which has no origin and adds a slash", async () => {
    const { URL } = globalThis;
    function NativeURL(url: string) {
      return {
        href: `${new URL(url).href}/`,
        get origin() {
          throw new Error("URL.origin is not implemented");
        },
      };
    }
    // The server runs in this process, too, and needs it.
    NativeURL.canParse = (url: string) => URL.canParse(url);
    const undo = withGlobal("URL", NativeURL);
    try {
      const native = createAuthClient({ url: proxy.url, allowedOrigins: [apiUrl] });
      expect((await native.login("ada", PASSWORD)).status).toBe("authenticated");
      expect((await native.authFetch(`${apiUrl}/x`)).status).toBe(200);
      expect(seen).toMatchObject([
        { path: "/x", headers: { authorization: native.getSession().authorization } },
      ]);
    } finally {
      undo();
    }
  });

  test.each([
    ["https://API.example.com", "https://api.example.com/x"],
    ["https://api.example.com:443/", "https://api.example.com/x"],
    ["https://api.example.com", "HTTPS://api.example.com:443/x"],
    ["http://api.example.com:80", "http://API.example.com"],
  ])("the origin %s allows %s", async (origin, url) => {
    const sentTo: string[] = [];
    const spelt = createAuthClient({
      url: proxy.url,
      allowedOrigins: [origin],
      fetch: async (input, init) => {
        if (input !== url) return fetch(input, init);
        sentTo.push(new Headers(init?.headers).get("authorization") ?? "");
        return new Response();
      },
    });
    const { authorization } = await spelt.login("ada", PASSWORD);
    await spelt.authFetch(url);
    expect(sentTo).toEqual([authorization]);
  });

  test.each(["https://api.example.com:80", "http://api.example.com:443", "https://api.example.co"])(
    "the origin https://api.example.com does not allow %s",
    async (url) => {
      const sentTo: (string | null)[] = [];
      const strict = createAuthClient({
        url: proxy.url,
        allowedOrigins: ["https://api.example.com"],
        fetch: async (input, init) => {
          if (input !== url) return fetch(input, init);
          sentTo.push(new Headers(init?.headers).get("authorization"));
          return new Response();
        },
      });
      await strict.login("ada", PASSWORD);
      await strict.authFetch(url);
      expect(sentTo).toEqual([null]);
    },
  );

  test("returns the first response if the body can be read only once", async () => {
    advanceClock(60_000);
    refusals = 1;
    const body = new Blob(["hello"]).stream();
    const response = await client.authFetch(apiUrl, {
      method: "POST",
      body,
      duplex: "half",
    });
    expect(response.status).toBe(401);
  });

  test("retries a Request with its body", async () => {
    advanceClock(60_000);
    refusals = 1;
    const request = new Request(apiUrl, { method: "POST", body: "hello" });
    expect((await client.authFetch(request)).status).toBe(200);
    expect(seen.map(({ body }) => body)).toEqual(["hello", "hello"]);
  });

  test("rejects where fetch does, and keeps the session", async () => {
    const unreachable = createAuthClient({
      url: proxy.url,
      allowedOrigins: ["http://127.0.0.1:1"],
    });
    await unreachable.login("ada", PASSWORD);
    await expect(unreachable.authFetch("http://127.0.0.1:1/")).rejects.toThrow("fetch failed");
    await expect(unreachable.authFetch("no address")).rejects.toThrow("Failed to parse URL");
    expect(unreachable.getSession().status).toBe("authenticated");
  });

  test("signs out when the server refuses a static token, and returns the response", async () => {
    const holder = createAuthClient({ url: proxy.url, scheme: "token" });
    const { authorization } = await holder.login("ada", PASSWORD);
    await gate.logout({ authorization: authorization ?? "" });
    const request = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"query":"query Me { me { id } }"}',
    };
    const response = await holder.authFetch(proxy.url, request);
    expect(((await response.json()) as any).errors[0].extensions.reason).toBe("token_revoked");
    expect(holder.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
    expect(proxy.count("Me")).toBe(1);
  });

  test("does not treat other GraphQL errors as a refusal", async () => {
    const execute = (query: string) =>
      client.authFetch(proxy.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
    const { token } = client.getSession();
    await execute("query Wrong { nothing }");
    await execute("query Admins { allSessions { edges { cursor } } }");
    await execute('mutation Other { login(username: "ada", password: "wrong") { access } }');
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Wrong", "Admins", "Other"]);
    expect(client.getSession()).toMatchObject({ token, error: null });
  });
});

describe("authFetch on a page", () => {
  let restore: () => void;

  beforeEach(() => {
    restore = withGlobal("location", { href: `${apiUrl}/page?x=1` });
  });

  afterEach(() => {
    restore();
  });

  test("resolves relative URLs against the page, and sends the token to its origin", async () => {
    const urls: string[] = [];
    const onPage = createAuthClient({
      url: "/graphql",
      fetch: (url, init) => {
        urls.push(url as string);
        return fetch((url as string).endsWith("/graphql") ? proxy.url : url, init);
      },
    });
    await onPage.login("ada", PASSWORD);
    await onPage.authFetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"query":"query Me { me { id } }"}',
    });
    const { authorization } = onPage.getSession();
    expect(authorization).toMatch(/^Bearer /);
    expect(urls).toEqual([`${apiUrl}/graphql`, "/graphql"]);
    expect(proxy.seen.at(-1)).toMatchObject({ operation: "Me", authorization });
    await onPage.authFetch(`${apiUrl}/there`);
    expect(sent()).toEqual([authorization]);
  });
});

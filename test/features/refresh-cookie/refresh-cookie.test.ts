import { beforeAll, describe, expect, test } from "@jest/globals";
import { graphql } from "graphql";
import type { RequestLike } from "../../../src/authentication/request.js";
import { type Answer, PASSWORD, setUpGate } from "../../support/gate.js";

const NAME = "__Host-gatehouse-refresh";
const FRONTEND = "https://app.example.com";

const LOGIN = `mutation ($scheme: AuthScheme! = JWT) {
  login(username: "ada", password: "${PASSWORD}", scheme: $scheme) { access refresh token refreshExpiresAt }
}`;
/** A refresh without its argument `refresh`. */
const REFRESH_BARE = `mutation { refreshToken { access refresh } }`;
const LOGOUT_BARE = `mutation { logout { sessionsEnded } }`;
const REFRESH = `mutation ($refresh: String! = "") { refreshToken(refresh: $refresh) { access refresh } }`;
const LOGOUT = `mutation ($refresh: String = "") { logout(refresh: $refresh) { sessionsEnded } }`;

const gate = setUpGate({ refreshCookie: true, corsOrigins: [FRONTEND], isProduction: true });

beforeAll(async () => {
  await gate.user("ada", { email: "ada@example.com" });
});

/** Returns the `Set-Cookie` line of an answer, and the value in it. */
function cookieOf({ headers }: Answer): { line: string; value: string } {
  const line = headers.get("set-cookie") ?? "";
  return { line, value: new RegExp(`^${NAME}=([^;]*)`).exec(line)?.[1] ?? "" };
}

const logIn = async () => cookieOf(await gate.ask(LOGIN)).value;

const headersOf = ({ headers }: RequestLike) =>
  headers instanceof Headers ? [...headers] : Object.entries(headers);

/** Returns the headers that one of our pages sends with this cookie. */
const withCookie = (value: string, more: Record<string, string> = {}) => ({
  headers: { cookie: `theme=dark; ${NAME}=${value}`, "x-gatehouse-csrf": "1", ...more },
});

describe("a login", () => {
  test("RF-12: puts the refresh token not into the response, but into a cookie that no script, subdomain or other site can use", async () => {
    for (const query of [
      LOGIN,
      LOGIN.replace(`login(username: "ada"`, `login: emailLogin(email: "ada@example.com"`),
    ]) {
      const answer = await gate.ask(query);
      const { line, value } = cookieOf(answer);
      expect(line).toBe(
        `${NAME}=${value}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict`,
      );
      expect(value.length).toBeLessThan(4096);
      expect(answer.data.login.refresh).toBeNull();
      expect(answer.data.login.access).toMatch(/^eyJ/);
      expect(answer.text).not.toContain(value);
    }
  });

  test.each(["TOKEN", "SLIDING"])(
    "RF-12: with scheme %s sets no cookie, because its token is sent in a header",
    async (scheme) => {
      const answer = await gate.ask(LOGIN, { variables: { scheme } });
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(answer.data.login.token).not.toBeNull();
    },
  );

  test("RF-12: sets no cookie if it is refused", async () => {
    const answer = await gate.ask(LOGIN.replace(PASSWORD, "a wrong one"));
    expect([answer.reason, answer.headers.get("set-cookie")]).toEqual([
      "invalid_credentials",
      null,
    ]);
  });
});

describe("a refresh", () => {
  test("RF-12: by the cookie returns an access token, and sets the next refresh token in the cookie only", async () => {
    const value = await logIn();
    const answer = await gate.ask(REFRESH, withCookie(value));
    const next = cookieOf(answer);
    expect(answer.data.refreshToken.refresh).toBeNull();
    expect(next.value).toMatch(/^eyJ/);
    expect(next.value).not.toBe(value);
    expect((await gate.me(`Bearer ${answer.data.refreshToken.access}`)).data.me.username).toBe(
      "ada",
    );
    expect((await gate.ask(REFRESH, withCookie(next.value))).status).toBe(200);
  });

  test("RF-12: may leave `refresh` out, and is refused without the cookie", async () => {
    const value = await logIn();
    const answer = await gate.ask(REFRESH_BARE, withCookie(value));
    expect(answer.data.refreshToken.access).toMatch(/^eyJ/);
    expect(cookieOf(answer).value).not.toBe(value);
    const refused = await gate.ask(REFRESH_BARE);
    expect([refused.status, refused.reason]).toEqual([401, "no_credentials"]);
    const typed = `mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access } }`;
    const missing = await gate.ask(typed, withCookie(value));
    expect([missing.status, missing.code]).toEqual([400, "BAD_USER_INPUT"]);
  });

  test.each(["Basic YWRhOmFkYQ==", "Basic x", "Digest x", "x"])(
    "O-05: with the header `%s` is refused, because the client wants to use that credential",
    async (authorization) => {
      const value = await logIn();
      for (const query of [REFRESH_BARE, REFRESH, LOGOUT_BARE, LOGOUT]) {
        const { status, reason, headers } = await gate.ask(query, {
          ...withCookie(value),
          authorization,
        });
        expect([status, reason, headers.get("set-cookie")]).toEqual([401, "no_credentials", null]);
      }
      expect((await gate.ask(REFRESH, withCookie(value))).status).toBe(200);
    },
  );

  test("B-05: by the cookie gets the same successor again if the response was lost", async () => {
    const value = await logIn();
    const [first, second] = [
      await gate.ask(REFRESH, withCookie(value)),
      await gate.ask(REFRESH, withCookie(value)),
    ].map((answer) => cookieOf(answer).value);
    expect(second).toBe(first);
  });

  test.each<[string, Record<string, string>]>([
    ["without the header that only our own pages send", { "x-gatehouse-csrf": "" }],
    ["from another site", { origin: "https://evil.example" }],
    ["from a site with a similar name", { origin: `${FRONTEND}.evil.example` }],
    ["from a sandboxed frame", { origin: "null" }],
  ])("O-07: %s neither uses nor clears the cookie", async (what, more) => {
    const value = await logIn();
    const call = withCookie(value, more);
    if (what.startsWith("without")) Reflect.deleteProperty(call.headers, "x-gatehouse-csrf");
    const answer = await gate.ask(REFRESH, call);
    expect([answer.status, answer.reason]).toEqual([401, "no_credentials"]);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect((await gate.ask(REFRESH, withCookie(value))).status).toBe(200);
  });

  test.each([
    ["itself", (): string => gate.url],
    [
      "itself, by another name",
      (): string => new URL("http://127.1:" + new URL(gate.url).port).origin,
    ],
    ["a front end that CORS_ORIGINS names", (): string => FRONTEND],
  ] as const)("O-07: from a page of %s uses the cookie", async (_what, origin) => {
    const answer = await gate.ask(REFRESH, withCookie(await logIn(), { origin: origin() }));
    expect(answer.status).toBe(200);
  });

  test("O-05: with a bad header is refused because of the header, and never falls back to the cookie", async () => {
    const value = await logIn();
    for (const [authorization, reason] of [
      ["Bearer x.y.z", "token_not_valid"],
      ["Bearer", "bad_authorization_header"],
    ] as const) {
      const answer = await gate.ask(REFRESH, { ...withCookie(value), authorization });
      expect([answer.reason, answer.headers.get("set-cookie")]).toEqual([reason, null]);
      expect(
        (await gate.ask("{ me { id } }", { ...withCookie(value), authorization })).reason,
      ).toBe(reason);
    }
  });

  test("O-05: uses the token in its argument instead of the cookie, if there is one", async () => {
    const value = await logIn();
    const answer = await gate.ask(REFRESH, { ...withCookie(value), variables: { refresh: "x" } });
    expect([answer.reason, answer.headers.get("set-cookie")]).toEqual(["token_not_valid", null]);
  });

  test("RF-12: the cookie alone does not authenticate a request", async () => {
    const answer = await gate.ask("{ me { id } }", withCookie(await logIn()));
    expect([answer.status, answer.reason]).toEqual([401, "no_credentials"]);
  });

  test("B-04: by a stolen cookie ends the session, and the browser forgets it", async () => {
    const value = await logIn();
    const next = cookieOf(await gate.ask(REFRESH, withCookie(value))).value;
    gate.advance(60);
    const replayed = await gate.ask(REFRESH, withCookie(value));
    expect(replayed.reason).toBe("token_reused");
    expect(cookieOf(replayed).line).toMatch(/=; Max-Age=0;/);
    expect((await gate.ask(REFRESH, withCookie(next))).reason).toBe("token_reused");
  });
});

describe("a page of another origin", () => {
  /** Returns origins that differ from the server's in one part. */
  const neighbours = (url: string): string[] => {
    const { protocol, hostname, port } = new URL(url);
    return [
      `${protocol === "http:" ? "https" : "http"}://${hostname}:${port}`,
      `${protocol}//${hostname}:${Number(port) - 1}`,
      `${protocol}//${hostname}`,
      `${protocol}//localhost:${port}`,
      `${url}/`,
      "null",
      "",
    ];
  };

  test("O-07: is one whose scheme, host or port differs from the server's", async () => {
    for (const origin of neighbours(gate.url)) {
      const value = await logIn();
      for (const query of [REFRESH_BARE, LOGOUT_BARE]) {
        const answer = await gate.ask(query, withCookie(value, { origin }));
        expect([origin, answer.reason]).toEqual([origin, "no_credentials"]);
        expect(answer.headers.get("set-cookie")).toBeNull();
      }
      expect((await gate.ask(REFRESH, withCookie(value))).status).toBe(200);
    }
  });

  test("O-07: cannot sign a browser in: a login and a refresh by argument open no session and set no cookie", async () => {
    const { refresh } = await gate.issue(await gate.user("eve"));
    const sessions = () => gate.sql(`SELECT * FROM session ORDER BY id`);
    const before = await sessions();
    const emailLogin = `mutation { emailLogin(email: "ada@example.com", password: "${PASSWORD}") { access } }`;
    for (const origin of [...neighbours(gate.url), "https://evil.example", `${FRONTEND}:8443`]) {
      for (const query of [LOGIN, emailLogin, REFRESH]) {
        const variables = query === REFRESH ? { refresh } : {};
        const answer = await gate.ask(query, { variables, headers: { origin } });
        expect([origin, answer.code, answer.reason]).toEqual([origin, "FORBIDDEN", "vetoed"]);
        expect(answer.headers.get("set-cookie")).toBeNull();
        expect(answer.text).not.toContain("eyJ");
      }
    }
    expect(await sessions()).toEqual(before);
  });

  test("O-07: may log in by a scheme whose token is not kept in a cookie", async () => {
    const call = { variables: { scheme: "TOKEN" }, headers: { origin: "https://evil.example" } };
    const { data, headers } = await gate.ask(LOGIN, call);
    expect([data.login.token, headers.get("set-cookie")]).toEqual([expect.any(String), null]);
  });

  test("O-07: may refresh a sliding token, because it is not kept in a cookie", async () => {
    const { token } = await gate.login("ada", "SLIDING");
    const query = `mutation ($refresh: String!) { refreshToken(refresh: $refresh) { token } }`;
    const headers = { origin: "https://evil.example" };
    const answer = await gate.ask(query, { variables: { refresh: token }, headers });
    expect(answer.data?.refreshToken.token).toMatch(/^eyJ/);
    expect(answer.headers.get("set-cookie")).toBeNull();
    const forged = [token.replace(/.$/, (last) => (last === "A" ? "Q" : "A")), "", "x"];
    for (const refresh of forged) {
      const refused = await gate.ask(query, { variables: { refresh }, headers });
      expect(refused.data).toBeNull();
    }
  });

  test("O-07: behind a proxy is recognised by the scheme and the host that the proxy sends", async () => {
    const behind = await gate.another({ trustedProxies: ["127.0.0.1"] });
    const host = "auth.example.com";
    const logInFrom = async (origin: string, proto?: string, forwardedHost = host) => {
      const { status } = await behind.ask(LOGIN, {
        headers: {
          origin,
          "x-forwarded-host": forwardedHost,
          ...(proto === undefined ? {} : { "x-forwarded-proto": proto }),
        },
      });
      return status;
    };
    try {
      const own = `https://${host}`;
      expect(await logInFrom(own, "https")).toBe(200);
      expect(await logInFrom(own, "HTTPS")).toBe(200);
      expect(await logInFrom(own, "http, https")).toBe(200);
      expect(await logInFrom(own, "https", `${host}:443`)).toBe(200);
      expect(await logInFrom(`http://${host}`, "http")).toBe(200);
      expect(await logInFrom(`http://${host}`, "https")).toBe(403);
      expect(await logInFrom(`${own}:8443`, "https")).toBe(403);
      expect(await logInFrom("https://example.com", "https")).toBe(403);
      // A page of another origin stays foreign, even if a proxy lies about the protocol.
      for (const lie of [
        "javascript",
        "file",
        "data",
        "null",
        "https:",
        "https://evil",
        "wss",
        " ",
        ";",
        "\t",
        "x".repeat(9000),
      ]) {
        expect([lie, await logInFrom("null", lie)]).toEqual([lie, 403]);
        expect([lie, await logInFrom(own, lie)]).toEqual([lie, 403]);
      }
    } finally {
      await behind.close();
    }
  });

  /** Requests as frameworks give them, with the origin of the server's own pages. */
  const REQUESTS: readonly (readonly [what: string, own: string, request: RequestLike])[] = [
    ["the Fetch API", "https://a.example:8443", new Request("https://a.example:8443/graphql")],
    ["the Fetch API, without TLS", "http://a.example", new Request("http://a.example/graphql")],
    ["Node", "http://a.example:4000", { headers: { host: "a.example:4000" }, url: "/graphql" }],
    [
      "Node, over TLS",
      "https://a.example",
      { headers: { host: "a.example" }, url: "/graphql", socket: { encrypted: true } },
    ],
    [
      "a framework that knows its proxy",
      "https://a.example",
      { headers: { host: "10.0.0.1" }, url: "/graphql", protocol: "https", host: "a.example" },
    ],
    [
      "a framework behind a proxy that removes TLS",
      "http://a.example",
      { headers: { host: "a.example" }, protocol: "http", socket: { encrypted: true } },
    ],
    [
      "a framework whose scheme only ends in https",
      "http://a.example",
      { headers: { host: "a.example" }, protocol: "not-https" },
    ],
    [
      "a framework whose scheme only begins with https",
      "http://a.example",
      { headers: { host: "a.example" }, protocol: "httpserver" },
    ],
    ["a framework that gives no URL", "http://a.example", { headers: { host: "a.example" } }],
  ];

  /** Returns the reason for which a cookie with an invalid token is refused. */
  const reasonFor = async (request: RequestLike, origin: string) => {
    const { headers } = withCookie("x", { ...Object.fromEntries(headersOf(request)), origin });
    const { url, socket, protocol, host } = request;
    const contextValue = await gate.auth.createContext({ headers, url, socket, protocol, host });
    const { errors } = await graphql({
      schema: gate.auth.schema,
      source: REFRESH_BARE,
      contextValue,
    });
    return errors?.[0]?.extensions["reason"];
  };

  test.each(REQUESTS)("O-07: is recognised in a request of %s", async (_what, own, request) => {
    expect(await reasonFor(request, own)).toBe("token_not_valid");
    const other = own.startsWith("https")
      ? own.replace("https", "http")
      : own.replace("http", "https");
    for (const origin of [other, `${own}1`, "null"]) {
      expect([origin, await reasonFor(request, origin)]).toEqual([origin, "no_credentials"]);
    }
  });

  test("O-07: is every one, if the request has no host", async () => {
    for (const url of ["/graphql", undefined]) {
      expect(await reasonFor({ headers: {}, url }, "http://a.example")).toBe("no_credentials");
    }
  });
});

describe("a logout", () => {
  test("B-15: by the cookie ends its session and clears it", async () => {
    const value = await logIn();
    const answer = await gate.ask(LOGOUT, withCookie(value));
    expect(answer.data.logout.sessionsEnded).toBe(1);
    expect(cookieOf(answer).line).toBe(
      `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`,
    );
    expect((await gate.ask(REFRESH, withCookie(value))).reason).toBe("token_revoked");
  });

  test("B-15: by the cookie may leave `refresh` out, if no header is sent", async () => {
    const value = await logIn();
    const elsewhere = await logIn();
    const { authorization } = await gate.login("ada", "TOKEN");
    const byHeader = await gate.ask(LOGOUT_BARE, { ...withCookie(elsewhere), authorization });
    expect(byHeader.data.logout.sessionsEnded).toBe(1);
    expect((await gate.ask(REFRESH_BARE, withCookie(elsewhere))).status).toBe(200);
    const bad = await gate.ask(LOGOUT_BARE, { ...withCookie(value), authorization: "Bearer x" });
    expect(bad.reason).toBe("token_not_valid");
    const answer = await gate.ask(LOGOUT_BARE, withCookie(value));
    expect(answer.data.logout.sessionsEnded).toBe(1);
    expect(cookieOf(answer).line).toMatch(/=; Max-Age=0;/);
    expect((await gate.ask(LOGOUT_BARE)).reason).toBe("no_credentials");
  });

  test("B-15: by the header clears the cookie of its own session", async () => {
    const login = await gate.ask(LOGIN);
    const authorization = `Bearer ${login.data.login.access}`;
    const headers = withCookie(cookieOf(login).value, { authorization });
    const answer = await gate.ask(LOGOUT, { ...headers, variables: { refresh: null } });
    expect(answer.data.logout.sessionsEnded).toBe(1);
    expect(cookieOf(answer).line).toMatch(/=; Max-Age=0;/);
  });

  test("B-15: by the header leaves the cookie of another session, which still works", async () => {
    const authorization = `Bearer ${(await gate.ask(LOGIN)).data.login.access}`;
    const value = await logIn();
    const headers = withCookie(value, { authorization });
    const answer = await gate.ask(LOGOUT, { ...headers, variables: { refresh: null } });
    expect([answer.data.logout.sessionsEnded, answer.headers.get("set-cookie")]).toEqual([1, null]);
    expect((await gate.ask(REFRESH, withCookie(value))).status).toBe(200);
  });

  test("B-15: by an invalid cookie is refused, and the browser forgets it", async () => {
    const answer = await gate.ask(LOGOUT, withCookie("nothing"));
    expect(answer.reason).toBe("token_not_valid");
    expect(cookieOf(answer).line).toMatch(/=; Max-Age=0;/);
  });

  test("B-15: does not tell a client beyond the rate limit whether a cookie is valid", async () => {
    const dead = await logIn();
    await gate.ask(LOGOUT, withCookie(dead));
    const [byCookie, byHeader] = [await logIn(), await gate.login("ada", "TOKEN")];
    const { url } = await gate.another({ requestsPerAddress: 1 });
    await gate.ask(LOGOUT, { variables: { refresh: "x" }, url });
    for (const value of [dead, byCookie]) {
      const statements = await gate.countStatements(async () => {
        const answer = await gate.ask(LOGOUT, { ...withCookie(value), url });
        expect([answer.code, answer.headers.get("set-cookie")]).toEqual([
          "TOO_MANY_REQUESTS",
          null,
        ]);
      });
      expect(statements).toBe(0);
    }
    const { authorization } = byHeader;
    const answer = await gate.ask(LOGOUT_BARE, { ...withCookie(dead), authorization, url });
    expect([answer.data.logout.sessionsEnded, answer.headers.get("set-cookie")]).toEqual([1, null]);
    expect((await gate.ask(REFRESH, withCookie(byCookie))).status).toBe(200);
  });

  test("O-07: from another site ends nothing", async () => {
    const value = await logIn();
    const answer = await gate.ask(LOGOUT, withCookie(value, { origin: "https://evil.example" }));
    expect([answer.reason, answer.headers.get("set-cookie")]).toEqual(["no_credentials", null]);
    expect((await gate.ask(REFRESH, withCookie(value))).status).toBe(200);
  });
});

test("RF-12: a server without the setting neither sets nor reads a cookie", async () => {
  const value = await logIn();
  const other = await gate.another({ refreshCookie: false });
  try {
    const login = await other.ask(LOGIN);
    expect([login.headers.get("set-cookie"), login.data.login.refresh]).toEqual([
      null,
      expect.stringMatching(/^eyJ/),
    ]);
    expect((await other.ask(REFRESH, withCookie(value))).reason).toBe("token_not_valid");
  } finally {
    await other.close();
  }
});

test("RF-12: in development, where WebKit stores no secure cookie, the cookie has no prefix and is not secure", async () => {
  const local = await gate.another({ isProduction: false });
  try {
    const login = await local.ask(LOGIN);
    const line = login.headers.get("set-cookie") ?? "";
    const [, value = ""] = /^gatehouse-refresh=([^;]+)/.exec(line) ?? [];
    expect(line).toBe(
      `gatehouse-refresh=${value}; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict`,
    );
    const headers = { cookie: `gatehouse-refresh=${value}`, "x-gatehouse-csrf": "1" };
    expect((await local.ask(REFRESH_BARE, { headers })).status).toBe(200);
    const foreign = { ...headers, origin: "http://localhost:5173" };
    expect((await local.ask(REFRESH_BARE, { headers: foreign })).reason).toBe("no_credentials");
    // On every other server, only the secure cookie counts.
    expect((await gate.ask(REFRESH_BARE, { headers })).reason).toBe("no_credentials");
  } finally {
    await local.close();
  }
});

test.each([
  ["behind a proxy", { isProduction: false, trustedProxies: ["127.0.0.1"] }],
  ["reachable by others", { isProduction: false, host: "0.0.0.0" }],
])("RF-12: a server %s sends the secure cookie", async (_where, options) => {
  const other = await gate.another(options);
  try {
    const url = other.url.replace("0.0.0.0", "127.0.0.1");
    const { headers } = await other.ask(LOGIN, { url });
    expect(headers.get("set-cookie")).toMatch(/^__Host-gatehouse-refresh=.*; Secure;/);
  } finally {
    await other.close();
  }
});

test("GQ-16: only a front end in CORS_ORIGINS may send the cookie from another origin", async () => {
  const preflight = async (origin: string) => {
    const { headers } = await fetch(`${gate.url}/graphql`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-gatehouse-csrf",
      },
    });
    return ["origin", "credentials"].map((name) => headers.get(`access-control-allow-${name}`));
  };
  expect(await preflight(FRONTEND)).toEqual([FRONTEND, "true"]);
  expect((await preflight("https://evil.example"))[0]).toBeNull();
});

import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { createHandler } from "graphql-http/lib/use/fetch";
import { createContextBuilder } from "../../src/authentication/create-context.js";
import { type Auth, createAuth } from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { setUpGate } from "../support/gate.js";

const REQUESTS = 3;
const VERIFY = `mutation { verifyToken(token: "x") { active } }`;
const MISSING =
  "A request has no IP address, so all such requests share one rate limit. " +
  "Pass the client's address: createContext(request, { ipAddress }).";
const WRONG =
  "The ipAddress passed to createContext is not a single IP address, so clients share one rate limit. " +
  "Pass only the client's address.";

let database: TestDatabase;
let auth: Auth;
const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);

beforeEach(async () => {
  warn.mockClear();
  database = await createDatabase("sqlite");
  const secretKey = randomBytes(32).toString("base64url");
  auth = await createAuth({ secretKey, databaseUrl: database.url, requestsPerAddress: REQUESTS });
});

afterEach(async () => {
  await auth.close();
  await database.drop();
});

const warnings = () => warn.mock.calls.map(([message]) => message);

/** Sends a request to an application's Fetch handler, as Next.js, Deno and graphql-yoga call theirs. */
async function ask(ipAddress?: string | null): Promise<string> {
  const handle = createHandler({
    schema: auth.schema,
    context: async ({ raw }) => ({ ...(await auth.createContext(raw, { ipAddress })) }),
  });
  const response = await handle(
    new Request("https://api.example.com/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query: VERIFY }),
    }),
  );
  const { errors } = (await response.json()) as {
    errors?: [{ extensions: { code: string } }];
  };
  return errors?.[0].extensions.code ?? "ok";
}

describe("a Fetch request, which has no address", () => {
  test("LG-3: is limited by the address that the application passes", async () => {
    const addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"];
    const answers = [];
    for (const address of addresses) answers.push(await ask(address));
    expect(answers).toEqual(["ok", "ok", "ok", "TOO_MANY_REQUESTS", "ok"]);
    expect(warnings()).toEqual([]);
    const { client } = await auth.createContext(new Request("https://a.example"), {
      ipAddress: "2001:db8::1",
    });
    expect(client.ipAddress).toBe("2001:db8::1");
  });

  test("LG-3: shares one limit with all others without an address, and one warning says how to pass an address", async () => {
    const answers = [];
    for (const address of [undefined, null, undefined, undefined, "192.0.2.1"]) {
      answers.push(await ask(address));
    }
    expect(answers).toEqual(["ok", "ok", "ok", "TOO_MANY_REQUESTS", "ok"]);
    expect(warnings()).toEqual([MISSING]);
  });

  test.each(["", "unknown", "192.0.2.1, 10.0.0.1", "192.0.2.1:443", "[::1]", "c4n4ry"])(
    "LG-3: counts as a request without an address if the passed text is not an address: '%s'",
    async (text) => {
      const answers = [];
      for (let turn = 0; turn < 4; turn += 1) answers.push(await ask(text));
      expect(answers).toEqual(["ok", "ok", "ok", "TOO_MANY_REQUESTS"]);
      expect(warnings()).toEqual([WRONG]);
    },
  );

  test.each([
    [undefined, "unknown", [MISSING, WRONG]],
    ["unknown", undefined, [WRONG, MISSING]],
  ])(
    "a missing and a wrong address cause one warning each: first %s, then %s",
    async (first, second, expected) => {
      for (const address of [first, second, first, second]) await ask(address);
      expect(warnings()).toEqual(expected);
    },
  );

  test("a request with a socket keeps the socket's address if the passed text is not an address, and a warning is printed", async () => {
    const request = { headers: {}, socket: { remoteAddress: "192.0.2.9" } };
    const { client } = await auth.createContext(request, { ipAddress: "unknown" });
    expect(client.ipAddress).toBe("192.0.2.9");
    expect(warnings()).toHaveLength(1);
    expect((await auth.createContext(request)).client.ipAddress).toBe("192.0.2.9");
    const passed = await auth.createContext(request, { ipAddress: "192.0.2.8" });
    expect(passed.client.ipAddress).toBe("192.0.2.8");
  });
});

test("H-24, LG-3: a context without a request is anonymous, prints no warning, and is limited too", async () => {
  const { user, client } = await auth.createContext();
  expect([user, client.ipAddress, warnings()]).toEqual([null, null, []]);
  for (let turn = 0; turn < REQUESTS; turn += 1) {
    await auth.authentication.verifyToken("x", client);
  }
  await expect(auth.authentication.verifyToken("x", client)).rejects.toMatchObject({
    code: "TOO_MANY_REQUESTS",
  });
  // A script calls a method without passing a client.
  expect(await auth.authentication.verifyToken("x")).toBeNull();
});

describe("an argument of the wrong type", () => {
  const any = (value: unknown): any => value;
  const NOT_A_REQUEST =
    "createContext: request must be a request of Node or of the Fetch API, which has headers; " +
    "from a framework's context pass the request itself: createContext(context.req)";

  test.each<[what: string, request: unknown]>([
    ["null", null],
    ["text", "192.0.2.1"],
    ["a number", 42],
    ["true", true],
    ["a list", []],
    ["an empty object", {}],
    ["a function", () => undefined],
    ["the context of Apollo Server", { req: { headers: {} }, res: {} }],
    ["the context of graphql-yoga", { request: new Request("https://a.example"), params: {} }],
    ["the headers alone", new Headers()],
    ["a request whose headers are null", { headers: null }],
    ["a request whose headers are text", { headers: "authorization: Bearer x" }],
    ["a request whose headers are a list", { headers: [["authorization", "Bearer x"]] }],
  ])(
    "H-24: %s as a request is refused in one line that says what to pass",
    async (_what, value) => {
      const error = await auth.createContext(any(value)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(NOT_A_REQUEST);
    },
  );

  test.each<[options: unknown, message: string]>([
    [null, "options must be an object such as { ipAddress }"],
    ["192.0.2.1", "options must be an object such as { ipAddress }"],
    [{ ip: "192.0.2.1" }, "ip is not an option; did you mean ipAddress?"],
    [{ ipaddress: "192.0.2.1" }, "ipaddress is not an option; did you mean ipAddress?"],
    [{ ipAddress: 42 }, "ipAddress must be text such as 192.0.2.1"],
    [{ ipAddress: { address: "192.0.2.1" } }, "ipAddress must be text such as 192.0.2.1"],
  ])("%j as options is refused in one line", async (options, message) => {
    await expect(auth.createContext({ headers: {} }, any(options))).rejects.toThrow(
      new TypeError(`createContext: ${message}`),
    );
  });
});

describe("the client and the user of a context", () => {
  const gate = setUpGate();

  test("the client has the address, and the request's id if that is text", async () => {
    const warnings: Error[] = [];
    const { authentication } = gate.core;
    const createContext = createContextBuilder({
      authentication,
      onEvent: () => undefined,
      onWarning: (warning) => warnings.push(warning),
    });
    const clientOf = async (id: unknown) =>
      (await createContext({ headers: {}, ip: "192.0.2.1", id })).client;
    const client = { ipAddress: "192.0.2.1", userAgent: null };
    expect(await clientOf("req-1")).toEqual({ ...client, requestId: "req-1" });
    expect(await clientOf(7)).toEqual({ ...client, requestId: null });
    expect(warnings).toEqual([]);
  });

  test.each([
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true],
    ["01-0bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true],
    ["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false],
    ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", false],
    [" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01", false],
    ["0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false],
    ["0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-4bg92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00g067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", false],
  ])(
    "the client has the trace id of a well-formed traceparent: '%s'",
    async (traceparent, isValid) => {
      const { client } = await gate.auth.createContext({
        headers: { traceparent },
        ip: "192.0.2.1",
      });
      expect(client.traceId).toBe(isValid ? traceparent.slice(3, 35) : undefined);
    },
  );

  test("neither a header of the same length as Authorization nor a value counts as a second line", async () => {
    const { authorization } = await gate.issue(await gate.user("bob"));
    const rawHeaders = [
      ...["Cache-Control", "no-cache", "Access-Control-Request-Headers", "authorization"],
      ...["Authorization", authorization],
    ];
    const { user } = await gate.auth.createContext({ headers: { authorization }, rawHeaders });
    expect(user).toMatchObject({ username: "bob" });
  });

  test("a refusal is reported for a signed-in user, and an anonymous context reports and watches nothing", async () => {
    const userId = await gate.user("cyd");
    const { authorization } = await gate.issue(userId);
    const reports = async (headers: Record<string, string>) => {
      const context = await gate.auth.createContext({ headers });
      gate.events.length = 0;
      context.onRoleDenied("ADMIN");
      context.onFreshnessDenied("15m");
      context.onSecondFactorDenied();
      context.watch(() => Promise.resolve())();
      return gate.events.splice(0);
    };
    expect(await reports({ authorization })).toEqual([
      { type: "role_denied", userId, required: "ADMIN" },
      { type: "freshness_denied", userId, freshWithin: "15m" },
      { type: "second_factor_denied", userId },
    ]);
    expect(await reports({})).toEqual([]);
    expect(await reports({ authorization: "Bearer x" })).toEqual([]);
  });

  test.each(["token_expired", "session_expired"])(
    "a credential that is refused as %s is an event, with its session",
    async (reason) => {
      const userId = await gate.user(`late.${reason}`);
      const { authorization, session } = await gate.issue(userId);
      if (reason === "token_expired") gate.advance(86_400);
      else {
        const expiry = `UPDATE session SET expires_at = ? WHERE id = ? RETURNING id`;
        await gate.sql(expiry, [gate.now, session.id]);
      }
      gate.events.length = 0;
      const { authError } = await gate.auth.createContext({ headers: { authorization } });
      expect(authError?.reason).toBe(reason);
      expect(gate.events).toEqual([
        { type: "token_expired", userId, sessionId: session.id, scheme: "JWT" },
      ]);
    },
  );

  test("watch calls back when the session has ended", async () => {
    const { authorization, session } = await gate.issue(await gate.user("eve"));
    const context = await gate.auth.createContext({ headers: { authorization } });
    const changed = new Promise((resolve) => {
      context.watch(() => Promise.resolve("changed").then(resolve));
    });
    await gate.auth.sessions.end(session.id);
    await changed;
    expect((await context.renew()).authError?.reason).toBe("token_revoked");
  });

  test("loadUser gives the context's own user without a statement, and no header is set", async () => {
    const { authorization } = await gate.issue(await gate.user("dan"));
    const context = await gate.auth.createContext({ headers: { authorization } });
    const statements = await gate.countStatements(async () => {
      expect(await context.loadUser()).toBe(context.user);
    });
    expect([statements, context.responseHeaders]).toEqual([0, []]);
  });

  test("loadUser gives the reason why nobody is signed in", async () => {
    const reasonOf = async (headers: Record<string, string>) => {
      const context = await gate.auth.createContext({ headers });
      return context.loadUser().catch((error: unknown) => (error as { reason: string }).reason);
    };
    expect(await reasonOf({})).toBe("no_credentials");
    expect(await reasonOf({ authorization: "Bearer x" })).toBe("token_not_valid");
  });

  test("the actor names the administrator who acts as the user", async () => {
    const [adminId, userId] = [await gate.user("root", { role: "ADMIN" }), await gate.user("ada")];
    const contextOf = (authorization: string) =>
      gate.auth.createContext({ headers: { authorization } });
    const { client, ...own } = await contextOf((await gate.issue(adminId)).authorization);
    expect(client.actor).toEqual({ userId: adminId, sessionId: own.user!.session.id });
    const { access, principal } = await gate.core.authentication.issue(userId, {
      ...{ scheme: "JWT", impersonator: await own.loadUser() },
    });
    expect((await contextOf(`Bearer ${access!}`)).client.actor).toEqual({
      ...{ userId, sessionId: principal.session.id, impersonatorId: adminId },
    });
  });
});

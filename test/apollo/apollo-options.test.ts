import { ApolloServer, HeaderMap } from "@apollo/server";
import { randomBytes } from "node:crypto";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { parse } from "graphql";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import {
  apolloOptions,
  AuthError,
  type AuthContext,
  createAuth,
  ServiceUnavailable,
  Vetoed,
} from "../../src/index.js";
import { createDatabase } from "../support/databases.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const COOKIE = "__Host-gatehouse-refresh";
const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access refresh } }`;
const REFRESH = `mutation { refreshToken(refresh: "") { access refresh } }`;
const LOGOUT = `mutation { logout(refresh: "") { sessionsEnded } }`;

const gate = setUpGate({ refreshCookie: true, isProduction: true });
/** An application's Apollo Server that serves the gate's schema. */
let server: ApolloServer<AuthContext>;

beforeAll(async () => {
  await gate.user("ada");
  server = new ApolloServer(apolloOptions(gate.auth.schema));
  await server.start();
});

afterAll(() => server.stop());

async function send(body: unknown, headers: Record<string, string> = {}) {
  const accept = "application/graphql-response+json";
  const all = { "content-type": "application/json", accept, ...headers };
  const response = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: "POST",
      headers: new HeaderMap(Object.entries(all)),
      search: "",
      body,
    },
    context: () => gate.auth.createContext({ headers: all }),
  });
  if (response.body.kind !== "complete") throw new Error("The response is not complete.");
  const { data, errors } = JSON.parse(response.body.string);
  return { status: response.status ?? 200, headers: response.headers, data, errors };
}

describe("an Apollo Server with apolloOptions alone", () => {
  test("serves the guarded schema", async () => {
    const { data } = await send({ query: LOGIN });
    const authorization = `Bearer ${data.login.access}`;
    expect((await send({ query: "{ me { username } }" }, { authorization })).data).toEqual({
      me: { username: "ada" },
    });
    const refused = await send({ query: "{ me { username } }" });
    expect([refused.status, refused.errors[0].extensions]).toEqual([
      401,
      { code: "UNAUTHENTICATED", reason: "no_credentials" },
    ]);
    expect(refused.headers.get("www-authenticate")).toMatch(/Bearer .*Token /);
  });

  test("keeps valid documents in less than 40 MB of memory, however many clients send", async () => {
    const { documentStore } = apolloOptions(gate.auth.schema);
    // Each document takes half a megabyte.
    for (let count = 0; count < 300; count += 1) {
      await documentStore.set(`${count}`, parse(`{ a${count} ${"name ".repeat(990)} }`));
    }
    expect(documentStore.keys().length).toBeLessThan(80);
    expect(await documentStore.get("299")).toBeDefined();
  });

  test("limits documents", async () => {
    const { status, errors } = await send({ query: `{ ${"__typename ".repeat(11)} }` });
    expect([status, errors[0].message]).toEqual([
      400,
      "The document has more than 10 root fields.",
    ]);
  });

  test("RF-12: sends the refresh cookie, and takes the token from it", async () => {
    const login = await send({ query: LOGIN });
    expect(login.data.login.refresh).toBeNull();
    const value = valueOf(login.headers);
    const withCookie = { cookie: `${COOKIE}=${value}`, "x-gatehouse-csrf": "1" };
    const refreshed = await send({ query: REFRESH }, withCookie);
    const next = valueOf(refreshed.headers);
    expect(next).not.toBe(value);
    const headers = { ...withCookie, cookie: `${COOKIE}=${next}` };
    const { data, headers: last } = await send({ query: LOGOUT }, headers);
    expect(data.logout.sessionsEnded).toBe(1);
    expect(last.get("set-cookie")).toMatch(new RegExp(`^${COOKIE}=; Max-Age=0;`));
  });

  test("RF-12: clears a refused cookie, and also sends the error", async () => {
    const headers = { cookie: `${COOKIE}=nonsense`, "x-gatehouse-csrf": "1" };
    const answer = await send({ query: REFRESH }, headers);
    expect([answer.status, answer.errors[0].extensions.reason]).toEqual([401, "token_not_valid"]);
    expect(answer.headers.get("set-cookie")).toMatch(/Max-Age=0/);
  });

  test("treats a request as anonymous if createContext did not make its context", async () => {
    const answer = await server.executeOperation(
      { query: "{ __typename me { id } }" },
      { contextValue: {} as AuthContext },
    );
    expect(answer.body).toMatchObject({
      singleResult: { errors: [{ extensions: { reason: "no_credentials" } }] },
    });
  });

  test.each<[body: unknown, message: string]>([
    [undefined, "POST body missing, invalid Content-Type, or JSON object has no keys."],
    [{ query: ["c4n4ry"] }, "GraphQL queries must be strings."],
    [{ query: { kind: "Document", c4n4ry: 1 } }, "GraphQL queries must be strings."],
    [
      { query: "{ me { id } }", variables: "c4n4ry" },
      "`variables` in a POST body should be provided as an object, not a recursively JSON-encoded string.",
    ],
    [
      { query: "{ me { id } }", variables: ["c4n4ry"] },
      "`variables` in a POST body must be an object if provided.",
    ],
    [
      { query: "{ me { id } }", operationName: ["c4n4ry"] },
      "`operationName` in a POST body must be a string if provided.",
    ],
    [
      { c4n4ry: 1 },
      "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.",
    ],
    [[{ query: "c4n4ry" }], "Operation batching disabled."],
    [{ extensions: { persistedQuery: { sha256Hash: "c4n4ry" } } }, "PersistedQueryNotSupported"],
  ])("says what is wrong with the body %j", async (body, message) => {
    const { errors } = await send(body);
    expect(errors.map((error: Error) => error.message)).toEqual([message]);
  });

  test.each<[headers: Record<string, string>, message: string]>([
    [
      { "content-type": "text/plain" },
      "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). Send it with the content type application/json.",
    ],
    [
      { accept: "image/png" },
      "An 'accept' header was provided for this request which does not accept application/json; charset=utf-8 or application/graphql-response+json; charset=utf-8",
    ],
  ])("says what is wrong with the headers %j", async (headers, message) => {
    const { errors } = await send({ query: "{ __typename }" }, headers);
    expect(errors.map((error: Error) => error.message)).toEqual([message]);
  });
});

describe("an internal error under apolloOptions", () => {
  const bug = new Error("no table of salaries", { cause: new Error("disk full") });
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const logger = { debug: note, info: note, warn: note, error: note };
  let logging: ApolloServer<AuthContext>;

  beforeAll(async () => {
    const { auth } = gate;
    const resolvers = {
      Query: {
        bug: () => Promise.reject(bug),
        veto: () => Promise.reject(new Vetoed("Closed.")),
        taken: () =>
          Promise.reject(new AuthError("Taken.", { code: "BAD_USER_INPUT", cause: bug })),
        away: () => Promise.reject(new ServiceUnavailable(1, bug)),
        busy: () => Promise.reject(new ServiceUnavailable(1)),
      },
    };
    const typeDefs = [
      auth.typeDefs,
      `extend type Query {
        bug: Int @public veto: Int @public taken: Int @public away: Int @public busy: Int @public
      }`,
    ];
    const schema = auth.guard(
      makeExecutableSchema({ typeDefs, resolvers: [auth.resolvers, resolvers] }),
    );
    logging = new ApolloServer({ ...apolloOptions(schema), logger });
    await logging.start();
  });

  beforeEach(() => {
    lines.length = 0;
  });

  afterAll(() => logging.stop());

  const ask = async (query: string, context = () => gate.auth.createContext()) => {
    const { body } = await logging.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: "POST",
        headers: new HeaderMap([["content-type", "application/json"]]),
        search: "",
        body: { query },
      },
      context,
    });
    return body.kind === "complete" ? JSON.parse(body.string) : null;
  };

  const masked = { message: "Internal server error." };

  test("of a resolver is logged once, with its stack and its cause, and masked for the client", async () => {
    expect(await ask("{ bug }")).toMatchObject({ errors: [masked] });
    expect(lines).toEqual([`${bug.stack}\nCaused by: ${(bug.cause as Error).stack}`]);
  });

  test("of the context is logged once, and masked", async () => {
    expect(await ask("{ me { id } }", () => Promise.reject(bug))).toMatchObject({
      errors: [masked],
    });
    expect(lines).toEqual([expect.stringContaining("no table of salaries")]);
    expect(lines[0]).toContain("Caused by: Error: disk full");
  });

  test("is logged if a resolver or the context needs something that is away", async () => {
    const away = new ServiceUnavailable(1, bug);
    for (const context of [undefined, () => Promise.reject(away)]) {
      lines.length = 0;
      const { errors } = await ask("{ away }", context);
      expect(errors[0].extensions.code).toBe("SERVICE_UNAVAILABLE");
      expect(lines).toEqual([expect.stringContaining("Caused by: Error: no table of salaries")]);
    }
  });

  test("of the option claims is logged once", async () => {
    const database = await createDatabase("sqlite");
    const auth = await createAuth({
      databaseUrl: database.url,
      secretKey: randomBytes(32).toString("base64url"),
      claims: () => Promise.reject(bug),
    });
    await auth.accounts.createUser({ username: "ada", password: PASSWORD });
    const server = new ApolloServer<AuthContext>({ ...apolloOptions(auth.schema), logger });
    const warning = jest.spyOn(process, "emitWarning");
    const contextValue = await auth.createContext();
    const { body } = await server.executeOperation({ query: LOGIN }, { contextValue });
    expect(body).toMatchObject({ singleResult: { errors: [masked] } });
    expect(lines).toEqual([
      expect.stringContaining("The function of the option claims failed: no table of salaries"),
    ]);
    expect(lines[0]).toContain(bug.stack);
    expect(warning).not.toHaveBeenCalled();
    warning.mockRestore();
    await server.stop();
    await auth.close();
    await database.drop();
  });

  test("is the only error that is logged: refusals, wrong documents and wrong arguments are not", async () => {
    for (const query of [
      "{ veto }",
      "{ taken }",
      "{ busy }",
      "{ me { id } }",
      "{",
      "{ missing }",
      "mutation { refreshToken { access } }",
      LOGIN.replace(PASSWORD, "wrong"),
    ]) {
      expect(await ask(query)).toHaveProperty("errors");
    }
    for (const refusal of [new Vetoed("Closed."), new ServiceUnavailable(1)]) {
      const { errors } = await ask("{ bug }", () => Promise.reject(refusal));
      expect(errors[0].message).toContain(refusal.message);
    }
    expect(lines).toEqual([]);
  });
});

test("an application's own formatError gets no stacks", async () => {
  const seen: unknown[] = [];
  const own = new ApolloServer<AuthContext>({
    ...apolloOptions(gate.auth.schema),
    formatError: (formatted) => {
      seen.push(formatted.extensions);
      return formatted;
    },
  });
  await own.executeOperation({ query: "{ me { id } }" }, { contextValue: {} as AuthContext });
  await own.stop();
  expect(seen).toEqual([{ code: "UNAUTHENTICATED", reason: "no_credentials" }]);
});

test("our own server handles no signals, because the command or the application does", async () => {
  const count = () => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
  const before = count();
  await gate.another();
  expect(count()).toBe(before);
});

test("RF-12: our own server sends a cookie in one header line", async () => {
  const { headers } = await gate.ask(LOGIN);
  expect(headers.getSetCookie()).toHaveLength(1);
});

/** Returns the refresh token that a response sets as a cookie. */
function valueOf(headers: HeaderMap): string {
  const [, value = ""] =
    /^__Host-gatehouse-refresh=([^;]+);/.exec(headers.get("set-cookie") ?? "") ?? [];
  expect(value).not.toBe("");
  return value;
}

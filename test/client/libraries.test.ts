import {
  ApolloClient,
  type CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type TypedDocumentNode,
} from "@apollo/client";
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
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { authExchange } from "@urql/exchange-auth";
import { type ClientError, GraphQLClient } from "graphql-request";
import { Client, fetchExchange } from "urql";
import { createAuthLink } from "../../src/client/apollo.js";
import { type AuthClient, createAuthClient } from "../../src/client/index.js";
import { createAuthConfig } from "../../src/client/urql.js";
import { eventually } from "../support/eventually.js";
import { answerWith, FaultyProxy } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

const me = (name: string) => `query ${name} { me { username } }`;
/** Seconds after which an access token has expired. */
const EXPIRED = 310;

/** Queries `me` with an operation name. Returns the user name, or the reason of the error. */
type QueryMe = (name?: string) => Promise<string>;

const reasonOf = (errors: readonly { extensions?: any }[] | undefined): string =>
  errors?.[0]?.extensions?.reason ?? "no reason";

function openApollo(auth: AuthClient): ApolloClient {
  const link = createAuthLink(auth).concat(new HttpLink({ uri: proxy.url }));
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

function openUrql(auth: AuthClient): Client {
  return new Client({
    url: proxy.url,
    preferGetMethod: false,
    exchanges: [authExchange(createAuthConfig(auth)), fetchExchange],
  });
}

const LIBRARIES: Record<string, (auth: AuthClient) => QueryMe> = {
  "Apollo Client": (auth) => {
    const client = openApollo(auth);
    return async (name = "Me") => {
      try {
        const query: TypedDocumentNode<{ me: { username: string } }> = gql(me(name));
        const { data } = await client.query({ query, fetchPolicy: "network-only" });
        return data?.me.username ?? "nothing";
      } catch (error) {
        return reasonOf((error as CombinedGraphQLErrors).errors);
      }
    };
  },
  urql: (auth) => {
    const client = openUrql(auth);
    return async (name = "Me") => {
      const { data, error } = await client.query(me(name), {}).toPromise();
      return data?.me.username ?? reasonOf(error?.graphQLErrors);
    };
  },
  "graphql-request": (auth) => {
    const client = new GraphQLClient(proxy.url, { fetch: auth.authFetch });
    return async (name = "Me") => {
      try {
        return (await client.request(me(name))).me.username;
      } catch (error) {
        return reasonOf((error as ClientError).response.errors);
      }
    };
  },
};

const gate = setUpGate();
let proxy: FaultyProxy;

beforeAll(async () => {
  await gate.user("ada");
  await gate.user("bob");
  proxy = await FaultyProxy.open(gate.url);
});

afterAll(() => proxy.close());

describe.each(Object.entries(LIBRARIES))("with %s", (_, connect) => {
  let auth: AuthClient;
  let queryMe: QueryMe;

  beforeEach(async () => {
    auth = createAuthClient({ url: proxy.url });
    queryMe = connect(auth);
    await auth.login("ada", PASSWORD);
    proxy.reset();
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  const operations = () => proxy.seen.map(({ operation }) => operation);

  test("operations carry the token", async () => {
    expect(await queryMe()).toBe("ada");
    expect(proxy.seen[0]?.authorization).toBe(auth.getSession().authorization);
  });

  test("operations are anonymous after a logout, and carry the token again after the next login", async () => {
    await auth.logout();
    expect(await queryMe()).toBe("no_credentials");
    await auth.login("ada", PASSWORD);
    expect(await queryMe()).toBe("ada");
  });

  test("a token that is about to expire is renewed first, so that no operation is refused", async () => {
    const now = Date.now;
    jest.spyOn(Date, "now").mockImplementation(() => now() + 250_000);
    expect(await queryMe()).toBe("ada");
    expect(operations()).toEqual(["Refresh", "Me"]);
  });

  test("a token that the server refuses as expired is renewed, and the operation retried", async () => {
    gate.advance(EXPIRED);
    expect(await queryMe()).toBe("ada");
    expect(operations()).toEqual(["Me", "Refresh", "Me"]);
  });

  test("operations that are refused at the same time share one refresh", async () => {
    gate.advance(EXPIRED);
    gate.events.length = 0;
    const results = await Promise.all([queryMe(), queryMe(), queryMe(), queryMe(), queryMe()]);
    expect(results).toEqual(Array(5).fill("ada"));
    const types = gate.events.map(({ type }) => type).filter((type) => type !== "token_expired");
    expect(types).toEqual(["token_refreshed"]);
  });

  test("after operations were refused together, the next token is still renewed ahead of time", async () => {
    gate.advance(EXPIRED);
    await Promise.all([queryMe(), queryMe(), queryMe()]);
    proxy.reset();
    const now = Date.now;
    jest.spyOn(Date, "now").mockImplementation(() => now() + 250_000);
    expect(await queryMe()).toBe("ada");
    expect(operations()).toEqual(["Refresh", "Me"]);
  });

  test("an operation that is refused after another user logged in is never retried as that user", async () => {
    const held = new EventEmitter();
    proxy.spoil("Me", async (response) => {
      await once(held, "release");
      await answerWith(200, "UNAUTHENTICATED", { reason: "token_expired" })(response, "");
    });
    const adas = queryMe();
    await eventually(() => proxy.count("Me") === 1);
    await auth.login("bob", PASSWORD);
    gate.advance(EXPIRED);
    proxy.spoil("Refresh", async (response, body) => {
      held.emit("release");
      await sleep(200);
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    const bobs = queryMe("OfBob");
    // Apollo Client itself may fail this query, because its cache was reset.
    expect(await adas).toMatch(/^(token_expired|no reason)$/);
    expect(await bobs).toBe("bob");
    const sent = proxy.seen.filter(({ operation }) => operation === "Me");
    expect(new Set(sent.map(({ authorization }) => authorization)).size).toBe(1);
  });

  test("an operation that is refused again is not sent a third time, and its error is returned", async () => {
    const refused = answerWith(200, "UNAUTHENTICATED", { reason: "token_expired" });
    proxy.spoil("Me", ...Array(9).fill(refused));
    expect(await queryMe()).toBe("token_expired");
    expect(operations()).toEqual(["Me", "Refresh", "Me"]);
  });

  test("an ended session returns the error, and the state has the reason", async () => {
    await gate.logout({ authorization: auth.getSession().authorization ?? "" });
    expect(await queryMe()).toBe("token_revoked");
    expect(proxy.count("Refresh")).toBe(1);
    expect(auth.getSession()).toMatchObject({
      status: "anonymous",
      error: { reason: "token_revoked" },
    });
  });

  test("an operation that is refused after the session has ended is not sent again", async () => {
    const held = new EventEmitter();
    proxy.spoil("Late", async (response, body) => {
      await once(held, "release");
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    await gate.logout({ authorization: auth.getSession().authorization ?? "" });
    const late = queryMe("Late");
    await eventually(() => proxy.count("Late") === 1);
    expect(await queryMe()).toBe("token_revoked");
    held.emit("release");
    // Apollo Client itself may fail this query, because its cache was reset.
    expect(await late).toMatch(/^(token_revoked|no reason)$/);
    expect(proxy.count("Late")).toBe(1);
  });

  test("a throttled refresh does not sign out", async () => {
    gate.advance(EXPIRED);
    proxy.spoil(
      "Refresh",
      answerWith(200, "TOO_MANY_REQUESTS", { reason: "throttled", retryAfter: 9 }),
    );
    expect(await queryMe()).toBe("token_expired");
    expect(auth.getSession()).toMatchObject({
      status: "authenticated",
      error: { reason: "throttled" },
    });
  });
});

describe("an Authorization header of the caller is sent as it is, and not retried, with", () => {
  const OWN = "Bearer of-another-service";
  const ANY_CASE = { AUTHORIZATION: OWN };
  let auth: AuthClient;

  beforeEach(async () => {
    auth = createAuthClient({ url: proxy.url });
    await auth.login("ada", PASSWORD);
    proxy.reset();
  });

  const query = me("Me");
  const SENDERS: Record<string, () => Promise<unknown>> = {
    authFetch: () =>
      auth.authFetch(proxy.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...ANY_CASE },
        body: JSON.stringify({ query }),
      }),
    "the Apollo link": () =>
      openApollo(auth).query({ query: gql(query), context: { headers: ANY_CASE } }),
    "urql's configuration": () =>
      openUrql(auth)
        .query(query, {}, { fetchOptions: { headers: ANY_CASE } })
        .toPromise(),
  };

  test.each(Object.keys(SENDERS))("%s", async (name) => {
    await SENDERS[name]!().catch(() => undefined);
    const refused = answerWith(200, "UNAUTHENTICATED", { reason: "token_expired" });
    proxy.spoil("Me", refused);
    const now = Date.now;
    jest.spyOn(Date, "now").mockImplementation(() => now() + 250_000);
    await SENDERS[name]!().catch(() => undefined);
    jest.restoreAllMocks();
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["Me", "Me"]);
    expect(proxy.seen.map(({ authorization }) => authorization)).toEqual([OWN, OWN]);
  });
});

describe("Apollo's cache", () => {
  const ME: TypedDocumentNode<{ me: { username: string } }> = gql(me("Me"));
  let auth: AuthClient;
  let client: ApolloClient;

  beforeEach(async () => {
    proxy.reset();
    auth = createAuthClient({ url: proxy.url });
    client = openApollo(auth);
    await auth.login("ada", PASSWORD);
    await client.query({ query: ME });
    expect(cached()).toBe("ada");
  });

  const cached = () => client.readQuery({ query: ME })?.me.username;

  test("is emptied on logout", async () => {
    await auth.logout();
    await eventually(() => cached() === undefined);
    expect(client.cache.extract()).toEqual({});
  });

  test("is emptied when the session ends, and the refused operation has its own error", async () => {
    await gate.logout({ authorization: auth.getSession().authorization ?? "" });
    const query = client.query({ query: ME, fetchPolicy: "network-only" });
    await expect(query).rejects.toMatchObject({
      errors: [{ extensions: { reason: "token_revoked" } }],
    });
    await eventually(() => cached() === undefined);
  });

  test("is emptied before the login of another user ends", async () => {
    await auth.login("bob", PASSWORD);
    expect(cached()).toBeUndefined();
    expect((await client.query({ query: ME })).data?.me.username).toBe("bob");
  });

  test("is kept when the token is renewed, and also when the same user logs in again", async () => {
    await auth.refresh();
    await auth.login("ada", PASSWORD);
    await sleep(20);
    expect(cached()).toBe("ada");
  });

  test("gets no data of a user who has signed out since the query began", async () => {
    const held = new EventEmitter();
    proxy.spoil("Me", async (response, body) => {
      await once(held, "release");
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    const query = 'mutation Me { verifyToken(token: "x") { active } }';
    const mutation = client.mutate({ mutation: gql(query) });
    const failed = expect(mutation).rejects.toThrow("The user has changed");
    await eventually(() => proxy.count("Me") === 2);
    await auth.logout();
    held.emit("release");
    await failed;
    expect(client.cache.extract()).toEqual({});
  });

  test("is filled again for the next user where a query is still shown", async () => {
    const names: (string | undefined)[] = [];
    const shown = client.watchQuery({ query: ME, errorPolicy: "all" }).subscribe({
      next: ({ data }) => names.push(data?.me?.username),
    });
    await eventually(() => names.includes("ada"));
    await auth.logout();
    await auth.login("bob", PASSWORD);
    await eventually(() => names.includes("bob"));
    expect(names.lastIndexOf("ada")).toBeLessThan(names.indexOf("bob"));
    shown.unsubscribe();
  });
});

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

const LIBRARIES: Record<string, (auth: AuthClient) => QueryMe> = {
  "Apollo Client": (auth) => {
    const link = createAuthLink(auth).concat(new HttpLink({ uri: proxy.url }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
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
    const client = new Client({
      url: proxy.url,
      preferGetMethod: false,
      exchanges: [authExchange(createAuthConfig(auth)), fetchExchange],
    });
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
    expect(gate.events.map(({ type }) => type)).toEqual(["token_refreshed"]);
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
    expect([await adas, await bobs]).toEqual(["token_expired", "bob"]);
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

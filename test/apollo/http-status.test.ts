import { ApolloServer, HeaderMap } from "@apollo/server";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { GraphQLError } from "graphql";
import {
  apolloOptions,
  type AuthContext,
  NoCredentials,
  TooManyRequests,
} from "../../src/index.js";

const schema = makeExecutableSchema({
  typeDefs: `type Query { anonymous: Int! throttled: Int! lapsed: Int! partly: Int fine: Int }`,
  resolvers: {
    Query: {
      anonymous: () => Promise.reject(new NoCredentials()),
      throttled: () => Promise.reject(new TooManyRequests(7)),
      lapsed: () =>
        Promise.reject(
          new GraphQLError("Your licence has lapsed.", { extensions: { code: "LICENCE_LAPSED" } }),
        ),
      partly: () => Promise.reject(new NoCredentials()),
      fine: () => 1,
    },
  },
});

let server: ApolloServer<AuthContext>;

beforeAll(async () => {
  server = new ApolloServer(apolloOptions(schema));
  await server.start();
});

afterAll(() => server.stop());

const GRAPHQL_RESPONSE = "application/graphql-response+json";

/** Returns the status, the challenge, and when to retry. */
async function headOf(query: string, accept: string | null = GRAPHQL_RESPONSE, on = server) {
  const { status, headers } = await on.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: "POST",
      headers: new HeaderMap([
        ["content-type", "application/json"],
        ...(accept === null ? [] : [["accept", accept] as const]),
      ]),
      search: "",
      body: { query },
    },
    context: () => Promise.resolve({} as AuthContext),
  });
  return [status ?? 200, headers.get("www-authenticate"), headers.get("retry-after")];
}

test("the first error sets the status and the headers that its code needs, if there is no data", async () => {
  expect(await headOf("{ fine anonymous }")).toEqual([
    401,
    expect.stringContaining("Bearer"),
    undefined,
  ]);
  expect(await headOf("{ fine throttled }")).toEqual([429, undefined, "7"]);
});

test("a response with data has the status 200, even if a field failed", async () => {
  expect(await headOf("{ fine }")).toEqual([200, undefined, undefined]);
  expect(await headOf("{ fine partly }")).toEqual([200, undefined, undefined]);
});

test("an application's own code leaves the status 200", async () => {
  expect(await headOf("{ lapsed }")).toEqual([200, undefined, undefined]);
});

test("a code that is not a string leaves the status 200", async () => {
  const on = new ApolloServer<AuthContext>({
    ...apolloOptions(schema),
    formatError: (formatted) => ({ ...formatted, extensions: { code: ["UNAUTHENTICATED"] } }),
  });
  await on.start();
  const head = await headOf("{ anonymous }", GRAPHQL_RESPONSE, on);
  await on.stop();
  expect(head).toEqual([200, undefined, undefined]);
});

test.each([
  null,
  "*/*",
  "application/json",
  `application/json, ${GRAPHQL_RESPONSE}`,
  `${GRAPHQL_RESPONSE};q=0.9, application/json`,
])("a client that prefers plain JSON gets the status 200: %s", async (accept) => {
  expect(await headOf("{ throttled }", accept)).toEqual([200, undefined, undefined]);
});

test("a client that prefers the media type of GraphQL gets the status of the error", async () => {
  const accept = `application/json;q=0.9, ${GRAPHQL_RESPONSE}`;
  expect(await headOf("{ throttled }", accept)).toEqual([429, undefined, "7"]);
});

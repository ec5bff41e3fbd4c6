import { beforeAll, describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { graphql, type GraphQLSchema } from "graphql";
import { PASSWORD, setUpGate } from "../support/gate.js";

const OWN = /* GraphQL */ `
  extend type Query {
    notes: [String!]!
    open: String @public
    audit: String @auth(requires: ADMIN)
  }
  extend type Mutation {
    signIn(username: String!, password: String!): String! @public
  }
`;

const gate = setUpGate();
let merged: GraphQLSchema;

beforeAll(async () => {
  await gate.user("ada", { role: "ADMIN" });
  await gate.user("bob");
  const { typeDefs, resolvers, authentication } = gate.auth;
  merged = makeExecutableSchema({
    typeDefs: [typeDefs, OWN],
    resolvers: [
      resolvers,
      {
        Query: { notes: () => ["n"], open: () => "o", audit: () => "a" },
        Mutation: {
          signIn: async (_source: unknown, args: { username: string; password: string }) => {
            const client = { ipAddress: null, userAgent: null };
            const issued = await authentication.login(args, args.password, "JWT", client);
            return issued.access;
          },
        },
      },
    ],
  });
});

const contextOf = (authorization?: string) =>
  gate.auth.createContext({ headers: authorization === undefined ? {} : { authorization } });

const codesOf = async (schema: GraphQLSchema, source: string, contextValue: unknown) => {
  const { errors = [] } = await graphql({ schema, source, contextValue });
  return errors.map(({ extensions }) => extensions["code"]);
};

describe("Gatehouse in an application's schema", () => {
  test("G-01, G-05, G-16: guards its own fields and the application's", async () => {
    const schema = gate.auth.guard(merged);
    const source = `{ notes me { username } open audit allSessions { edges { node { id } } } }`;
    const { authorization } = await gate.login("ada");
    const result = await graphql({ schema, source, contextValue: await contextOf(authorization) });
    expect(result.errors).toBeUndefined();
    expect(result.data).toMatchObject({ notes: ["n"], open: "o", audit: "a" });
    const bob = await contextOf((await gate.login("bob")).authorization);
    expect(await codesOf(schema, `{ audit }`, bob)).toEqual(["FORBIDDEN"]);
    expect(await codesOf(schema, `{ notes }`, await contextOf())).toEqual(["UNAUTHENTICATED"]);
    expect(await codesOf(schema, `{ open }`, await contextOf())).toEqual([]);
  });

  test("A-19: the application's own login mutation validates its arguments and logs in by the same rules", async () => {
    const schema = gate.auth.guard(merged);
    const { errors } = await graphql({
      schema,
      source: `mutation { signIn }`,
      contextValue: await contextOf(),
    });
    expect(errors?.[0]?.message).toMatch(/"username".* is required/);
    const signIn = (password: string) =>
      `mutation { signIn(username: "bob", password: "${password}") }`;
    const context = await contextOf();
    expect(await codesOf(schema, signIn(""), context)).toEqual(["BAD_USER_INPUT"]);
    expect(await codesOf(schema, signIn("a wrong password"), context)).toEqual(["UNAUTHENTICATED"]);
    const { data } = await graphql({ schema, source: signIn(PASSWORD), contextValue: context });
    expect((await gate.me(`Bearer ${data?.["signIn"] as string}`)).data.me.username).toBe("bob");
  });

  test("G-18: the exported resolvers are guarded even if the application never calls guard", async () => {
    const context = await contextOf();
    const bob = await contextOf((await gate.login("bob")).authorization);
    const list = `{ allSessions { edges { node { id } } } }`;
    expect(await codesOf(merged, `{ me { id } }`, context)).toEqual(["UNAUTHENTICATED"]);
    expect(await codesOf(merged, list, context)).toEqual(["UNAUTHENTICATED"]);
    expect(await codesOf(merged, list, bob)).toEqual(["FORBIDDEN"]);
  });
});

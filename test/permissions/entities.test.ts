import { beforeAll, describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { graphql } from "graphql";
import type { AuthContext, GuardOptions } from "../../src/index.js";
import { setUpGate } from "../support/gate.js";

const gate = setUpGate();
let bob: AuthContext;
let loaded = 0;

beforeAll(async () => {
  await gate.user("bob");
  bob = await gate.auth.createContext({
    headers: { authorization: (await gate.login("bob")).authorization },
  });
});

/**
 * Returns the guarded schema of a federation subgraph, with an entity of the application. The schema is built as
 * federation's tools build it.
 */
function guardSubgraph(options?: GuardOptions) {
  const own = `
    scalar _Any
    union _Entity = User | Salary
    type Salary @auth(requires: ADMIN) { id: ID! amount: Int }
    extend type Query { _entities(representations: [_Any!]!): [_Entity]! }`;
  const _entities = (_root: unknown, { representations }: { representations: object[] }) => {
    loaded += representations.length;
    return representations;
  };
  const schema = makeExecutableSchema({
    typeDefs: [gate.auth.typeDefs, own],
    resolvers: [gate.auth.resolvers, { Query: { _entities } }],
  });
  return gate.auth.guard(schema, options);
}

const SALARIES = `query ($list: [_Any!]!) {
  a: _entities(representations: $list) { __typename }
  b: _entities(representations: $list) { __typename ... on Salary { amount } }
}`;

async function ask(count: number, options?: GuardOptions, contextValue: unknown = bob) {
  loaded = 0;
  const list = Array(count).fill({ __typename: "Salary", id: "1", amount: 1 });
  const { errors = [], data } = await graphql({
    schema: guardSubgraph(options),
    source: SALARIES,
    contextValue,
    variableValues: { list },
  });
  return { codes: new Set(errors.map(({ extensions }) => extensions["code"])), data };
}

describe("the entities of a federation subgraph", () => {
  test("are counted over all fields of a request: 100 are loaded, and more are refused", async () => {
    expect((await ask(50)).data).toMatchObject({ a: Array(50).fill({ __typename: "Salary" }) });
    expect(loaded).toBe(100);
    expect(await ask(51)).toEqual({ codes: new Set(["BAD_USER_INPUT"]), data: null });
    expect(loaded).toBe(51);
  });

  test("have the limit that the application sets", async () => {
    expect((await ask(500, { maxEntities: 1000 })).data).not.toBeNull();
    expect((await ask(1, { maxEntities: 1 })).data).toBeNull();
    for (const maxEntities of [0, 1.5, NaN, Infinity]) {
      expect(() => guardSubgraph({ maxEntities })).toThrow(
        new TypeError("maxEntities: must be a whole number from 1"),
      );
    }
  });

  test("of a type with a guard are refused to a role that is too low", async () => {
    const { codes, data } = await ask(1);
    expect(codes).toEqual(new Set(["FORBIDDEN"]));
    expect(data).toEqual({
      a: [{ __typename: "Salary" }],
      b: [{ amount: null, __typename: "Salary" }],
    });
  });

  test("are counted in the query type only, if there is one", async () => {
    const mutation = `type Mutation { _entities(representations: [Int!]!): Int }`;
    const typeDefs = `type Query { open: Int } ${mutation}`;
    const resolvers = { Mutation: { _entities: () => 7 } };
    const { data } = await graphql({
      schema: gate.auth.guard(makeExecutableSchema({ typeDefs, resolvers }), { maxEntities: 1 }),
      source: `mutation { _entities(representations: [1, 2]) }`,
      contextValue: bob,
    });
    expect(data).toEqual({ _entities: 7 });
    const withoutQuery = makeExecutableSchema({ typeDefs: mutation, resolvers });
    expect(gate.auth.guard(withoutQuery).getQueryType()).toBeUndefined();
  });

  test("are not loaded for a stranger", async () => {
    expect(await ask(1000, {}, {})).toEqual({ codes: new Set(["UNAUTHENTICATED"]), data: null });
    expect(loaded).toBe(0);
  });
});

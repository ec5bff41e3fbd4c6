import { randomBytes } from "node:crypto";
import { ApolloServer } from "@apollo/server";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type GraphQLSchema, parse, validate } from "graphql";
import {
  apolloOptions,
  type Auth,
  type AuthContext,
  createAuth,
  defineFeature,
  documentLimits,
  type Limits,
} from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";

const vouchers = defineFeature({
  name: "vouchers",
  create: () => ({
    extension: {
      typeDefs: `extend type Mutation { redeem(code: String!): Boolean @public }`,
      resolvers: { Mutation: { redeem: () => true } },
    },
  }),
});

let database: TestDatabase;
let auth: Auth;
let schema: GraphQLSchema;

beforeAll(async () => {
  database = await createDatabase("sqlite");
  const secretKey = randomBytes(32).toString("base64url");
  auth = await createAuth({ secretKey, databaseUrl: database.url, features: [vouchers] });
  const typeDefs = [
    auth.typeDefs,
    `extend type Query { tree: Tree @public broken: [Int] @public double(of: Int!): Int @public }
     extend type Mutation { subscribe(email: String!): Int @public vote(for: ID!): Int @public }
     type Tree { below: Tree value: Int }`,
  ];
  const tree = { below: () => tree, value: 1 };
  const resolvers = {
    Query: {
      tree: () => tree,
      broken: () => Array.from({ length: 60 }, () => new Error("x")),
      double: (_: unknown, { of }: { of: number }) => 2 * of,
    },
    Mutation: { subscribe: () => 1, vote: () => 1 },
  };
  schema = auth.guard(makeExecutableSchema({ typeDefs, resolvers: [auth.resolvers, resolvers] }));
});

afterAll(async () => {
  await auth.close();
  await database.drop();
});

/** Sends a document to an application's Apollo Server that has these limits. */
async function ask(query: string, limits: Limits = {}, served: GraphQLSchema = schema) {
  const server = new ApolloServer<AuthContext>(apolloOptions(served, { limits }));
  const contextValue = await auth.createContext();
  const { body } = await server.executeOperation({ query }, { contextValue });
  await server.stop();
  if (body.kind !== "single") throw new Error("The response is not complete.");
  const { data, errors = [] } = body.singleResult;
  return { data, messages: errors.map(({ message }) => message), count: errors.length };
}

const repeat = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join(" ");

/** For each limit, a document that exceeds the default by one, and the message that refuses it. */
const BEYOND: Record<Exclude<keyof Limits, "errors">, [document: string, message: string]> = {
  tokens: [
    `{ tree { ${repeat(499, (index) => `...F${index % 2}`)} } } ${repeat(2, (index) => `fragment F${index} on Tree { value }`)}`,
    "Syntax Error: Document contains more that 1000 tokens. Parsing aborted.",
  ],
  characters: [
    `{ tree { value } } #${"-".repeat(15_000)}`,
    "Syntax Error: Source contains more than 15000 UTF-16 code units. Parsing aborted.",
  ],
  lines: [`{ tree { value } } ${"\n".repeat(1000)}`, "The document has more than 1000 lines."],
  directives: [
    `{ ${repeat(9, () => "tree @include(if: true) { value }")} ... @include(if: true) { ... @include(if: true) { tree { value } } } }`,
    "The document has more than 10 directives.",
  ],
  directivesInOnePlace: [
    `{ tree @include(if: true) @skip(if: false) @a @b { value } }`,
    "The document has more than 3 directives in one place.",
  ],
  fieldsOfOneName: [
    `{ tree { ${repeat(101, () => "value")} } }`,
    "The document has more than 100 fields of one name.",
  ],
  depth: [
    `{ tree ${"{ below ".repeat(7)}{ value }${" }".repeat(7)} }`,
    "The document has more than 8 levels of fields.",
  ],
  selections: [
    `{ tree { ${repeat(11, () => "...A")} } } fragment A on Tree { ${repeat(91, () => "value")} }`,
    "The document has more than 1000 selections.",
  ],
  aliases: [
    `{ tree { ${repeat(16, (index) => `a${index}: value`)} } }`,
    "The document has more than 15 aliases.",
  ],
  rootFields: [
    `{ ${repeat(11, () => "__typename")} }`,
    "The document has more than 10 root fields.",
  ],
  credentialFields: [
    `mutation { a: verifyToken(token: "x") { active } b: verifyToken(token: "x") { active } }`,
    "The document has more than 1 field that checks a credential.",
  ],
};

describe("apolloOptions with limits", () => {
  test.each(Object.entries(BEYOND))(
    "GQ-2, GQ-3, GQ-4, GQ-5, GQ-6: refuses a document beyond the default of %s, unless the limit is raised or off",
    async (name, [document, message]) => {
      expect((await ask(document)).messages).toEqual([message]);
      for (const limit of [1_000_000, null]) {
        const { messages } = await ask(document, { [name]: limit });
        expect(messages.filter((other) => other.startsWith("The document has"))).toEqual([]);
        expect(messages).not.toContain(message);
        if (name !== "directivesInOnePlace") expect(messages).toEqual([]);
      }
    },
  );

  test("GQ-3: refuses a document beyond a lower limit, and names that limit", async () => {
    expect((await ask("{ tree { value } }", { depth: 1 })).messages).toEqual([
      "The document has more than 1 level of fields.",
    ]);
    expect((await ask("{ tree { value } }", { tokens: 3 })).messages).toEqual([
      "Syntax Error: Document contains more that 3 tokens. Parsing aborted.",
    ]);
  });

  test("GQ-4, GQ-6: refuses a document that expands to far more than the largest limit", async () => {
    const most = { selections: 1_000_000, rootFields: null, fieldsOfOneName: null };
    for (const times of [20, 150]) {
      const fragments = repeat(
        times,
        (index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
      );
      const document = `{ ...F0 } ${fragments} fragment F${times} on Query { __typename }`;
      expect((await ask(document, { ...most, tokens: null })).messages).toEqual([
        "The document has more than 1000000 selections.",
      ]);
    }
  });

  test("GQ-12: sends at most as many errors as the limit allows, or all errors if the limit is off", async () => {
    const counts = [];
    for (const errors of [undefined, 1, 50, null]) {
      counts.push((await ask("{ broken }", { errors })).count);
    }
    expect(counts).toEqual([10, 1, 50, 60]);
  });

  test("GQ-12: sends at most 64 KiB of errors, but always the first, and all errors if the limit is off", async () => {
    const error = {
      message: "Internal server error.",
      locations: [{ line: 1, column: 3 }],
      path: ["", 0],
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    };
    /** With an alias of this length, four errors have 64 KiB. */
    const length = 16 * 1024 - JSON.stringify(error).length;
    const counts = [];
    for (const [extra, errors] of [[0], [1], [3 * length], [50 * length], [1, null]] as const) {
      const document = `{ ${"x".repeat(length + extra)}: broken }`;
      counts.push((await ask(document, { characters: null, errors })).count);
    }
    expect(counts).toEqual([4, 3, 1, 1, 60]);
  });

  test("GQ-12: reports as many mistakes in variables as the limit on errors allows", async () => {
    const of = (part: (name: string) => string) => repeat(12, (index) => part(`v${index}`));
    const query = `query (${of((name) => `$${name}: Int!`)}) { ${of((name) => `${name}: double(of: $${name})`)} }`;
    const off = { rootFields: null, aliases: null };
    const counts = [];
    for (const errors of [1, 2, 5, 12, 13, null]) {
      const { messages } = await ask(query, { ...off, errors });
      const mistakes = messages.filter((message) => message.includes("was not provided"));
      counts.push([mistakes.length, messages.length]);
    }
    expect(counts).toEqual([
      [1, 1],
      [1, 2],
      [4, 5],
      [12, 12],
      [12, 12],
      [12, 12],
    ]);
  });

  test("GQ-12: reports at most 50 mistakes in variables, even if the limit on errors is off", async () => {
    const of = (part: (name: string) => string) => repeat(60, (index) => part(`v${index}`));
    const query = `query (${of((name) => `$${name}: Int!`)}) { ${of((name) => `${name}: double(of: $${name})`)} }`;
    const limits = { rootFields: null, aliases: null, errors: null };
    expect((await ask(query, limits)).count).toBe(50);
  });

  test.each<[limits: unknown, message: string]>([
    [{ depth: 0 }, "limits.depth: must be a whole number from 1 to 1000000, or null for no limit"],
    [{ depth: -1 }, "limits.depth: must be a whole number from 1 to 1000000, or null for no limit"],
    [
      { depth: 2.5 },
      "limits.depth: must be a whole number from 1 to 1000000, or null for no limit",
    ],
    [
      { depth: "8" },
      "limits.depth: must be a whole number from 1 to 1000000, or null for no limit",
    ],
    [
      { depth: NaN },
      "limits.depth: must be a whole number from 1 to 1000000, or null for no limit",
    ],
    [
      { depth: Infinity },
      "limits.depth: must be a whole number from 1 to 1000000, or null for no limit",
    ],
    [
      { aliases: false },
      "limits.aliases: must be a whole number from 1 to 1000000, or null for no limit",
    ],
    [{ dept: 8 }, "limits.dept: is not a setting; did you mean depth?"],
    [{ maxDepth: 8 }, "limits.maxDepth: is not a setting"],
    [
      { depth: 0, alias: 1 },
      "limits.depth: must be a whole number from 1 to 1000000, or null for no limit\nlimits.alias: is not a setting",
    ],
    [null, "limits: must be an object"],
    [8, "limits: must be an object"],
    [[8], "limits: must be an object"],
  ])("refuses wrong limits by name, when the server is made: %j", (limits, message) => {
    const make = [
      () => apolloOptions(schema, { limits: limits as Limits }),
      () => documentLimits(schema, limits as Limits),
    ];
    for (const run of make) expect(run).toThrow(new TypeError(message));
  });

  test.each(["tokens", "characters", "errors"] as const)(
    "documentLimits alone refuses a limit that only apolloOptions can apply: %s",
    (name) => {
      const limits: Limits = { depth: 8, [name]: 8 };
      expect(() => documentLimits(schema, limits)).toThrow(
        new TypeError(`limits.${name}: can only be set with apolloOptions`),
      );
    },
  );

  test("the type of documentLimits lacks the limits that only apolloOptions can apply", () => {
    // @ts-expect-error: a validation rule sees no response, so it cannot limit the errors of one
    expect(() => documentLimits(schema, { errors: 8 })).toThrow("limits.errors");
    expect(() => documentLimits(schema, { depth: 8, lines: null })).not.toThrow();
  });

  test("documentLimits limits a document without locations, except its lines", () => {
    const errorsOf = (text: string) =>
      validate(schema, parse(text, { noLocation: true }), [documentLimits(schema, { depth: 1 })]);
    expect(errorsOf("{ tree { value } }").map(({ message }) => message)).toEqual([
      "The document has more than 1 level of fields.",
    ]);
    expect(errorsOf(`{ __typename } ${"\n".repeat(2000)}`)).toEqual([]);
  });

  test.each<[options: unknown, message: string]>([
    [{ limit: {} }, "limit: is not an option; did you mean limits?"],
    [{ depth: 8 }, "depth: is not an option; did you mean limits?"],
    [null, "options: must be an object with limits"],
    [8, "options: must be an object with limits"],
  ])("refuses wrong options by name: %j", (options, message) => {
    expect(() => apolloOptions(schema, options as object)).toThrow(new TypeError(message));
  });
});

describe("credential fields", () => {
  test("GQ-4: are those of Gatehouse and its features, not an application's own public mutations", async () => {
    const own = `mutation { a: subscribe(email: "a") b: subscribe(email: "b") vote(for: "c") }`;
    expect(await ask(own)).toEqual({ data: { a: 1, b: 1, vote: 1 }, messages: [], count: 0 });
    const mixed = `mutation { vote(for: "c") verifyToken(token: "x") { active } }`;
    expect((await ask(mixed)).messages).toEqual([]);
    for (const two of [
      `mutation { redeem(code: "a") verifyToken(token: "x") { active } }`,
      `mutation { a: redeem(code: "a") b: redeem(code: "b") }`,
      `mutation { login(username: "a", password: "b") { access } logout { message } }`,
    ]) {
      expect((await ask(two)).messages).toEqual([
        "The document has more than 1 field that checks a credential.",
      ]);
    }
    const three = `mutation { a: redeem(code: "a") b: redeem(code: "b") c: redeem(code: "c") }`;
    expect((await ask(three, { credentialFields: 2 })).messages).toEqual([
      "The document has more than 2 fields that check a credential.",
    ]);
  });

  test("GQ-4: are all public mutations of a schema that auth.guard did not return", async () => {
    const unguarded = makeExecutableSchema({
      typeDefs: `directive @public on FIELD_DEFINITION
        type Query { a: Int } type Mutation { vote(for: ID!): Int @public }`,
    });
    const two = `mutation { a: vote(for: "c") b: vote(for: "d") }`;
    expect((await ask(two, {}, unguarded)).messages).toEqual([
      "The document has more than 1 field that checks a credential.",
    ]);
  });
});

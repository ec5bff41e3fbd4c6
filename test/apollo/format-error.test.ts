import { ApolloServer } from "@apollo/server";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type FieldNode,
  GraphQLError,
  GraphQLScalarType,
  Kind,
  parse,
  specifiedRules,
  validate,
  type ValidationContext,
} from "graphql";
import { GraphQLDateTime } from "graphql-scalars";
import { apolloOptions } from "../../src/apollo/apollo-server.js";
import { formatError } from "../../src/apollo/format-error.js";
import { WHOLE } from "../../src/apollo/known-messages.js";
import { withoutValues } from "../../src/apollo/without-values.js";
import { type AuthContext, BadUserInput, TooManyRequests } from "../../src/index.js";

/** Part of every value that these tests send. An error that contains it has repeated a value. */
const CANARY = "c4n4ry";
/** Matches a part of {@link CANARY}, or of the numbers that are sent beside it. */
const TRACES = /c4n|n4r|7444/;

/** Creates an application's scalar whose errors repeat the value in every possible way. */
const chatty = (name: string, fail: (value: unknown) => Error) =>
  new GraphQLScalarType({
    name,
    parseValue: (value) => {
      throw fail(value);
    },
    parseLiteral: (node) => {
      throw fail("value" in node ? node.value : CANARY);
    },
  });

const ARGUMENTS = {
  int: "Int",
  float: "Float",
  string: "String",
  boolean: "Boolean",
  id: "ID",
  dateTime: "DateTime",
  color: "Color",
  plain: "Plain",
  coded: "Coded",
  filter: "Filter",
  oneOf: "OneOf",
  list: "[Int]",
  lists: "[[Int!]!]!",
  required: "String!",
  filters: "[Filter!]",
};

const schema = makeExecutableSchema({
  typeDefs: /* GraphQL */ `
    scalar DateTime
    scalar Plain
    scalar Coded
    scalar Faulty
    enum Color {
      RED
      GREEN
    }
    input Filter {
      text: String
      needed: Int!
      color: Color
      at: DateTime
      inner: Filter
      all: [Filter!]
    }
    input OneOf @oneOf {
      a: String
      b: Int
    }
    interface Node {
      id: ID
    }
    type Doc implements Node {
      id: ID
      title: String
    }
    type Query {
      ${Object.entries(ARGUMENTS)
        .map(([name, type]) => `${name}(v: ${type}): Int`)
        .join("\n")}
      faulty(v: Faulty): Int
      node: Node
      doc: Doc
      docs: Doc
    }
    type Subscription {
      ticks(v: Int): Int
      tocks: Int
    }
  `,
  resolvers: {
    DateTime: GraphQLDateTime,
    Plain: chatty("Plain", (value) => new TypeError(`${JSON.stringify(value)} is odd`)),
    Coded: chatty(
      "Coded",
      (value) =>
        new GraphQLError(`${JSON.stringify(value)} is odd`, {
          extensions: { code: "ODD", value },
        }),
    ),
    // `null` is no error that graphql-js can report.
    Faulty: chatty("Faulty", () => null as unknown as Error),
  },
});

let server: ApolloServer<AuthContext>;
/** The same schema on a server that suggests no names. */
let closed: ApolloServer<AuthContext>;

beforeAll(async () => {
  server = new ApolloServer(apolloOptions(schema));
  closed = new ApolloServer({
    ...apolloOptions(schema),
    introspection: false,
    hideSchemaDetailsFromClientErrors: true,
  });
  await server.start();
  await closed.start();
});

afterAll(async () => {
  await server.stop();
  await closed.stop();
});

interface Ask {
  variables?: Record<string, unknown>;
  operationName?: string;
  on?: ApolloServer<AuthContext>;
}

async function errorsOf(query: string, { on = server, ...rest }: Ask = {}) {
  const { body } = await on.executeOperation(
    { query, ...rest },
    { contextValue: {} as AuthContext },
  );
  return body.kind === "single" ? (body.singleResult.errors ?? []) : [];
}

const LITERALS = {
  string: `"${CANARY}"`,
  "block string": `"""${CANARY}"""`,
  int: "74447444",
  "large int": "74447444744474447444",
  float: "74447444.7444",
  enum: CANARY,
  list: `[${CANARY}, "${CANARY}", [74447444]]`,
  "object key": `{ ${CANARY}: 1 }`,
  "object value": `{ text: 74447444, needed: "${CANARY}", color: ${CANARY}, at: "${CANARY}" }`,
  "nested object": `{ needed: 1, inner: { needed: 1, all: [{ ${CANARY}: "${CANARY}" }] } }`,
  "object key that is null": `{ ${CANARY}: null }`,
  "object key twice": `{ ${CANARY}: 1, ${CANARY}: 1 }`,
};

const VALUES: Record<string, unknown> = {
  string: CANARY,
  int: 74447444,
  "large int": 74447444744474450000,
  float: 74447444.7444,
  list: [CANARY, 74447444, [CANARY]],
  object: { [CANARY]: CANARY },
  "object value": { text: 74447444, needed: CANARY, color: CANARY, at: CANARY },
  "nested object": { needed: 1, inner: { needed: 1, all: [{ [CANARY]: CANARY }] } },
  "string that closes its quotes": `${CANARY}" does not exist in "${CANARY}" enum. Did you mean "${CANARY}"?`,
  "string that looks like a message": `Unknown type "${CANARY}".`,
  "long string": CANARY.repeat(1000),
};

/** For each rule of graphql-js, a document that breaks it and has a value close to the mistake. */
const BROKEN: Record<string, (value: string) => string> = {
  ExecutableDefinitionsRule: (v) => `{ int(v: ${v}) } type A { a(v: Int = ${v}): Int }`,
  FieldsOnCorrectTypeRule: (v) => `{ missing(v: ${v}) }`,
  FragmentsOnCompositeTypesRule: (v) => `{ ... on Int { int(v: ${v}) } }`,
  KnownArgumentNamesRule: (v) => `{ int(w: ${v}) @include(unless: ${v}) }`,
  KnownDirectivesRule: (v) => `{ int @missing(v: ${v}) }`,
  KnownFragmentNamesRule: (v) => `{ ...Missing int(v: ${v}) }`,
  KnownTypeNamesRule: (v) => `query ($v: Missing = ${v}) { int(v: $v) }`,
  LoneAnonymousOperationRule: (v) => `{ int(v: ${v}) } query A { int }`,
  MaxIntrospectionDepthRule: (v) =>
    `{ int(v: ${v}) __schema { types { ${"fields { type { ".repeat(4)} name ${"} } ".repeat(4)} } } }`,
  NoFragmentCyclesRule: (v) =>
    `{ ...A } fragment A on Query { ...B int(v: ${v}) } fragment B on Query { ...A }`,
  NoUndefinedVariablesRule: (v) => `query A { list(v: [$v, ${v}]) }`,
  NoUnusedFragmentsRule: (v) => `{ int } fragment A on Query { int(v: ${v}) }`,
  NoUnusedVariablesRule: (v) => `query A($v: Int = ${v}) { int }`,
  OverlappingFieldsCanBeMergedRule: (v) => `{ a: int(v: ${v}) a: int(v: 1) }`,
  PossibleFragmentSpreadsRule: (v) => `{ doc { ... on Query { int(v: ${v}) } } }`,
  ProvidedRequiredArgumentsRule: (v) => `{ lists int(v: ${v}) @skip }`,
  ScalarLeafsRule: (v) => `{ int(v: ${v}) { id } doc }`,
  SingleFieldSubscriptionsRule: (v) => `subscription { ticks(v: ${v}) tocks }`,
  UniqueArgumentNamesRule: (v) => `{ int(v: ${v}, v: ${v}) }`,
  UniqueDirectivesPerLocationRule: (v) => `{ int @skip(if: ${v}) @skip(if: ${v}) }`,
  UniqueFragmentNamesRule: (v) =>
    `{ ...A } fragment A on Query { int(v: ${v}) } fragment A on Query { int(v: ${v}) }`,
  UniqueInputFieldNamesRule: (v) => `{ filter(v: { needed: 1, text: ${v}, text: ${v} }) }`,
  UniqueOperationNamesRule: (v) => `query A { int(v: ${v}) } query A { int }`,
  UniqueVariableNamesRule: (v) => `query ($v: Int = ${v}, $v: Int = ${v}) { int(v: $v) }`,
  ValuesOfCorrectTypeRule: (v) => `{ int(v: ${v}) float(v: ${v}) color(v: ${v}) oneOf(v: ${v}) }`,
  VariablesAreInputTypesRule: (v) => `query ($v: Query = ${v}) { int(v: $v) }`,
  VariablesInAllowedPositionRule: (v) => `query ($v: String = ${v}) { int(v: $v) }`,
};

const literals = Object.entries(LITERALS);

describe("no value in a document is repeated", () => {
  test("there is a broken document for every rule of graphql-js", () => {
    expect(specifiedRules.map(({ name }) => name).sort()).toEqual(Object.keys(BROKEN).sort());
    for (const rule of specifiedRules) {
      const documents = literals.map(([, literal]) => parse(BROKEN[rule.name]!(literal)));
      const errors = documents.flatMap((document) => validate(schema, document, [rule]));
      expect([rule.name, errors.length > 0]).toEqual([rule.name, true]);
    }
  });

  test.each(Object.entries(BROKEN))(
    "GQ-12: by the error for a document that violates %s",
    async (_rule, documentOf) => {
      for (const [name, literal] of literals) {
        for (const on of [server, closed]) {
          const errors = await errorsOf(documentOf(literal), { on });
          expect([name, JSON.stringify(errors)]).toEqual([name, expect.not.stringMatching(TRACES)]);
        }
      }
      expect((await errorsOf(documentOf(LITERALS.string))).length).toBeGreaterThan(0);
    },
  );

  test.each(Object.entries(ARGUMENTS))("GQ-12: by the argument of %s: %s", async (field, type) => {
    let count = 0;
    for (const [name, literal] of literals) {
      for (const document of [
        `{ ${field}(v: ${literal}) }`,
        `{ ${field}(v: [${literal}]) }`,
        `{ ${field}(v: { needed: ${literal}, inner: ${literal} }) }`,
        `{ ${field}(v: { a: ${literal} }) }`,
        `query ($v: ${type} = ${literal}) { ${field}(v: $v) }`,
      ]) {
        const errors = await errorsOf(document);
        expect([name, JSON.stringify(errors)]).toEqual([name, expect.not.stringMatching(TRACES)]);
        count += errors.length;
      }
    }
    expect(count).toBeGreaterThan(20);
  });

  test.each([
    `{ int(v: "${CANARY}`,
    `{ int(v: """${CANARY}`,
    `{ int(v: "\\${CANARY}") }`,
    `{ int(v: "\\u${CANARY}") }`,
    `{ int(v: "\\u{${CANARY}}") }`,
    `{ int(v: "${CANARY}\ud800") }`,
    `{ int(v: '${CANARY}') }`,
    `{ int(v: 74447444${CANARY}) }`,
    `{ int(v: 074447444) }`,
    `{ int(v: 1.${CANARY}) }`,
    `{ int(v: 1e${CANARY}) }`,
    `{ int(v: -${CANARY}) }`,
    `{ int(v: ${CANARY} }`,
    `{ int(v: ${CANARY}: 1) }`,
    `{ int(v: #${CANARY}\n) }`,
    `query ($v: Int = $${CANARY}) { int }`.replace(`$${CANARY}`, `[74447444 "${CANARY}" %`),
    `query ($v: Int = 1 ${CANARY}) { int }`,
  ])("GQ-12: by a syntax error: %j", async (document) => {
    const errors = await errorsOf(document);
    expect(errors[0]?.extensions).toEqual({ code: "GRAPHQL_PARSE_FAILED" });
    expect(JSON.stringify(errors)).not.toMatch(TRACES);
  });

  test("GQ-12: by a syntax error at any place of a document", async () => {
    const tokens = `query A ( $v : [ Int ! ] = [ 1 ] ) @a { ... on Query { b : int ( v : { c : $v } ) } }`;
    const parts = tokens.split(" ");
    for (const literal of [LITERALS.string, LITERALS["block string"], LITERALS.int]) {
      for (let index = 0; index <= parts.length; index += 1) {
        const document = parts.toSpliced(index, 0, literal).join(" ");
        const cut = [...parts.slice(0, index), literal].join(" ");
        const errors = [...(await errorsOf(document)), ...(await errorsOf(cut))];
        expect([document, JSON.stringify(errors)]).toEqual([
          document,
          expect.not.stringMatching(TRACES),
        ]);
      }
    }
  });

  test.each(["é", "\u0001", "\ud83d\ude00", "%", "?", "~", "^"])(
    "GQ-12: by the character %j that does not belong there",
    async (character) => {
      for (const document of [`{ int(v: ${character}) }`, `{ int(v: 1${character}) }`]) {
        const [error] = await errorsOf(document);
        expect(error?.message).toMatch(/^Syntax Error: (Unexpected|Invalid) (character|number)\.$/);
      }
    },
  );
});

describe("no value in the variables is repeated", () => {
  test.each(Object.entries(ARGUMENTS))("GQ-12: by the argument of %s: %s", async (field, type) => {
    let count = 0;
    for (const [name, value] of Object.entries(VALUES)) {
      for (const [document, variables] of [
        [`query ($v: ${type}) { ${field}(v: $v) }`, { v: value }],
        [`query ($v: ${type}) { ${field}(v: $v) }`, { v: [value] }],
        [`query ($v: ${type}!) { ${field}(v: $v) }`, { [CANARY]: value }],
        [`query ($v: Filter!) { filter(v: $v) }`, { v: { needed: 1, inner: value } }],
      ] as const) {
        const errors = await errorsOf(document, { variables });
        expect([name, JSON.stringify(errors)]).toEqual([name, expect.not.stringMatching(TRACES)]);
        count += errors.length;
      }
    }
    expect(count).toBeGreaterThan(20);
  });

  test("GQ-12: by the name of an operation that does not exist", async () => {
    for (const operationName of [CANARY, `A".\n${CANARY}`, CANARY.repeat(1000)]) {
      const [error, more] = await errorsOf("query A { int }", { operationName });
      expect(error?.message).toBe("The document has no operation of that name.");
      expect(more).toBeUndefined();
    }
  });

  test("GQ-12: by an argument that graphql-js cannot coerce when it runs the field", async () => {
    const errors = await errorsOf(
      `query ($v: Int = 1) { list(v: [$v, 2]) lists(v: [[$v, 7444]]) }`,
      {
        variables: { v: null },
      },
    );
    expect(errors.map(({ message, extensions }) => [message, extensions])).toEqual([
      ['Argument "v" has invalid value.', { code: "BAD_USER_INPUT" }],
    ]);
  });
});

describe("an unknown message", () => {
  const message = `The value "${CANARY}" is odd.`;
  const node = { kind: Kind.NAME, value: CANARY } as const;

  test.each([
    ["GRAPHQL_PARSE_FAILED", "Syntax Error: The document cannot be parsed."],
    ["GRAPHQL_VALIDATION_FAILED", "The document is not valid."],
    ["BAD_USER_INPUT", "A variable or an argument has an invalid value."],
    ["OPERATION_RESOLUTION_FAILURE", "The operation cannot be found in the document."],
    ["BAD_REQUEST", "The request is not valid."],
    ["PERSISTED_QUERY_NOT_FOUND", "The request is not valid."],
    ["PERSISTED_QUERY_NOT_SUPPORTED", "The request is not valid."],
    ["INTERNAL_SERVER_ERROR", "Internal server error."],
  ])("GQ-12: becomes one fixed sentence if its code is %s", (code, sentence) => {
    const error = new GraphQLError(message, { extensions: { code, hint: CANARY } });
    expect(formatError(error.toJSON(), error)).toEqual({ message: sentence, extensions: { code } });
  });

  test("has a sentence for every code of Apollo Server", () => {
    for (const code of Object.values(ApolloServerErrorCode)) {
      const error = new GraphQLError(message, { extensions: { code, hint: CANARY } });
      expect(JSON.stringify(formatError(error.toJSON(), error))).not.toContain(CANARY);
    }
  });

  test("counts as a bad request if it has no code, or as a bug if a resolver threw it", () => {
    const before = new GraphQLError(message);
    expect(formatError(before.toJSON(), before)).toEqual({
      message: "The request is not valid.",
      extensions: { code: "BAD_REQUEST" },
    });
    const within = new GraphQLError(message, { path: ["a"], originalError: before });
    expect(formatError(within.toJSON(), within)).toMatchObject({
      message: "Internal server error.",
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    });
  });

  test("counts as a bug if a resolver threw it and it only contains words of graphql-js about arguments", () => {
    const originalError = new GraphQLError(`Bad Argument "v" has invalid value ${CANARY}.`);
    const error = new GraphQLError(originalError.message, { path: ["a"], originalError });
    expect(formatError(error.toJSON(), error)).toMatchObject({
      message: "Internal server error.",
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    });
  });

  test("is replaced even with a code of its own if it is about the document", () => {
    const error = new GraphQLError(message, { nodes: [node], extensions: { code: "ODD", CANARY } });
    expect(formatError(error.toJSON(), error)).toEqual({
      message: "The request is not valid.",
      extensions: { code: "ODD" },
    });
  });

  test("is also replaced if it begins or ends like a known message", () => {
    const fill = (shape: string) =>
      shape.replaceAll(
        /\{([a-z]+)\}/g,
        (_match, placeholder: string) =>
          ({
            name: "aName",
            names: '"a", "b"',
            type: "[Int!]!",
            number: "10",
            words: "levels of fields",
            suggestion: ' Did you mean "a", "b", or "c"?',
            conflict: 'subfields "a" conflict because "b" and "c" are different fields',
          })[placeholder]!,
      );
    for (const known of WHOLE.map(fill)) {
      expect(withoutValues(known)).toBe(known);
      for (const reworded of [
        `${known} ${CANARY}`,
        `${known}\n"${CANARY}"`,
        `${CANARY} ${known}`,
        `${CANARY}\n${known}`,
        known.replace("aName", `a ${CANARY}`).replace(/^The /, `${CANARY} `),
        `${known}${CANARY.repeat(1000)}`,
      ]) {
        if (reworded !== known) expect(withoutValues(reworded) ?? "").not.toContain(CANARY);
      }
    }
  });

  test("is a known message that is longer than 300 characters", () => {
    const ofLength = (length: number) => {
      const rest = 'Cannot query field "" on type "Query".';
      return rest.replace('""', `"${"a".repeat(length - rest.length)}"`);
    };
    expect(withoutValues(ofLength(300))).toBe(ofLength(300));
    expect(withoutValues(ofLength(301))).toBeNull();
  });

  test("is only checked up to its 300th character, however long it is", () => {
    const size = 1_000_000;
    const messages = [
      `Cannot query field "${"a".repeat(size)}`,
      `Cannot spread fragment "a" within itself via ${'"a", '.repeat(size / 5)}`,
      `Unknown type "a". Did you mean ${'"a", '.repeat(size / 5)}`,
      `Fields "a" conflict because ${'subfields "a" conflict because '.repeat(size / 32)}`,
      `Variable "$v" of type "${"[".repeat(size)}`,
      " ".repeat(size),
    ];
    const checked = jest.spyOn(RegExp.prototype, "test");
    try {
      const known = messages.map((long) => withoutValues(long));
      const lengths = checked.mock.calls.map(([text]) => text.length);
      expect(known).toEqual(messages.map(() => null));
      // One more character marks the cut.
      expect(new Set(lengths)).toEqual(new Set([301]));
    } finally {
      checked.mockRestore();
    }
  });
});

describe("a refusal that was meant for the client", () => {
  test.each([
    ["of ours", new BadUserInput("first must be from 1 to 100.")],
    ["of ours with more to say", new TooManyRequests(7)],
    [
      "of an application, with a code of its own",
      new GraphQLError("Your licence has lapsed.", {
        extensions: { code: "LICENCE_LAPSED", since: "2026-01-01" },
      }),
    ],
    [
      "of an application's resolver",
      new GraphQLError("The name is taken.", {
        path: ["rename"],
        extensions: { code: "BAD_USER_INPUT", field: "name" },
      }),
    ],
  ])("%s keeps its message and its extensions", (_name, error) => {
    const formatted = error.toJSON();
    expect(formatError(formatted, error)).toEqual(formatted);
  });

  test("is masked if it has no code", () => {
    const error = new GraphQLError("The name is taken.", { path: ["rename"] });
    expect(formatError(error.toJSON(), error).message).toBe("Internal server error.");
  });
});

describe("messages keep the parts that help the author of a request", () => {
  test.each<[document: string, message: string]>([
    // Names of fields, arguments, types, variables and fragments
    ["{ missing }", 'Cannot query field "missing" on type "Query".'],
    ["{ flot }", 'Cannot query field "flot" on type "Query". Did you mean "float"?'],
    ["{ doct }", 'Cannot query field "doct" on type "Query". Did you mean "doc" or "docs"?'],
    [
      "{ node { title } }",
      'Cannot query field "title" on type "Node". Did you mean to use an inline fragment on "Doc"?',
    ],
    ["{ int(w: 1) }", 'Unknown argument "w" on field "Query.int". Did you mean "v"?'],
    [
      "{ int @skip(if: true, iff: true) }",
      'Unknown argument "iff" on directive "@skip". Did you mean "if"?',
    ],
    [
      "{ required }",
      'Field "required" argument "v" of type "String!" is required, but it was not provided.',
    ],
    [
      "{ lists }",
      'Field "lists" argument "v" of type "[[Int!]!]!" is required, but it was not provided.',
    ],
    [
      "{ int @skip }",
      'Directive "@skip" argument "if" of type "Boolean!" is required, but it was not provided.',
    ],
    ["query ($v: Colr) { color(v: $v) }", 'Unknown type "Colr". Did you mean "Color"?'],
    ["query A { int(v: $v) }", 'Variable "$v" is not defined by operation "A".'],
    ["{ int(v: $v) }", 'Variable "$v" is not defined.'],
    ["query ($v: Int) { int }", 'Variable "$v" is never used.'],
    [
      "query ($v: String) { int(v: $v) }",
      'Variable "$v" of type "String" used in position expecting type "Int".',
    ],
    [
      "{ doc }",
      'Field "doc" of type "Doc" must have a selection of subfields. Did you mean "doc { ... }"?',
    ],
    ["{ int { a } }", 'Field "int" must not have a selection since type "Int" has no subfields.'],
    ["{ ...A }", 'Unknown fragment "A".'],
    [
      "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
      'Cannot spread fragment "A" within itself via "B".',
    ],
    ["{ int @odd }", 'Unknown directive "@odd".'],
    [
      "{ a: int a: float }",
      'Fields "a" conflict because "int" and "float" are different fields. Use different aliases on the fields to fetch both if this was intentional.',
    ],
    [
      "{ d: doc { a: id b: id } d: doc { a: title b: title } }",
      'Fields "d" conflict because subfields "a" conflict because "id" and "title" are different fields and subfields "b" conflict because "id" and "title" are different fields. Use different aliases on the fields to fetch both if this was intentional.',
    ],
    // Values of the wrong type
    ["{ int(v: true) }", "Int cannot represent non-integer value."],
    ["{ int(v: 9999999999) }", "Int cannot represent non 32-bit signed integer value."],
    ["{ string(v: 1) }", "String cannot represent a non string value."],
    ["{ boolean(v: 1) }", "Boolean cannot represent a non boolean value."],
    ["{ float(v: true) }", "Float cannot represent non numeric value."],
    ["{ id(v: true) }", "ID cannot represent a non-string and non-integer value."],
    ['{ color(v: "RED") }', 'Enum "Color" cannot represent non-enum value.'],
    ["{ color(v: BLUE) }", "The value does not exist in the enum."],
    ['{ dateTime(v: "now") }', "DateTime cannot represent an invalid date-time-string."],
    ["{ dateTime(v: 1) }", "DateTime cannot represent non string or Date type."],
    ["{ lists(v: null) }", 'Expected value of type "[[Int!]!]!".'],
    ["{ filter(v: 1) }", 'Expected value of type "Filter".'],
    ["{ filter(v: {}) }", 'Field "Filter.needed" of required type "Int!" was not provided.'],
    [
      "{ filter(v: { needed: 1, tex: 1 }) }",
      'Unknown field of type "Filter". Did you mean "text"?',
    ],
    ["{ oneOf(v: {}) }", 'OneOf Input Object "OneOf" must specify exactly one key.'],
    ["{ oneOf(v: { a: null }) }", 'The field of "OneOf" must not be null.'],
    // Operations
    [
      "query A { int } query B { int }",
      "Must provide operation name if query contains multiple operations.",
    ],
    ["mutation { a }", "Schema is not configured to execute mutation operation."],
    // Syntax
    ["{ int(v: 1 }", 'Syntax Error: Expected Name, found "}".'],
    ["{ int ", "Syntax Error: Expected Name, found <EOF>."],
    ["fragment A in Query { int }", 'Syntax Error: Expected "on", found Name.'],
    ["qury { int }", "Syntax Error: Unexpected Name."],
    ["{ int(v: %) }", "Syntax Error: Unexpected character."],
    [
      "{ int(v: 'a') }",
      "Syntax Error: Unexpected single quote character ('), did you mean to use a double quote (\")?",
    ],
    ['{ int(v: "a) }', "Syntax Error: Unterminated string."],
    ["{ int(v: 01) }", "Syntax Error: Invalid number."],
    ['{ int(v: "\\x") }', "Syntax Error: Invalid character escape sequence."],
    ['{ int(v: "\\u12") }', "Syntax Error: Invalid Unicode escape sequence."],
    [
      "{ int } #".padEnd(15_001),
      "Syntax Error: Source contains more than 15000 UTF-16 code units. Parsing aborted.",
    ],
    [
      `{ ${"int ".repeat(1000)} }`,
      "Syntax Error: Document contains more that 1000 tokens. Parsing aborted.",
    ],
    // Limits
    [`{ ${"int ".repeat(101)} }`, "The document has more than 100 fields of one name."],
    [`{ ${"int ".repeat(11)} }`, "The document has more than 10 root fields."],
  ])("%s", async (document, message) => {
    const [error, ...more] = await errorsOf(document);
    expect([error?.message, more]).toEqual([message, []]);
  });

  test.each<[document: string, v: unknown, message: string]>([
    [
      "query ($v: Int!) { int(v: $v) }",
      undefined,
      'Variable "$v" of required type "Int!" was not provided.',
    ],
    [
      "query ($v: Int!) { int(v: $v) }",
      null,
      'Variable "$v" of non-null type "Int!" must not be null.',
    ],
    [
      "query ($v: Int!) { int(v: $v) }",
      "1",
      'Variable "$v" got invalid value; Int cannot represent non-integer value.',
    ],
    [
      "query ($v: [Int!]!) { lists(v: [$v]) }",
      [1, null],
      'Variable "$v" got invalid value at "v.1"; Expected non-nullable type "Int!" not to be null.',
    ],
    [
      "query ($v: Color) { color(v: $v) }",
      "RAD",
      'Variable "$v" got invalid value; The value does not exist in the enum.',
    ],
    [
      "query ($v: Color) { color(v: $v) }",
      7,
      'Variable "$v" got invalid value; Enum "Color" cannot represent non-string value.',
    ],
    [
      "query ($v: Filter) { filter(v: $v) }",
      "x",
      'Variable "$v" got invalid value; Expected type "Filter" to be an object.',
    ],
    [
      "query ($v: Filter) { filter(v: $v) }",
      {},
      'Variable "$v" got invalid value; Field "needed" of required type "Int!" was not provided.',
    ],
    [
      "query ($v: Filter) { filter(v: $v) }",
      { needed: 1, txt: "x" },
      'Variable "$v" got invalid value; Unknown field of type "Filter".',
    ],
    [
      "query ($v: OneOf) { oneOf(v: $v) }",
      {},
      'Variable "$v" got invalid value; Exactly one key must be specified for OneOf type "OneOf".',
    ],
    [
      "query ($v: Plain) { plain(v: $v) }",
      "x",
      'Variable "$v" got invalid value; Expected type "Plain".',
    ],
    [
      `query ($v: String = "a") { required(v: $v) }`,
      null,
      'Argument "v" of non-null type "String!" must not be null.',
    ],
  ])("%s with the variable %j", async (document, v, message) => {
    const [error, ...more] = await errorsOf(document, {
      variables: v === undefined ? {} : { v },
    });
    expect([error?.message, more]).toEqual([message, []]);
    expect(error?.extensions).toEqual({ code: "BAD_USER_INPUT" });
  });

  test("an unknown mistake in a variable is not described, and keeps its code", async () => {
    const errors = await errorsOf("query ($v: Coded) { coded(v: $v) }", { variables: { v: "x" } });
    expect(errors.map(({ message, extensions }) => [message, extensions])).toEqual([
      ['Variable "$v" got invalid value.', { code: "ODD" }],
    ]);
  });

  test("a variable with a default may be missing", async () => {
    expect(await errorsOf("query ($v: Int! = 1) { int(v: $v) }")).toEqual([]);
  });

  test("a bug of a scalar is no mistake in a variable", async () => {
    const variables = { v: "x" };
    const answer = errorsOf("query ($v: Faulty) { faulty(v: $v) }", { variables });
    await expect(answer).rejects.toThrow("Internal server error");
  });

  test("at most nine mistakes in the variables are reported, and one more error says that there are more", async () => {
    const two = await errorsOf("query ($a: Int! $b: Int!) { a: int(v: $a) b: int(v: $b) }");
    expect(two.map(({ message, extensions }) => [message, extensions?.["code"]])).toEqual([
      ['Variable "$a" of required type "Int!" was not provided.', "BAD_USER_INPUT"],
      ['Variable "$b" of required type "Int!" was not provided.', "BAD_USER_INPUT"],
    ]);
    const ofBoth = await errorsOf("query ($a: Int! $b: Int!) { a: int(v: $a) b: int(v: $b) }", {
      variables: { a: null, b: "x" },
    });
    expect(ofBoth.map(({ message }) => message)).toEqual([
      'Variable "$a" of non-null type "Int!" must not be null.',
      'Variable "$b" got invalid value; Int cannot represent non-integer value.',
    ]);
    const inOne = await errorsOf("query ($v: Filter) { filter(v: $v) }", {
      variables: { v: { text: 1, color: "RAD" } },
    });
    expect(inOne.map(({ message }) => message)).toEqual([
      'Variable "$v" got invalid value at "v.text"; String cannot represent a non string value.',
      'Variable "$v" got invalid value; Field "needed" of required type "Int!" was not provided.',
      'Variable "$v" got invalid value at "v.color"; The value does not exist in the enum.',
    ]);
    const many = await errorsOf("query ($v: [Int]) { list(v: $v) }", {
      variables: { v: Array(5000).fill(CANARY) },
    });
    expect(many).toHaveLength(10);
    expect(new Set(many.map(({ extensions }) => extensions?.["code"]))).toEqual(
      new Set(["BAD_USER_INPUT"]),
    );
    expect(many.at(-1)?.message).toBe(
      "Too many errors processing variables, error limit reached. Execution aborted.",
    );
  });

  test("an error of Apollo Server keeps the code of its validation", async () => {
    const on = new ApolloServer({ ...apolloOptions(schema), maxRecursiveSelections: 1 });
    expect(await errorsOf("{ doc { id } }", { on })).toMatchObject([
      {
        message: "Anonymous operation recursively requests too many selections.",
        extensions: {
          code: "GRAPHQL_VALIDATION_FAILED",
          validationErrorCode: "MAX_RECURSIVE_SELECTIONS_EXCEEDED",
        },
      },
    ]);
    await on.stop();
  });

  test("an error of an application's validation keeps its code, and loses an odd code of Apollo Server", async () => {
    const rule = (context: ValidationContext) => ({
      Field: (node: FieldNode) => {
        const validationErrorCode = { value: CANARY };
        const message = `Argument "v" has invalid value ${CANARY}.`;
        context.reportError(
          new GraphQLError(message, { nodes: node, extensions: { validationErrorCode } }),
        );
      },
    });
    const on = new ApolloServer({ ...apolloOptions(schema), validationRules: [rule] });
    const [error] = await errorsOf("{ int(v: 1) }", { on });
    await on.stop();
    expect(error?.extensions).toEqual({ code: "GRAPHQL_VALIDATION_FAILED" });
    expect(error?.message).not.toContain(CANARY);
  });

  test("a variable of an unknown type is no mistake in the variables", async () => {
    const on = new ApolloServer({ ...apolloOptions(schema), dangerouslyDisableValidation: true });
    const answer = await errorsOf("query ($v: Nope) { int(v: 1) }", { on, variables: { v: 1 } });
    await on.stop();
    expect(answer.map(({ extensions }) => extensions)).toEqual([{ code: "BAD_REQUEST" }]);
  });

  test("an error says where in the document it is", async () => {
    const [syntax] = await errorsOf("{\n  int(v: ]\n}");
    expect(syntax?.locations).toEqual([{ line: 2, column: 10 }]);
    const [field] = await errorsOf("{\n  missing\n}");
    expect(field?.locations).toEqual([{ line: 2, column: 3 }]);
  });

  test("names are suggested only if introspection is on", async () => {
    for (const [document, message] of [
      ["{ flot }", 'Cannot query field "flot" on type "Query".'],
      ["{ doc }", 'Field "doc" of type "Doc" must have a selection of subfields.'],
      ["{ filter(v: { needed: 1, tex: 1 }) }", 'Unknown field of type "Filter".'],
      ["{ __schema { types { name } } }", "Introspection is off."],
    ] as const) {
      const errors = await errorsOf(document, { on: closed });
      expect(errors.map((error) => error.message)).toContain(message);
      expect(JSON.stringify(errors)).not.toMatch(/did you mean/i);
    }
  });
});

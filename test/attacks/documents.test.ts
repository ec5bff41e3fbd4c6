import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { getIntrospectionQuery, Lexer, Source, TokenKind } from "graphql";
import { DocumentLimits } from "../../src/apollo/document-limits.js";
import { type Answer, type Gate, PASSWORD, setUpGate, type Tokens } from "../support/gate.js";
import { cpuOf, cpuOfPassword, leastOf } from "../support/measure.js";

const gate = setUpGate({ introspection: true });
/** The same gate without introspection, like a public server. */
let closed: Gate;
let ada: Tokens;

beforeAll(async () => {
  closed = await gate.another({ introspection: false, graphiql: false });
  await gate.user("ada");
  ada = await gate.login("ada");
});

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const join = (count: number, part: (index: number) => string) => numbers(count).map(part).join(" ");

/** Counts tokens as graphql-js does. */
function countTokens(text: string): number {
  const lexer = new Lexer(new Source(text));
  let count = 0;
  while (lexer.advance().kind !== TokenKind.EOF) count += 1;
  return count;
}

function expectRefused(answer: Answer, message: string): void {
  expect(answer.errors?.map((error) => error.message)).toEqual([message]);
  expect([answer.status, answer.code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
  expect(answer.data).toBeUndefined();
}

const TOO = {
  deep: "The document has more than 8 levels of fields.",
  wide: "The document has more than 1000 selections.",
  aliased: "The document has more than 15 aliases.",
  many: "The document has more than 10 root fields.",
  secret: "The document has more than 1 field that checks a credential.",
  directed: "The document has more than 10 directives.",
  long: "The document has more than 1000 lines.",
};

async function post(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`${gate.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, ...JSON.parse(text) };
}

describe("the size of a document", () => {
  test("GQ-1: a body of 100 KiB is accepted, and one byte more is 413", async () => {
    const bodyOf = (size: number) => `{"query":"{__typename}"}`.padEnd(size, " ");
    expect(await post(bodyOf(100 * 1024))).toMatchObject({ status: 200 });
    for (const size of [100 * 1024 + 1, 101 * 1024, 5_000_000]) {
      const { status, errors } = await post(bodyOf(size));
      expect([status, errors]).toEqual([
        413,
        [{ message: "The body must be at most 100 KiB.", extensions: { code: "BAD_REQUEST" } }],
      ]);
    }
  });

  test("GQ-2: 1,000 tokens are accepted, and one more is 400", async () => {
    const documentOf = (count: number) => {
      const strings =
        count - countTokens("{allSessions(where:{userId:{in:[]}}){pageInfo{hasNextPage}}}");
      return `{allSessions(where:{userId:{in:[${join(strings, () => '""')}]}}){pageInfo{hasNextPage}}}`;
    };
    expect([countTokens(documentOf(1000)), countTokens(documentOf(1001))]).toEqual([1000, 1001]);
    expect(await gate.ask(documentOf(1000))).toMatchObject({ reason: "no_credentials" });
    const refused = await gate.ask(documentOf(1001));
    expect([refused.status, refused.code]).toEqual([400, "GRAPHQL_PARSE_FAILED"]);
    expect(refused.errors).toHaveLength(1);
  });

  test("GQ-2: 15,000 characters are accepted, and one more is 400", async () => {
    const documentOf = (size: number) => "{__typename} #".padEnd(size, "-");
    expect((await gate.ask(documentOf(15_000))).data.__typename).toBe("Query");
    const refused = await gate.ask(documentOf(15_001));
    expect([refused.status, refused.code]).toEqual([400, "GRAPHQL_PARSE_FAILED"]);
  });
});

describe("the lines of a document", () => {
  test.each([
    ["line feeds", "\n"],
    ["carriage returns", "\r"],
    ["both", "\r\n"],
  ])(
    "GQ-2, GQ-19: up to 1,000 lines that end in %s are accepted, and one more is refused",
    async (_name, end) => {
      expect((await gate.ask(`${end.repeat(999)}{__typename}`)).data.__typename).toBe("Query");
      expectRefused(await gate.ask(`${end.repeat(1000)}{__typename}`), TOO.long);
    },
  );
});

describe("the depth of a document", () => {
  /** `me` has no field `me`, so validation would refuse this. Limits must not depend on whether fields exist. */
  const nested = (depth: number) => `${"{ me ".repeat(depth - 1)}{ id }${" }".repeat(depth - 1)}`;

  test("GQ-3: 8 levels are validated, and 9 are refused before validation", async () => {
    expect((await gate.ask(nested(8))).errors?.[0]?.message).toMatch(/^Cannot query field "me"/);
    expectRefused(await gate.ask(nested(9)), TOO.deep);
  });

  test.each([
    [
      "inline fragments",
      `{ ... { me { ... on User ${nested(7)} } } }`,
      `{ ... { me { ... on User { ... ${nested(8)} } } } }`,
    ],
    [
      "a named fragment",
      `{ me { ...A } } fragment A on User ${nested(7)}`,
      `fragment A on User ${nested(8)} query { me { ...A } }`,
    ],
    [
      "fragments in fragments",
      `{ me { ...A } } fragment A on User { me { ...B } } fragment B on User { ... { ...C } } fragment C on User ${nested(6)}`,
      `{ me { ...A } } fragment A on User { me { ...B } } fragment B on User { ... { ...C } } fragment C on User ${nested(7)}`,
    ],
  ])("GQ-3: levels are counted through %s", async (_name, within, beyond) => {
    expect((await gate.ask(within)).errors?.[0]?.message).toMatch(/^Cannot query field "me"/);
    expectRefused(await gate.ask(beyond), TOO.deep);
  });

  test.each([
    ["an alias like the other field of introspection", `{ __type: me ${nested(8)} }`],
    ["an alias like a field of introspection", `{ __schema: me ${nested(8)} }`],
    [
      "a fragment named like a field of introspection",
      `{ ...__schema } fragment __schema on Query ${nested(9)}`,
    ],
    [
      "a field of introspection beside the deep one",
      `{ __schema { queryType { name } } me ${nested(8)} }`,
    ],
    ["a second operation, which is not run", `query A { __typename } query B ${nested(9)}`],
    [
      "a fragment that is spread twice, first at a higher level",
      `{ ...A me { me { ...A } } } fragment A on Query ${nested(7)}`,
    ],
    ["a directive that skips the deep field", `{ me @skip(if: true) ${nested(8)} }`],
  ])("GQ-3: levels are counted despite %s", async (_name, document) => {
    expectRefused(await gate.ask(document), TOO.deep);
  });

  test("GQ-3, GQ-8: the introspection that GraphiQL sends is answered on loopback", async () => {
    for (const options of [{}, { specifiedByUrl: true, inputValueDeprecation: true }]) {
      const { status, data } = await gate.ask(getIntrospectionQuery(options));
      expect([status, data.__schema.queryType.name]).toEqual([200, "Query"]);
    }
  });

  test("GQ-3, GQ-8: the introspection of one type may be deep", async () => {
    const { errors, data } = await gate.ask(
      `{ __type(name: "User") { name fields { type { ${"ofType { ".repeat(7)} name ${"} ".repeat(7)} } } } }`,
    );
    expect([errors, data?.__type.name]).toEqual([undefined, "User"]);
  });

  test("GQ-3: a cyclic introspection is refused", async () => {
    const { status, code } = await gate.ask(
      `{ __schema { types { ${"fields { type { ".repeat(5)} name ${"} } ".repeat(5)} } } }`,
    );
    expect([status, code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
  });
});

describe("aliases and root fields", () => {
  const aliases = (count: number) => join(count, (index) => `a${index}: id`);

  test("GQ-4: 15 aliases are accepted, and 16 refused", async () => {
    const { data } = await gate.ask(`{ me { ${aliases(15)} } }`, ada);
    expect(Object.keys(data.me)).toHaveLength(15);
    expectRefused(await gate.ask(`{ me { ${aliases(16)} } }`, ada), TOO.aliased);
  });

  test.each([
    [
      "in a fragment spread twice",
      `{ a: me { ...A } me { ...A } } fragment A on User { ${aliases(8)} }`,
    ],
    [
      "in a fragment spread by two fragments",
      `{ me { ...A ...B } } fragment A on User { ...C } fragment B on User { ...C } fragment C on User { ${aliases(8)} }`,
    ],
    ["in inline fragments", `{ me { ${join(16, (index) => `... { a${index}: id }`)} } }`],
    ["on several levels", `{ a: me { b: profile { c: role } ${aliases(13)} } }`],
    [
      "in a fragment named like introspection",
      `{ me { ...__type } } fragment __type on User { ${aliases(16)} }`,
    ],
    ["in a fragment behind its use", `query { me { ...A } } fragment A on User { ${aliases(16)} }`],
    ["in the second of two operations", `query A { __typename } query B { me { ${aliases(16)} } }`],
    [
      "below introspection",
      `{ __schema { ${join(16, (index) => `a${index}: queryType { name }`)} } }`,
    ],
    ["that all have one name", `{ me { ${join(16, () => "a: id")} } }`],
  ])("GQ-4: aliases %s are counted after expansion", async (_name, document) => {
    expectRefused(await gate.ask(document, ada), TOO.aliased);
  });

  test.each([
    ["side by side", join(11, () => "__typename")],
    ["in inline fragments", join(11, () => "... { __typename }")],
    ["in a fragment spread often", "...A ".repeat(11)],
  ])("GQ-4: 10 root fields are accepted, and 11 %s are refused", async (_name, fields) => {
    const fragment = fields.includes("...A") ? "fragment A on Query { __typename }" : "";
    expectRefused(await gate.ask(`{ ${fields} } ${fragment}`), TOO.many);
    const ten = fields.replace(/^(\.\.\.( \{ __typename \}|A)|__typename) ?/, "");
    expect((await gate.ask(`{ ${ten} } ${fragment}`)).data.__typename).toBe("Query");
  });
});

describe("fields that check a credential", () => {
  const login = (password: string) => `login(username: "ada", password: "${password}") { scheme }`;
  const verify = `verifyToken(token: "x") { active }`;

  test.each([
    [
      "100 aliases",
      `mutation { ${join(40, (index) => `a${index}: verifyToken(token: "x") { active }`)} }`,
    ],
    ["two aliases", `mutation { a: ${login("one")} b: ${login("two")} }`],
    ["two fields", `mutation { ${verify} logout(refresh: "x") { message } }`],
    ["a field twice", `mutation { ${verify} ${verify} }`],
    [
      "two operations in a document",
      `mutation A { ${login("one")} } mutation B { ${login("two")} }`,
    ],
    ["a fragment spread twice", `mutation { ...A ...A } fragment A on Mutation { ${verify} }`],
    [
      "a fragment in two operations",
      `mutation A { ...A } mutation B { ...A } fragment A on Mutation { ${verify} }`,
    ],
    [
      "two fragments",
      `mutation { ...A ...B } fragment A on Mutation { a: ${login("one")} } fragment B on Mutation { b: ${login("two")} }`,
    ],
    [
      "fragments in fragments",
      `mutation { ...A a: ${verify} } fragment A on Mutation { ...B } fragment B on Mutation { ...C } fragment C on Mutation { ${verify} }`,
    ],
    ["inline fragments", `mutation { ... { ${verify} } ... on Mutation { a: ${verify} } }`],
    ["an alias like introspection", `mutation { __typename: ${verify} __schema: ${verify} }`],
    [
      "a directive that skips one",
      `mutation { ${verify} a: verifyToken(token: "x") @skip(if: true) { active } }`,
    ],
    [
      "a fragment named like introspection",
      `mutation { ...__schema ${verify} } fragment __schema on Mutation { a: ${verify} }`,
    ],
  ])(
    "GQ-4, LG-4: are refused if a document has two of them, by %s, and none of them runs",
    async (_name, document) => {
      const statements = await gate.countStatements(async () => {
        const { status, code, errors } = await gate.ask(document);
        expect([status, code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
        expect([TOO.secret, TOO.aliased, TOO.many]).toContain(errors?.[0]?.message);
      });
      expect(statements).toBe(0);
    },
  );

  test("GQ-4: run if a document has one of them, even through fragments", async () => {
    const document = `mutation { ...A } fragment A on Mutation { ... { ${login(PASSWORD)} } }`;
    expect((await gate.ask(document)).data.login.scheme).toBe("JWT");
  });

  test("GQ-7: an array of requests is 400, whatever it contains", async () => {
    const request = { query: `mutation { ${login(PASSWORD)} }` };
    for (const batch of [[], [request], [request, request], numbers(50).map(() => request)]) {
      const statements = await gate.countStatements(async () => {
        expect((await post(JSON.stringify(batch))).status).toBe(400);
      });
      expect(statements).toBe(0);
    }
  });
});

test("GQ-6: 100 fields with one name are accepted, and 101 are refused, wherever they are", async () => {
  const refusal = "The document has more than 100 fields of one name.";
  const fields = (count: number) => "__typename ".repeat(count);
  const inside = (count: number) => `{ __schema { ${fields(count)} } }`;
  const { errors } = await gate.ask(inside(100));
  expect(errors).toBeUndefined();
  expectRefused(await gate.ask(inside(101)), refusal);
  const apart = `{ __schema { ...A ${fields(50)} } } fragment A on __Schema { ${fields(51)} }`;
  expectRefused(await gate.ask(apart), refusal);
  const aliased = `{ __schema { ${"a: __typename ".repeat(101)} } }`;
  expectRefused(await gate.ask(aliased), refusal);
});

describe("directives", () => {
  test("GQ-5: up to 10 are accepted, and 11 are refused, wherever they are", async () => {
    const on = (count: number) => `{ __typename ${"@include(if: true) ".repeat(count)} }`;
    expect((await gate.ask(on(1))).data.__typename).toBe("Query");
    const spread = join(10, () => "... @include(if: true) { __typename }");
    expect((await gate.ask(`{ ${spread} }`)).data.__typename).toBe("Query");
    const inOnePlace = "The document has more than 3 directives in one place.";
    expectRefused(await gate.ask(on(10)), inOnePlace);
    expectRefused(await gate.ask(`query ${"@aa ".repeat(4)} { __typename }`), inOnePlace);
    const eleven = [
      on(11),
      `query ${"@aa ".repeat(11)} { __typename }`,
      `query ($a: Int ${"@aa ".repeat(11)}) { __typename }`,
      `{ ... ${"@aa ".repeat(11)} { __typename } }`,
      `{ ...A } fragment A on Query ${"@aa ".repeat(11)} { __typename }`,
      `{ ${join(10, () => "... @aa { __typename }")} ... @aa { __typename } }`,
      `{ __typename } fragment A on Query { ${join(11, () => "__typename @aa")} }`,
    ];
    for (const document of eleven) expectRefused(await gate.ask(document), TOO.directed);
  });

  test("GQ-12: 5,000 directives give one short error", async () => {
    for (const directives of [
      "@a ".repeat(5000),
      "@a".repeat(5000),
      "@skip(if:true)".repeat(1000),
    ]) {
      const { status, errors, text } = await gate.ask(`{ __typename ${directives} }`);
      expect([status, errors?.length]).toEqual([400, 1]);
      expect(text.length).toBeLessThan(500);
    }
  });
});

describe("the expansion of fragments", () => {
  const doubling = (times: number, on = "Query", leaf = "__typename") =>
    `{ ...F0 } ${join(times, (index) => `fragment F${index} on ${on} { ...F${index + 1} ...F${index + 1} }`)} fragment F${times} on ${on} { ${leaf} }`;
  const doublingFields = (times: number) =>
    `{ me { ...F0 } } ${join(times, (index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`)} fragment F${times} on User { id }`;

  test.each([10, 11, 18, 22, 30, 60])(
    "GQ-6: fragments that double %i times are refused at once",
    async (times) => {
      // Expanding them would take hours.
      expectRefused(await gate.ask(doublingFields(times)), TOO.wide);
      const rooted = await gate.ask(doubling(times));
      expect(rooted.errors?.[0]?.message).toMatch(/^The document has more than/);
    },
  );

  test("GQ-6: fragments that double 9 times, to 512 fields, are within the limits", async () => {
    expect((await gate.ask(doublingFields(9), ada)).data.me.id).toMatch(/^[0-9a-f]{32}$/);
  });

  test.each([
    `{ ...A } fragment A on Query { ...A }`,
    `{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }`,
    `{ me { ...A } } fragment A on User { id ...B } fragment B on User { ...C ...A } fragment C on User { ...A ...B ...C }`,
    `{ __typename } fragment A on Query { __typename ...A }`,
    `{ ...A } fragment A on Query { __typename } fragment A on Query { me { id } }`,
    `{ ...Missing }`,
    `{ ...__proto__ } fragment constructor on Query { ...toString }`,
  ])("GQ-6: cyclic and missing fragments are 400: %s", async (document) => {
    const { status, code } = await gate.ask(document);
    expect([status, code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
  });

  /** The slowest documents to check that we know. Each has 1,000 tokens or more. */
  const WORST: Record<string, string> = {
    "one field over and over": `{ me { ${"id ".repeat(990)} } }`,
    "100 KiB of fields": `{ me { ${"id ".repeat(34_000)} } }`,
    "100 KiB of one string": `{ a(b: "${"x".repeat(100_000)}") }`,
    "100 KiB of one comment": `#${"x".repeat(100_000)}`,
    "100 KiB of commas": `{ me { id ${",".repeat(100_000)} } }`,
    "15,000 braces": "{".repeat(15_000),
    "15,000 brackets": `{ a(b: ${"[".repeat(14_990)}`,
    "nested inline fragments": "{ ... ".repeat(498),
    "whole nested inline fragments": `${"{ ... ".repeat(330)}{ id }${" }".repeat(330)}`,
    "nested fields": `${"{ a ".repeat(330)}{ id }${" }".repeat(330)}`,
    "nested lists": `{ a(b: ${"[".repeat(490)}${"]".repeat(490)}) }`,
    "nested types": `query ($a: ${"[".repeat(490)}Int${"]".repeat(490)}) { a }`,
    "fragments that double": doublingFields(90),
    "fragments that all spread all": `{ ...F0 } ${join(20, (index) => `fragment F${index} on Query { ${join(20, (other) => `...F${other}`)} }`)}`,
    "fragments in a row": `{ ...F0 } ${join(120, (index) => `fragment F${index} on Query { ...F${index + 1} }`)}`,
    "many operations": join(140, (index) => `query Q${index} { ...A }`),
    "many operations over one fragment": `${join(60, (index) => `query Q${index} { ...A }`)} fragment A on Query { ${"__typename ".repeat(490)} }`,
    "many variables": `query (${join(240, (index) => `$v${index}: Int`)}) { __typename }`,
    "an escape over and over": `{ a(b: "${"\\u0000".repeat(2400)}") }`,
    "a block string of indents": `{ a(b: """${" \n".repeat(7000)}""") }`,
    "a number without end": `{ a(b: ${"1".repeat(14_000)}) }`,
  };

  test("GQ-6, GQ-19: checking the limits of any document costs less CPU than checking two passwords", async () => {
    const limit = 2 * (await cpuOfPassword());
    const check = (document: string) => () => {
      try {
        new DocumentLimits(gate.auth.schema).check(document);
      } catch (error) {
        expect((error as Error).message).toMatch(/^(The document has|Syntax Error)/);
      }
    };
    for (const [name, document] of Object.entries(WORST)) {
      const cost = await leastOf(limit, () => cpuOf(check(document)));
      expect([name, cost < limit, cost]).toEqual([name, true, cost]);
    }
  });

  test("GQ-19: a document that was accepted is not checked again", () => {
    const limits = new DocumentLimits(gate.auth.schema);
    const parsed = jest.spyOn(limits, "findExcess");
    const document = doublingFields(9);
    for (let turn = 0; turn < 3; turn += 1) limits.check(document);
    expect(parsed).toHaveBeenCalledTimes(1);
    limits.check(`${document} #`);
    expect(parsed).toHaveBeenCalledTimes(2);
  });

  test("GQ-12, GQ-19: variables with thousands of mistakes give ten short errors, and cost less CPU than checking two passwords", async () => {
    const names = numbers(9000).map((index) => [`k${index}`, 1]);
    const body = JSON.stringify({
      query: "query ($d: SessionFilter) { allSessions(where: $d) { edges { cursor } } }",
      variables: { d: Object.fromEntries(names) },
    });
    const ask = async () => {
      const { status, errors } = await post(body);
      expect([status, errors[0].message]).toEqual([
        400,
        `Variable "$d" got invalid value; Unknown field of type "SessionFilter".`,
      ]);
      expect([errors.length, JSON.stringify(errors).length < 2500]).toEqual([10, true]);
    };
    const limit = 2 * (await cpuOfPassword());
    expect(await leastOf(limit, () => cpuOf(ask))).toBeLessThan(limit);
  });

  test("GQ-19: a document beyond a limit costs no statement, even with a good credential", async () => {
    const beyond = [
      ...Object.values(WORST).filter((document) => countTokensOf(document) > 1000),
      doublingFields(20),
      `{ me { ${join(16, (index) => `a${index}: id`)} } }`,
      `{ ${join(11, () => "me { id }")} }`,
      `{ me { id ${"@aa ".repeat(11)} } }`,
      `mutation { a: logout { message } b: logout { message } }`,
      `${"{ me ".repeat(9)}{ id }${" }".repeat(9)}`,
    ];
    expect(beyond.length).toBeGreaterThan(8);
    const statements = await gate.countStatements(async () => {
      for (const document of beyond) {
        const { status } = await gate.ask(document, ada);
        expect([400, 413]).toContain(status);
      }
    });
    expect(statements).toBe(0);
    const once = await gate.countStatements(() => gate.me(ada.authorization));
    expect(once).toBeGreaterThan(0);
  });

  function countTokensOf(document: string): number {
    try {
      return countTokens(document);
    } catch {
      return 0;
    }
  }
});

describe("random documents", () => {
  /** A selection of a random document. */
  type Selection =
    | { kind: "field"; alias: string | null; name: string; isDirected: boolean; below: Selection[] }
    | { kind: "inline"; below: Selection[] }
    | { kind: "spread"; of: number };

  const FRAGMENTS = 4;
  const ALIASES = [null, null, null, null, "a", "__schema"];
  const FIELDS = ["login", "verifyToken", "logoutAll", "me", "id", "role", "email", "__typename"];

  /** Fragment `index` spreads only later fragments, so that there is no cycle. */
  function selections(index: number, depth: number): fc.Arbitrary<Selection[]> {
    const below: fc.Arbitrary<Selection[]> =
      depth === 0 ? fc.constant([]) : selections(index, depth - 1);
    const field: fc.Arbitrary<Selection> = fc
      .tuple(fc.constantFrom(...ALIASES), fc.constantFrom(...FIELDS), fc.nat({ max: 9 }), below)
      .map(([alias, name, dice, fields]) => ({
        kind: "field",
        alias,
        name,
        isDirected: dice === 0,
        below: fields,
      }));
    const inline: fc.Arbitrary<Selection> = fc
      .tuple(field, below)
      .map(([first, rest]) => ({ kind: "inline", below: [first, ...rest] }));
    const later = numbers(FRAGMENTS).filter((other) => other > index);
    const spreads =
      later.length === 0
        ? []
        : [fc.constantFrom(...later).map<Selection>((of) => ({ kind: "spread", of }))];
    return fc.array(fc.oneof(field, inline, ...spreads), { minLength: 1, maxLength: 3 });
  }

  const documents = fc.record({
    operations: fc.array(selections(-1, 2), { minLength: 1, maxLength: 2 }),
    fragments: fc.tuple(...numbers(FRAGMENTS).map((index) => selections(index, 2))),
  });
  type Document = typeof documents extends fc.Arbitrary<infer Value> ? Value : never;

  function print(all: readonly Selection[]): string {
    if (all.length === 0) return "";
    const texts = all.map((one) => {
      if (one.kind === "spread") return `...F${one.of}`;
      if (one.kind === "inline") return `... ${print(one.below)}`;
      const alias = one.alias === null ? "" : `${one.alias}: `;
      return `${alias}${one.name} ${one.isDirected ? "@include(if: true)" : ""} ${print(one.below)}`;
    });
    return `{ ${texts.join(" ")} }`;
  }

  function printDocument({ operations, fragments }: Document): string {
    const fragmentTexts = fragments.map(
      (all, index) => `fragment F${index} on Mutation ${print(all)}`,
    );
    const operationTexts = operations.map((all, index) => `mutation M${index} ${print(all)}`);
    return [...fragmentTexts.slice(0, 2), ...operationTexts, ...fragmentTexts.slice(2)].join("\n");
  }

  interface Field {
    alias: string | null;
    name: string;
    below: Field[];
  }

  /** Larger documents are skipped, because expanding them takes long and shows nothing new. */
  const MAX_FIELDS = 5000;

  /** Expands every fragment wherever it is spread, which is slow. */
  function expand(
    all: readonly Selection[],
    fragments: readonly Selection[][],
    written: { fields: number },
  ): Field[] {
    return all.flatMap((one) => {
      fc.pre((written.fields += 1) < MAX_FIELDS);
      if (one.kind === "spread") return expand(fragments[one.of] ?? [], fragments, written);
      if (one.kind === "inline") return expand(one.below, fragments, written);
      const below = expand(one.below, fragments, written);
      return [{ alias: one.alias, name: one.name, below }];
    });
  }

  const everyField = (fields: Field[]): Field[] =>
    fields.flatMap((one) => [one, ...everyField(one.below)]);
  const depthOf = (fields: Field[]): number =>
    fields.reduce((depth, { below }) => Math.max(depth, 1 + depthOf(below)), 0);

  /** The messages that a document may be refused with. */
  function excesses({ operations, fragments }: Document, text: string): string[] {
    const trees = operations.map((all) => expand(all, fragments, { fields: 0 }));
    const most = (count: (fields: Field[]) => number) => Math.max(...trees.map(count));
    const isCredential = ({ name }: Field) => ["login", "verifyToken"].includes(name);
    const found: Record<string, boolean> = {
      [TOO.directed]: text.split("@include").length - 1 > 10,
      [TOO.deep]: most(depthOf) > 8,
      [TOO.wide]: most((fields) => everyField(fields).length) > 1000,
      [TOO.aliased]:
        most((fields) => everyField(fields).filter(({ alias }) => alias !== null).length) > 15,
      [TOO.many]: most((fields) => fields.length) > 10,
      [TOO.secret]: trees.flat().filter(isCredential).length > 1,
    };
    return Object.keys(found).filter((message) => found[message]);
  }

  test("GQ-3, GQ-4, GQ-5, GQ-6: are refused exactly when their full expansion exceeds a limit", async () => {
    const seen = { within: 0, beyond: new Set<string>() };
    await fc.assert(
      fc.asyncProperty(documents, async (document) => {
        const text = printDocument(document);
        fc.pre(text.length <= 15_000 && countTokens(text) <= 1000);
        const { errors } = await closed.ask(text);
        const refusal = errors?.[0]?.message ?? "";
        const expected = excesses(document, text);
        if (expected.length === 0) {
          expect(refusal).not.toMatch(/^The document has/);
          seen.within += 1;
        } else {
          expect(expected).toContain(refusal);
          seen.beyond.add(refusal);
        }
      }),
      { numRuns: 100 },
    );
    expect(seen.within).toBeGreaterThan(0);
    expect(seen.beyond.size).toBeGreaterThan(2);
  });
});

describe("what errors reveal about the schema", () => {
  test("GQ-8: introspection is refused where it is off, and the error names nothing", async () => {
    const documents = [
      getIntrospectionQuery(),
      "{ __schema { types { name } } }",
      `{ __type(name: "User") { name } }`,
      `{ a: __type(name: "User") { name } }`,
      "{ ...A } fragment A on Query { ... { __schema { queryType { name } } } }",
      "mutation { __schema { queryType { name } } }",
      "query A { __typename } query B { __schema { queryType { name } } }",
    ];
    for (const document of documents) {
      const { status, code, data, errors, text } = await closed.ask(document, ada);
      expect([status, data, errors?.[0]?.message]).toEqual([400, undefined, expect.any(String)]);
      expect(code).toBe("GRAPHQL_VALIDATION_FAILED");
      expect(text).not.toMatch(/apollo|graphql-js|fastify|mikro/i);
    }
    const { errors } = await closed.ask("{ __schema { types { name } } }");
    expect(errors?.[0]).toMatchObject({ message: "Introspection is off." });
  });

  test("GQ-8: `__typename` works where introspection is off", async () => {
    const { data } = await closed.ask(
      "{ __typename me { __typename profile { __typename } } }",
      ada,
    );
    expect(data).toEqual({
      __typename: "Query",
      me: { __typename: "User", profile: { __typename: "Profile" } },
    });
  });

  test("GQ-8: a typo gets no suggestion where introspection is off", async () => {
    const typos = [
      "{ m }",
      "{ mee { id } }",
      "{ me { idd usernam profil { rol } } }",
      `mutation { logi(username: "a") { scheme } }`,
      `mutation { login(usernam: "a", passwor: "b") { schem } }`,
      `mutation { login(username: "a", password: "b", scheme: JWTT) { scheme } }`,
      "{ allSessions(where: { userid: { in: [] } }) { edge { cursor } } }",
      "{ ... on Usr { id } }",
      "query ($a: Strin) { __typename }",
      "{ __typename @includ(if: true) }",
      "{ me }",
    ];
    for (const document of typos) {
      const { status, text } = await closed.ask(document);
      expect([document, status]).toEqual([document, 400]);
      expect(text).not.toMatch(/did you mean|apollo/i);
    }
    expect((await gate.ask("{ mee { id } }")).text).toContain("Did you mean");
  });
});

describe("the HTTP request of a document", () => {
  test.each([
    // These methods serve GraphiQL, but no GraphQL.
    ["GET", "POST"],
    ["HEAD", "POST"],
    ["PUT", "GET, HEAD, POST"],
    ["PATCH", "GET, HEAD, POST"],
    ["DELETE", "GET, HEAD, POST"],
    ["OPTIONS", "GET, HEAD, POST"],
  ])("GQ-9: %s is 405 with Allow: %s, and runs nothing", async (method, allow) => {
    const url = `${gate.url}/graphql?query=${encodeURIComponent("{ me { id } }")}`;
    const statements = await gate.countStatements(async () => {
      const { status, headers } = await fetch(url, {
        method,
        headers: { authorization: ada.authorization, "content-type": "application/json" },
        ...(["GET", "HEAD"].includes(method) ? {} : { body: `{"query":"{ me { id } }"}` }),
      });
      expect([status, headers.get("allow")]).toEqual([405, allow]);
    });
    expect(statements).toBe(0);
  });

  test("GQ-9: a query in the URL of a POST is ignored", async () => {
    const url = `${gate.url}/graphql?query=${encodeURIComponent("{ me { id } }")}&operationName=B`;
    const headers = { "content-type": "application/json" };
    const empty = await fetch(url, { method: "POST", headers, body: "{}" });
    expect(empty.status).toBe(400);
    const body = `{"query":"{ __typename }"}`;
    const other = await fetch(url, { method: "POST", headers, body });
    expect(await other.json()).toEqual({ data: { __typename: "Query" } });
  });

  test("GQ-9: a persisted query is refused, with or without its document", async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } };
    for (const body of [{ extensions }, { extensions, query: "{ __typename }" }]) {
      const { errors, data } = await post(JSON.stringify(body));
      expect(errors[0].extensions.code).toBe("PERSISTED_QUERY_NOT_SUPPORTED");
      expect(data).toBeUndefined();
    }
  });

  const REQUEST = `{"query":"{ __typename }"}`;
  test.each([
    ["text/plain", REQUEST],
    ["text/plain;charset=UTF-8", REQUEST],
    ["text/plain;application/json", REQUEST],
    ["text/plain; a=application/json", REQUEST],
    ["application/json, text/plain", REQUEST],
    ["application/jsonp", REQUEST],
    ["application/graphql", "{ __typename }"],
    ["application/graphql+json", REQUEST],
    ["application/x-www-form-urlencoded", "query=%7B__typename%7D"],
    ["application/x-www-form-urlencoded", REQUEST],
    [
      "multipart/form-data; boundary=x",
      `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${REQUEST}\r\n--x--\r\n`,
    ],
    ["application/json; charset=ibm037", REQUEST],
    ["application/json; charset=utf-16le", REQUEST],
    ["application/json;charset = utf-7", REQUEST],
    [`application/json; charset="iso-8859-1"`, REQUEST],
    ["application/json; charset=utf-8; charset=utf-16", REQUEST],
    ["application/json; a=b; CHARSET=ISO-2022-JP", REQUEST],
    ["json", REQUEST],
    ["*/*", REQUEST],
    ["", REQUEST],
  ])("GQ-10: a body of type `%s` is 415", async (type, body) => {
    const statements = await gate.countStatements(async () => {
      const bytes = new TextEncoder().encode(body);
      const { status, errors } = await post(bytes, {
        "content-type": type,
        authorization: ada.authorization,
      });
      expect([status, errors[0].extensions.code]).toEqual([415, "BAD_REQUEST"]);
    });
    expect(statements).toBe(0);
  });

  test.each([
    "application/json",
    "APPLICATION/JSON",
    "application/json;charset=utf-8",
    "application/json; charset=UTF-8",
    `application/json; charset="utf-8"`,
    "application/json; foo=bar",
  ])("GQ-10: a body of type `%s` is accepted", async (type) => {
    expect((await post(REQUEST, { "content-type": type })).data).toEqual({ __typename: "Query" });
  });
});

describe("the size of errors", () => {
  test.each([
    [
      "50 wrong variables",
      `mutation (${join(50, (index) => `$v${index}: String!`)}) { logout(refresh: $v0) { message } }`,
    ],
    ["200 unknown fields", `{ me { ${join(200, (index) => `unknown${index}`)} } }`],
    [
      "200 unknown fields of long names",
      `{ me { ${join(7, (index) => `f${index}${"x".repeat(2000)}`)} } }`,
    ],
    [
      "200 unused fragments",
      `{ __typename } ${join(120, (index) => `fragment F${index} on Query { a }`)}`,
    ],
    ["240 unused variables", `query (${join(240, (index) => `$v${index}: Int`)}) { __typename }`],
    [
      "100 unknown arguments",
      `mutation { logout(${join(100, (index) => `a${index}: 1`)}) { message } }`,
    ],
  ])("GQ-12: %s give at most 10 errors and 64 KiB", async (_name, document) => {
    const variables = Object.fromEntries(
      numbers(50).map((index) => [`v${index}`, { a: ["c4n4ry"] }]),
    );
    const { status, errors, text } = await gate.ask(document, { variables });
    expect(status).toBe(400);
    expect(errors?.length).toBeGreaterThan(0);
    expect(errors?.length).toBeLessThanOrEqual(10);
    expect(text.length).toBeLessThanOrEqual(64 * 1024);
    expect(text).not.toContain("c4n4ry");
  });

  test.each([
    `mutation { refreshToken(refresh: "x" "${"c4n4ry".repeat(80)}") { access } }`,
    `mutation { refreshToken(refresh: "x" """${"c4n4ry ".repeat(80)}""") { access } }`,
    `mutation { refreshToken(refresh: "x" ${"c4n4ry".repeat(80)}) { access } }`,
    `mutation { login(username: "a", password: "b", scheme: ${"c4n4ry".repeat(80)}) { access } }`,
    `mutation { login(username: "a", password: "b", scheme: "c4n4ry") { access } }`,
    `{ allSessions(where: { createdAt: { gt: "c4n4ry" } }) { edges { cursor } } }`,
    `{ allSessions(where: { createdAt: { gt: { a: "c4n4ry" } } }) { edges { cursor } } }`,
    `{ allSessions(first: "c4n4ry") { edges { cursor } } }`,
    `query ($v: ID = "x") { allSessions(where: { userId: { in: ["c4n4ry", $v] } }) { edges { cursor } } }`,
    `query ($v: ID = "x") { allSessions(where: { email: { icontains: "c4n4ry" }, userId: { in: [$v] } }) { edges { cursor } } }`,
  ])("GQ-12: no literal of %s is repeated, however long", async (document) => {
    const { code, text } = await gate.ask(document, { variables: { v: null } });
    expect(["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"]).toContain(code);
    expect(text).not.toContain("c4n4ry");
  });

  test("GQ-11, GQ-12: a variable that makes an argument null is BAD_USER_INPUT, not a bug", async () => {
    const document = `mutation ($p: String = "x") { login(username: "a", password: $p) { access } }`;
    const accept = "application/graphql-response+json";
    const answer = await gate.ask(document, { variables: { p: null }, headers: { accept } });
    expect([answer.status, answer.code]).toEqual([400, "BAD_USER_INPUT"]);
    expect(answer.errors?.[0]?.message).toBe(
      'Argument "password" of non-null type "String!" must not be null.',
    );
  });

  test("GQ-12: a response has at most 64 KiB, even with the longest possible path in its errors", async () => {
    const long = "x".repeat(14_000);
    const documents = [
      `{ ${long}: me { id } }`,
      `mutation { ${long}: revokeSession(id: "x") { message } }`,
      `{ ${join(10, (index) => `${"x".repeat(1400)}${index}: sessions { id }`)} }`,
      `mutation { ${join(10, (index) => `${"x".repeat(1400)}${index}: logoutAll { message }`)} }`,
    ];
    for (const document of documents) {
      const { code, errors, text } = await gate.ask(document);
      expect(code).toBe("UNAUTHENTICATED");
      expect(errors?.length).toBeLessThanOrEqual(10);
      expect(text.length).toBeLessThanOrEqual(64 * 1024);
    }
  });

  test("the server still answers after all of this", async () => {
    expect((await gate.me(ada.authorization)).data.me.username).toBe("ada");
    expect((await closed.me(ada.authorization)).data.me.username).toBe("ada");
  });
});

import { beforeAll, describe, expect, test } from "@jest/globals";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { cpuOf, cpuOfPassword, leastOf } from "../support/measure.js";

// The server runs as in production. The tests send the requests of the scanners graphql-cop and CrackQL, in our own
// words.

const gate = setUpGate({ isProduction: true, loginFailuresPerAccount: 5 });

/** A probe must cost less CPU than checking this number of passwords. */
const MAX_PASSWORDS = 10;
/** The largest response to a probe, in characters. */
const MAX_LENGTH = 2000;

let limit: number;

beforeAll(async () => {
  limit = MAX_PASSWORDS * (await cpuOfPassword());
  await gate.user("ada");
  // The first request of a process takes longer, because it compiles code for all others.
  await gate.ask("{ __typename }");
});

const repeat = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join("\n");

const JSON_TYPE = { "content-type": "application/json" };

async function send(method: string, path: string, body?: string, headers = {}) {
  let [status, text] = [0, ""];
  const cpu = await leastOf(limit, () =>
    cpuOf(async () => {
      const response = await fetch(gate.url + path, { method, headers, ...(body && { body }) });
      [status, text] = [response.status, await response.text()];
    }),
  );
  expect(cpu).toBeLessThan(limit);
  expect(text.length).toBeLessThan(MAX_LENGTH);
  return { status, text };
}

const post = (query: unknown) =>
  send("POST", "/graphql", JSON.stringify(query), { ...JSON_TYPE, accept: "application/json" });

/** Expects a refusal that ran nothing, and returns its errors. */
function errorsOf({ text }: { text: string }): { message: string; extensions: object }[] {
  const { data, errors } = JSON.parse(text);
  expect(data).toBeUndefined();
  return errors;
}

describe("graphql-cop", () => {
  const CIRCULAR = "fields { type { ".repeat(4) + "name" + " } }".repeat(4);

  test.each<[probe: string, query: string, message: string]>([
    [
      "alias overloading",
      `query { ${repeat(101, (index) => `alias${index}: __typename`)} }`,
      "The document has more than 15 aliases.",
    ],
    [
      "directive overloading",
      `query { __typename ${"@aa".repeat(10)} }`,
      "The document has more than 3 directives in one place.",
    ],
    [
      "field duplication",
      `query { ${"__typename \n".repeat(500)} }`,
      "The document has more than 100 fields of one name.",
    ],
    [
      "a circular introspection",
      `query { __schema { types { ${CIRCULAR} } } }`,
      "Introspection is off.",
    ],
    [
      "an introspection",
      "query { __schema { types { name fields { name } } } }",
      "Introspection is off.",
    ],
  ])("GQ-4, GQ-5, GQ-8: %s is refused with few errors", async (_probe, query, message) => {
    const answer = await post({ query });
    const errors = errorsOf(answer);
    expect(answer.status).toBe(400);
    expect(errors.map((error) => error.message)).toContain(message);
    expect(errors.length).toBeLessThan(5);
  });

  test("GQ-6: a circular fragment is refused", async () => {
    const query = `query { __schema { ...A } } fragment A on __Schema { __typename ...B } fragment B on __Schema { ...A }`;
    expect(errorsOf(await post({ query })).length).toBeGreaterThan(0);
  });

  test("GQ-7: a batch of ten requests is refused as one", async () => {
    const { status, text } = await post(Array(11).fill({ query: "query { __typename }" }));
    expect([status, errorsOf({ text }).length]).toEqual([400, 1]);
  });

  test.each([
    ["a query", "query { __typename }"],
    ["a mutation", "mutation { __typename }"],
  ])("GQ-9: %s by GET is refused", async (_what, query) => {
    const path = `/graphql?query=${encodeURIComponent(query)}`;
    for (const headers of [{}, JSON_TYPE, { "apollo-require-preflight": "1" }]) {
      const { status, text } = await send("GET", path, undefined, headers);
      expect([status, errorsOf({ text })]).toMatchObject([
        405,
        [{ message: "GraphQL is at POST /graphql.", extensions: { code: "BAD_REQUEST" } }],
      ]);
    }
  });

  test("GQ-10: a query by POST that is not JSON is refused", async () => {
    const form = `query=${encodeURIComponent("query { __typename }")}`;
    const type = { "content-type": "application/x-www-form-urlencoded" };
    expect((await send("POST", "/graphql", form, type)).status).toBe(415);
    const inUrl = await send("POST", `/graphql?${form}`);
    expect(inUrl.status).toBe(400);
    expect(errorsOf(inUrl)).toHaveLength(1);
  });

  test.each(["query { __schema { directive } }", "query { meee { id } }", "mutation { logi }"])(
    "GQ-8: %s gets no suggestion of a field",
    async (query) => {
      const answer = await post({ query });
      expect(answer.status).toBe(400);
      expect(answer.text).not.toMatch(/did you mean/i);
    },
  );

  test.each(["/graphiql", "/playground", "/console", "/graphql", "/altair", "/voyager", "/"])(
    "GQ-20: no page of an IDE is served at %s",
    async (path) => {
      const { status, text } = await send("GET", path, undefined, { accept: "text/html" });
      expect([404, 405]).toContain(status);
      expect(text).not.toMatch(/graphiql|playground|altair|voyager|sandbox|<html/i);
    },
  );

  test.each([
    ["a query", "query { __typename }", 200],
    ["an operation that does not exist", "qwerty cop { abc }", 400],
    ["an unknown field", "query { abc }", 400],
  ] as const)("GQ-11: %s reveals no trace, exception or stack", async (_what, query, status) => {
    const headers = {
      ...JSON_TYPE,
      "x-apollo-tracing": "1",
      "apollo-query-plan-experimental": "1",
    };
    const answer = await send("POST", "/graphql", JSON.stringify({ query }), headers);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/tracing|exception|stacktrace|node_modules|\.js:|ftv1/i);
  });
});

describe("CrackQL", () => {
  const guesses = (count: number) =>
    repeat(
      count,
      (index) =>
        `alias${index}: login(username: "ada", password: "${index === 1 ? PASSWORD : `guess number ${index}`}") { access }`,
    );

  test.each([2, 10, 100])(
    "GQ-4, LG-4: a batch of %i logins by aliases is refused, and none of them runs",
    async (count) => {
      const query = `mutation { ${guesses(count)} }`;
      const statements = await gate.countStatements(async () => {
        const answer = await post({ query });
        expect([answer.status, errorsOf(answer).length]).toEqual([400, 1]);
        expect(answer.text).not.toMatch(/eyJ|access/);
      });
      expect(statements).toBe(0);
      expect(gate.events).toEqual([]);
    },
  );

  test("GQ-4, LG-4: logins in many operations of one document, or in many requests of one body, are refused too", async () => {
    const operations = repeat(5, (index) => `mutation M${index} { ${guesses(1)} }`);
    const body = { query: operations, operationName: "M1" };
    for (const probe of [body, Array(5).fill({ query: `mutation { ${guesses(1)} }` })]) {
      expect((await post(probe)).status).toBe(400);
    }
    expect(gate.events).toEqual([]);
  });
});

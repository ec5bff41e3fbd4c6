import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { type ExecutionResult, graphql, type GraphQLSchema, parse, subscribe } from "graphql";
import { guardSchema } from "../../src/permissions/guards.js";
import type { AuthContext } from "../../src/index.js";
import { setUpGate } from "../support/gate.js";

const SDL = /* GraphQL */ `
  directive @auth(requires: Role! = USER) on FIELD_DEFINITION | OBJECT
  directive @public on FIELD_DEFINITION
  enum Role {
    USER
    ADMIN
  }
  interface Node {
    id: ID!
    secret: String @auth(requires: ADMIN)
  }
  type Safe @auth(requires: ADMIN) {
    gold: Int
    box: Safe
  }
  type Doc implements Node {
    id: ID!
    title: String
    secret: String @auth(requires: ADMIN)
    owner: String @auth
    safe: Safe
    related: [[Doc!]!]
  }
  union Thing = Doc | Safe
  type Query {
    open(text: String): String @public
    plain: String
    mine(text: String): String @auth
    admin: String @auth(requires: ADMIN)
    doc: Doc @public
    docs: [Doc!]! @public
    node: Node @public
    thing: Thing @public
    safes: [Safe] @public
  }
  type Mutation {
    save: Safe @public
    touch: String
  }
  type Subscription {
    ticks: Int
    adminTicks: Int @auth(requires: ADMIN)
    openTicks: Int @public
    rootTicks: Int
  }
`;

/** The name of each resolver that ran. */
const ran: string[] = [];
const seen =
  <T>(name: string, value: T) =>
  () => {
    ran.push(name);
    return value;
  };
const stream = (name: string) =>
  async function* () {
    ran.push(name);
    yield await Promise.resolve({ [name]: 1 });
  };

const safe = { __typename: "Safe", gold: seen("gold", 7), box: seen("box", { gold: 8 }) };
const doc = {
  __typename: "Doc",
  id: "1",
  title: "t",
  secret: seen("secret", "s3cret"),
  owner: seen("owner", "ada"),
  safe,
  related: seen("related", [[{ __typename: "Doc", id: "2", secret: seen("secret", "s3cret") }]]),
};

const gate = setUpGate();
let schema: GraphQLSchema;
let contexts: Record<"anonymous" | "user" | "admin", AuthContext>;

beforeAll(async () => {
  await gate.user("ada", { role: "ADMIN" });
  await gate.user("bob");
  const [admin, user] = [await gate.login("ada", "TOKEN"), await gate.login("bob")];
  const contextOf = (authorization: string) =>
    gate.auth.createContext({ headers: { authorization } });
  contexts = {
    anonymous: await gate.auth.createContext(),
    user: await contextOf(user.authorization),
    admin: await contextOf(admin.authorization),
  };
  schema = guardSchema(
    makeExecutableSchema({
      typeDefs: SDL,
      resolvers: {
        Query: {
          open: (_source: unknown, { text }: { text?: string }) => text ?? "open",
          plain: seen("plain", "plain"),
          mine: (_source: unknown, { text }: { text?: string }) => {
            ran.push("mine");
            return text ?? "mine";
          },
          admin: seen("admin", "admin"),
          doc: () => doc,
          docs: () => [doc, doc],
          node: () => doc,
          thing: () => safe,
          safes: () => [safe, null],
        },
        Mutation: { save: seen("save", safe), touch: seen("touch", "touched") },
        Subscription: {
          ticks: { subscribe: stream("ticks") },
          adminTicks: { subscribe: stream("adminTicks") },
          openTicks: { subscribe: stream("openTicks") },
        },
      },
    }),
  );
});

beforeEach(() => {
  ran.length = 0;
});

const ask = (source: string, contextValue: unknown): Promise<ExecutionResult<any>> =>
  graphql({ schema, source, contextValue, rootValue: { rootTicks: stream("rootTicks") } });

const codes = ({ errors = [] }: ExecutionResult) =>
  errors.map(({ extensions }) => extensions["code"] ?? "BUG");

describe("a guarded field", () => {
  test("G-01: runs for a signed-in user, with its own arguments and result", async () => {
    const { data, errors } = await ask(`{ mine(text: "as it is") }`, contexts.user);
    expect([data, errors]).toEqual([{ mine: "as it is" }, undefined]);
  });

  test("G-02, H-22: is UNAUTHENTICATED for an anonymous caller, and its resolver does not run", async () => {
    const result = await ask(`{ mine open }`, contexts.anonymous);
    expect(result.data).toEqual({ mine: null, open: "open" });
    expect(result.errors?.[0]?.extensions).toEqual({
      code: "UNAUTHENTICATED",
      reason: "no_credentials",
    });
    expect(ran).toEqual([]);
  });

  test("H-22: with a bad credential gives that credential's reason, and its resolver does not run", async () => {
    const headers = { authorization: "Token nonsense" };
    const result = await ask(`{ mine open }`, await gate.auth.createContext({ headers }));
    expect(result.data).toEqual({ mine: null, open: "open" });
    expect(result.errors?.[0]?.extensions["reason"]).toBe("token_not_valid");
    expect(ran).toEqual([]);
  });

  test("G-16: a root field without a directive is guarded too", async () => {
    expect(codes(await ask(`{ plain }`, contexts.anonymous))).toEqual(["UNAUTHENTICATED"]);
    expect(codes(await ask(`mutation { touch }`, contexts.anonymous))).toEqual(["UNAUTHENTICATED"]);
    expect(ran).toEqual([]);
    expect((await ask(`{ plain }`, contexts.user)).data).toEqual({ plain: "plain" });
  });

  test("G-04, G-05, G-07: runs for an ADMIN if it requires ADMIN, and is FORBIDDEN for a USER and UNAUTHENTICATED for an anonymous caller", async () => {
    expect((await ask(`{ admin }`, contexts.admin)).data).toEqual({ admin: "admin" });
    ran.length = 0;
    const refused = await ask(`{ admin }`, contexts.user);
    expect(refused.errors?.[0]?.extensions).toEqual({ code: "FORBIDDEN", reason: "role_required" });
    expect(codes(await ask(`{ admin }`, contexts.anonymous))).toEqual(["UNAUTHENTICATED"]);
    expect(ran).toEqual([]);
  });

  test.each([
    ["an alias", `{ open: admin }`],
    ["an inline fragment", `{ ... { ... on Query { admin } } }`],
    ["a named fragment", `{ ...F } fragment F on Query { ...G } fragment G on Query { x: admin }`],
    ["a directive", `{ admin @include(if: true) @skip(if: false) }`],
    ["a second field of the same name", `{ admin admin ... { admin } }`],
  ])("G-17: is guarded through %s", async (_name, source) => {
    expect(codes(await ask(source, contexts.user))).toEqual(["FORBIDDEN"]);
    expect(ran).toEqual([]);
  });

  test.each([
    ["an object", `{ doc { secret } }`, 1],
    ["a list", `{ docs { id secret } }`, 2],
    ["lists in lists", `{ doc { related { a: secret } } }`, 1],
    ["an interface", `{ node { id secret } }`, 1],
    ["a type behind an interface", `{ node { ... on Doc { secret } } }`, 1],
    ["a fragment on the interface", `{ doc { ...F } } fragment F on Node { secret }`, 1],
    ["a guarded type in a union", `{ thing { ... on Safe { gold } } }`, 1],
    ["a list of a guarded type", `{ safes { gold box { gold } } }`, 2],
    ["a guarded type in another type", `{ doc { safe { gold } } }`, 1],
    ["a mutation's payload", `mutation { save { g: gold } }`, 1],
  ])("G-17: is guarded as a field of %s", async (_name, source, refusals) => {
    for (const [context, code] of [
      [contexts.anonymous, "UNAUTHENTICATED"],
      [contexts.user, "FORBIDDEN"],
    ] as const) {
      ran.length = 0;
      const result = await ask(source, context);
      expect(codes(result)).toEqual(Array(codes(result).length).fill(code));
      expect(codes(result).length).toBeGreaterThanOrEqual(refusals);
      expect(ran.filter((name) => ["secret", "gold", "box"].includes(name))).toEqual([]);
    }
    expect((await ask(source, contexts.admin)).errors).toBeUndefined();
    expect(ran.length).toBeGreaterThan(0);
  });

  test("G-05: does not block the other fields of its type for a USER", async () => {
    const { data } = await ask(`{ doc { title owner secret } }`, contexts.user);
    expect(data.doc).toEqual({ title: "t", owner: "ada", secret: null });
  });
});

describe("a guarded subscription", () => {
  const listen = (source: string, contextValue: unknown) =>
    subscribe({
      schema,
      document: parse(source),
      contextValue,
      rootValue: { rootTicks: stream("rootTicks") },
    });

  test.each(["ticks", "adminTicks", "rootTicks"])(
    "G-17: %s is refused before its source starts",
    async (name) => {
      const result = await listen(`subscription { ${name} }`, contexts.anonymous);
      expect(codes(result as ExecutionResult)).toEqual(["UNAUTHENTICATED"]);
      expect(ran).toEqual([]);
    },
  );

  test("G-05: is FORBIDDEN for a USER if it requires ADMIN", async () => {
    const result = await listen(`subscription { x: adminTicks }`, contexts.user);
    expect(codes(result as ExecutionResult)).toEqual(["FORBIDDEN"]);
    expect(ran).toEqual([]);
  });

  test.each([
    ["ticks", "user"],
    ["adminTicks", "admin"],
    ["openTicks", "anonymous"],
    ["rootTicks", "user"],
  ] as const)("G-01: %s runs for %s", async (name, who) => {
    const events = await listen(`subscription { ${name} }`, contexts[who]);
    const all: unknown[] = [];
    for await (const { data } of events as AsyncIterable<ExecutionResult>) all.push(data?.[name]);
    expect(all).toEqual([1]);
  });
});

test("a field outside the subscription type gets no function subscribe", () => {
  const fields = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.values(type!.getFields()),
  );
  expect(fields.filter(({ subscribe }) => subscribe !== undefined)).toEqual([]);
});

describe("a context that createContext did not make", () => {
  const look = { id: "1", username: "ada", role: "ADMIN", isActive: true, session: {} };

  test.each([
    ["none", undefined],
    ["null", null],
    ["text", "ada"],
    ["a number", 7],
    ["an empty object", {}],
    ["a look-alike user", { user: look, authError: null }],
    ["a user of another class", { user: Object.assign(new Map(), look), role: "ADMIN" }],
    ["true for a user", { user: true }],
    ["a profile with the role", { user: { ...look, profile: { role: "ADMIN" } } }],
    ["an authError that is a string", { user: null, authError: "no" }],
    ["an authError that is true", { authError: true }],
    [
      "a user that throws",
      {
        get user() {
          throw new Error("broken");
        },
      },
    ],
    ["a promise of a user", { user: Promise.resolve(look) }],
    [
      "a proxy that has every property",
      new Proxy({}, { get: () => look, getPrototypeOf: () => Object.prototype }),
    ],
  ])("G-02: is denied, and no resolver runs: %s", async (_name, context) => {
    for (const field of ["mine", "admin", "plain"]) {
      const { data, errors } = await ask(`{ ${field} }`, context);
      expect(data).toEqual({ [field]: null });
      expect(errors).toHaveLength(1);
    }
    expect(ran).toEqual([]);
  });

  test("G-02: with a look-alike user is anonymous", async () => {
    const { errors } = await ask(`{ admin }`, { user: look });
    expect(errors?.[0]?.extensions["reason"]).toBe("no_credentials");
  });
});

import "reflect-metadata";
import { describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { graphql, GraphQLInt, GraphQLObjectType, GraphQLSchema, Kind } from "graphql";
import {
  buildSchemaSync,
  Directive,
  Field,
  InterfaceType,
  ObjectType,
  Query,
  Resolver,
} from "type-graphql";
import { guardSchema } from "../../src/permissions/guards.js";
import { readGuards } from "../../src/permissions/guard-map.js";

const ANYWHERE = `FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ENUM | ENUM_VALUE | SCALAR
  | INPUT_OBJECT | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION | SCHEMA`;
const DIRECTIVES = `
  directive @auth(requires: Role! = USER, freshWithin: String) repeatable on ${ANYWHERE}
  directive @public on ${ANYWHERE}
  enum Role { USER ADMIN }`;

/** Builds a schema, and adds the definitions of the directives to its SDL. */
const build = (typeDefs: string, directives = DIRECTIVES) =>
  makeExecutableSchema({ typeDefs: [directives, typeDefs] });

/** Returns the guards of a schema in short, such as `@public`, `ADMIN` and `USER 15m`. */
const guardsOf = (...given: Parameters<typeof readGuards>) =>
  new Map(
    [...readGuards(...given)].map(([at, guard]) => {
      if (guard === "@public") return [at, guard];
      const { role, freshness } = guard;
      return [at, freshness === null ? role : `${role} ${freshness.text}`];
    }),
  );

const QUERY = `type Query { a: Int @public }`;

describe("a schema with correct guards", () => {
  test("G-16: every root field has a guard, and other fields have one if they or their types state one", () => {
    const guards = guardsOf(
      build(`
        type Query { a: Int @public b: Int c: Int @auth(requires: ADMIN) d: Doc @auth }
        type Mutation { e: Int }
        type Subscription { f: Int }
        type Doc @auth { x: Int y: Int @auth(requires: ADMIN) }
        type Free { z: Int }`),
      {},
    );
    expect(Object.fromEntries(guards)).toEqual({
      "Query.a": "@public",
      "Query.b": "USER",
      "Query.c": "ADMIN",
      "Query.d": "USER",
      "Mutation.e": "USER",
      "Subscription.f": "USER",
      "Doc.x": "USER",
      "Doc.y": "ADMIN",
    });
  });

  test("G-16: a federation subgraph's SDL is public, and its entities need a signed-in user", () => {
    const subgraph = (service: string) =>
      guardsOf(
        build(`
          type Query { _service: _Service! _entities(representations: [_Any!]!): [_Entity]! a: Int }
          scalar _Any
          union _Entity = Doc
          type Doc { x: Int }
          type _Service ${service}`),
        {},
      );
    expect(Object.fromEntries(subgraph("{ sdl: String }"))).toEqual({
      "Query._service": "@public",
      "Query._entities": "USER",
      "Query.a": "USER",
    });
    // If the type of that field has more than the SDL, the field is the application's own.
    expect(subgraph("{ sdl: String secrets: String }").get("Query._service")).toBe("USER");
    expect(subgraph("@auth { sdl: String }").get("_Service.sdl")).toBe("USER");
    const other = `type Query { _service: Service! } type Service { sdl: String }`;
    expect(guardsOf(build(other), {}).get("Query._service")).toBe("USER");
    // Gateways read the SDL by a query, so other root fields are not public.
    const elsewhere = `${QUERY} type Mutation { _service: _Service! } type _Service { sdl: String }
      type Subscription { _service: _Service! }`;
    expect(Object.fromEntries(guardsOf(build(elsewhere), {}))).toEqual({
      "Query.a": "@public",
      "Mutation._service": "USER",
      "Subscription._service": "USER",
    });
  });

  test("G-16: root types with other names and type extensions are read in the same way", () => {
    const guards = guardsOf(
      build(`
        schema { query: Root }
        type Root { a: Int @public }
        extend type Root { b: Int c: Int @auth(requires: ADMIN) }
        type Doc { x: Int }
        extend type Doc @auth(requires: ADMIN)`),
      {},
    );
    expect(guards.get("Root.b")).toBe("USER");
    expect(guards.get("Root.c")).toBe("ADMIN");
    expect(guards.get("Doc.x")).toBe("ADMIN");
  });

  test("G-17: a guard on a root type raises the role of all its fields", () => {
    const guards = guardsOf(build(`type Query @auth(requires: ADMIN) { a: Int b: Int }`), {});
    expect([guards.get("Query.a"), guards.get("Query.b")]).toEqual(["ADMIN", "ADMIN"]);
  });

  test("the schema's own default for `requires` is used", () => {
    const directives = DIRECTIVES.replace("= USER", "= ADMIN");
    const guards = guardsOf(build(`type Query { a: Int @auth }`, directives), {});
    expect(guards.get("Query.a")).toBe("ADMIN");
  });

  test("G-17: freshWithin is read from the field, else from the type, with or without a role", () => {
    const guards = guardsOf(
      build(`
        type Query { a: Int @auth(freshWithin: "15m") b: Int @auth(requires: ADMIN, freshWithin: "12 h") c: Doc }
        type Doc @auth(freshWithin: "2h") { x: Int y: Int @auth(requires: ADMIN, freshWithin: "90s") }`),
      {},
    );
    expect(Object.fromEntries(guards)).toEqual({
      "Query.a": "USER 15m",
      "Query.b": "ADMIN 12 h",
      "Query.c": "USER",
      "Doc.x": "USER 2h",
      "Doc.y": "ADMIN 90s",
    });
  });

  test("G-17: the schema's own default for `freshWithin` is used, unless a field says null", () => {
    const directives = DIRECTIVES.replace("freshWithin: String", 'freshWithin: String = "1h"');
    const typeDefs = `type Query { a: Int @auth b: Int @auth(freshWithin: null) c: Int }`;
    const guards = guardsOf(build(typeDefs, directives), {});
    expect(["a", "b", "c"].map((name) => guards.get(`Query.${name}`))).toEqual([
      "USER 1h",
      "USER",
      "USER",
    ]);
  });

  test("a definition of @auth without `freshWithin` works", () => {
    const directives = DIRECTIVES.replace(", freshWithin: String", "");
    const guards = guardsOf(build(`type Query { a: Int @auth(requires: ADMIN) }`, directives), {});
    expect(guards.get("Query.a")).toBe("ADMIN");
  });

  test("guards of a schema made in code are read from `extensions.directives`", async () => {
    const field = (auth: object) => ({
      type: GraphQLInt,
      resolve: () => 1,
      extensions: { directives: { auth } },
    });
    const made = (requires: string, more: object = {}) =>
      new GraphQLSchema({
        query: new GraphQLObjectType({
          name: "Query",
          fields: { a: field({ requires, ...more }) },
        }),
      });
    expect(guardsOf(made("ADMIN"), {}).get("Query.a")).toBe("ADMIN");
    const fresh = made("ADMIN", { freshWithin: "15m" });
    expect(guardsOf(fresh, {}).get("Query.a")).toBe("ADMIN 15m");
    for (const freshWithin of [900, ["15m"]]) {
      expect(() => guardSchema(made("ADMIN", { freshWithin }))).toThrow(
        "Query.a: has a wrong @auth: freshWithin must be",
      );
    }
    const { errors } = await graphql({ schema: guardSchema(made("ADMIN")), source: "{ a }" });
    expect(errors?.[0]?.extensions["code"]).toBe("UNAUTHENTICATED");
    expect(() => guardSchema(made("ROOT"))).toThrow(TypeError);
  });

  test("guards are read from AST nodes that were made by hand, without a list of arguments", () => {
    const schema = makeExecutableSchema({ typeDefs: `type Query { a: Int }` });
    const node = schema.getQueryType()!.getFields()["a"]!.astNode!;
    const name = { kind: Kind.NAME, value: "auth" } as const;
    Object.assign(node, { directives: [{ kind: Kind.DIRECTIVE, name }] });
    expect(guardsOf(schema, { strict: true }).get("Query.a")).toBe("USER");
  });

  test("guarding a schema twice refuses the same as guarding it once", async () => {
    const twice = guardSchema(guardSchema(build(`type Query { a: Int b: Int @public }`)));
    const { data, errors } = await graphql({
      schema: twice,
      source: "{ a b }",
      rootValue: { a: 1, b: 2 },
    });
    expect([data, errors?.length]).toEqual([{ a: null, b: 2 }, 1]);
  });

  test("G-16: a field other than _service is not public, even if it has the same type", () => {
    const typeDefs = `type _Service { sdl: String } type Query { _service: _Service other: _Service }`;
    const guards = guardsOf(build(typeDefs), {});
    expect([guards.get("Query._service"), guards.get("Query.other")]).toEqual(["@public", "USER"]);
  });
});

describe("the build fails for", () => {
  const refusal = (typeDefs: string, directives?: string) => () =>
    guardSchema(build(typeDefs, directives));

  test.each(["Query", "Mutation", "Subscription"])(
    "G-16: a field of %s with neither directive, in strict mode only",
    (root) => {
      const typeDefs = `${root === "Query" ? "" : QUERY} type ${root} { bare: Int }`;
      expect(() => guardSchema(build(typeDefs), { strict: true })).toThrow(
        `${root}.bare: has neither @auth nor @public`,
      );
      expect(() => guardSchema(build(typeDefs))).not.toThrow();
    },
  );

  test.each([
    ["an argument", `type Query { a(x: Int @auth): Int @public }`, "Query.a.x"],
    ["an argument of another field", `${QUERY} type Doc { b(x: Int @auth): Int }`, "Doc.b.x"],
    ["an interface's argument", `${QUERY} interface I { b(x: Int @auth): Int }`, "I.b.x"],
    ["an input field", `${QUERY} input In { x: Int @auth }`, "In.x"],
    ["an input type", `${QUERY} input In @auth { x: Int }`, "In"],
    ["an enum value", `${QUERY} enum E { A @auth }`, "E.A"],
    ["an enum", `${QUERY} enum E @auth { A }`, "E"],
    ["a scalar", `${QUERY} scalar S @auth`, "S"],
    ["a union", `${QUERY} type D { x: Int } union U @auth = D`, "U"],
    [
      "an interface type",
      `${QUERY} interface I @auth { x: Int } type D implements I { x: Int }`,
      "I",
    ],
    [
      "a field of an interface that nothing implements",
      `${QUERY} interface I { x: Int @auth }`,
      "I.x",
    ],
  ])("G-18: an inert guard on %s", (_name, typeDefs, at) => {
    expect(refusal(typeDefs)).toThrow(`${at}: a guard cannot run here`);
  });

  test("no interface whose fields have no guard if nothing implements it", () => {
    expect(refusal(`${QUERY} interface I { x: Int }`)).not.toThrow();
  });

  test.each([
    [
      `${QUERY} type Doc @auth(freshWithin: "x") { a: Int b: Int }`,
      "Doc: has a wrong @auth: freshWithin must be from 1m to 100y, but is not a duration such as 5m",
    ],
    [
      `${QUERY} interface I { x: Int @public } type Doc implements I { x: Int @auth }`,
      "I.x: @public has an effect on root fields only",
    ],
    [
      `type Query @auth(requires: ADMIN) { a: Int @public }`,
      "Query.a: is weaker than the guard of Query",
    ],
  ])("each mistake once: %s", (typeDefs, mistake) => {
    expect(refusal(typeDefs)).toThrow(
      new TypeError(`The schema's guards are wrong:\n- ${mistake}`),
    );
  });

  test("G-18: an inert guard on the schema itself", () => {
    expect(refusal(`schema @auth { query: Q } type Q { a: Int @public }`)).toThrow(TypeError);
  });

  test.each([
    [`type Doc { x: Int @public }`, "Doc.x"],
    [`interface I { x: Int @public } type Doc implements I { x: Int }`, "I.x"],
  ])("G-16: @public where it has no effect, in %s", (typeDefs, at) => {
    expect(refusal(`${QUERY} ${typeDefs}`)).toThrow(
      `${at}: @public has an effect on root fields only`,
    );
  });

  test.each([
    ["no guard", `type D implements I { x: Int }`],
    ["a lower role", `type D implements I { x: Int @auth }`],
    ["a lower role on its type", `type D implements I @auth { x: Int }`],
    [
      "no guard, through another interface",
      `interface J implements I { x: Int @auth(requires: ADMIN) } type D implements I & J { x: Int }`,
    ],
  ])("G-17: a type whose field has %s where its interface requires ADMIN", (_name, type) => {
    const typeDefs = `${QUERY} interface I { x: Int @auth(requires: ADMIN) } ${type}`;
    expect(refusal(typeDefs)).toThrow("D.x: is weaker than the guard of I.x");
  });

  test("G-17: no type whose guard is as strong as its interface's, on the field or on the type", () => {
    const I = `${QUERY} interface I { x: Int @auth }`;
    expect(refusal(`${I} type D implements I { x: Int @auth }`)).not.toThrow();
    expect(refusal(`${I} type D implements I @auth(requires: ADMIN) { x: Int }`)).not.toThrow();
  });

  test.each([
    ["no freshness", `type D implements I { x: Int @auth(requires: ADMIN) }`],
    ["a longer time", `type D implements I { x: Int @auth(freshWithin: "16m") }`],
    ["a longer time on its type", `type D implements I @auth(freshWithin: "1d") { x: Int }`],
  ])('G-17: a type whose field has %s where its interface requires "15m"', (_name, type) => {
    const typeDefs = `${QUERY} interface I { x: Int @auth(freshWithin: "15m") } ${type}`;
    expect(refusal(typeDefs)).toThrow("D.x: is weaker than the guard of I.x");
  });

  test("G-17: no field that needs a password as recent as its type or interface does", () => {
    const I = `${QUERY} interface I { x: Int @auth(freshWithin: "15m") }`;
    expect(refusal(`${I} type D implements I { x: Int @auth(freshWithin: "900s") }`)).not.toThrow();
    const D = `type D implements I @auth(freshWithin: "15m")`;
    expect(refusal(`${I} ${D} { x: Int @auth(requires: ADMIN, freshWithin: "1m") }`)).not.toThrow();
  });

  test.each([
    [`"15"`, "is not a duration such as 5m"],
    [`""`, "is not a duration such as 5m"],
    [`"soon"`, "is not a duration such as 5m"],
    [`"-15m"`, "is not a duration such as 5m"],
    [`"15m 30s"`, "is not a duration such as 5m"],
    [`"9999999999m"`, "is not a duration such as 5m"],
    [`"59s"`, "is 1 second too short"],
    [`"0s"`, "is 1 minute too short"],
    [`"101y"`, "too long"],
    [`"60500ms"`, "is not a whole number of seconds"],
  ])("a malformed duration: %s", (duration, message) => {
    const typeDefs = `type Query { a: Int @auth(freshWithin: ${duration}) }`;
    expect(refusal(typeDefs)).toThrow(
      "Query.a: has a wrong @auth: freshWithin must be from 1m to 100y, but",
    );
    expect(refusal(typeDefs)).toThrow(message);
  });

  test("a malformed duration on a type or in the definition's default, and a duration of the type Int", () => {
    const wrong = (at: string) => `${at}: has a wrong @auth: freshWithin must be from 1m to 100y`;
    expect(refusal(`${QUERY} type Doc @auth(freshWithin: "x") { a: Int }`)).toThrow(wrong("Doc"));
    const withDefault = DIRECTIVES.replace("freshWithin: String", 'freshWithin: String = "x"');
    expect(refusal(`type Query { a: Int @auth }`, withDefault)).toThrow(wrong("Query.a"));
    const ofInt = DIRECTIVES.replace("freshWithin: String", "freshWithin: Int");
    const typeDefs = `type Query { a: Int @auth(freshWithin: 900) }`;
    expect(refusal(typeDefs, ofInt)).toThrow(wrong("Query.a"));
  });

  test.each([
    [`type D @auth(requires: ADMIN) { x: Int @auth }`, "D.x: is weaker than the guard of D"],
    [
      `type D @auth(freshWithin: "15m") { x: Int @auth(requires: ADMIN) }`,
      "D.x: is weaker than the guard of D",
    ],
    [
      `type D @auth(freshWithin: "15m") { x: Int @auth(freshWithin: "901s") }`,
      "D.x: is weaker than the guard of D",
    ],
    [
      `type D @auth(requires: ADMIN, freshWithin: "15m") { x: Int @auth(freshWithin: "1m") }`,
      "D.x: is weaker than the guard of D",
    ],
    [`type Mutation @auth { x: Int @public }`, "Mutation.x: is weaker than the guard of Mutation"],
  ])("a field that is weaker than its type: %s", (typeDefs, message) => {
    expect(refusal(`${QUERY} ${typeDefs}`)).toThrow(message);
  });

  test.each([
    `type Query { a: Int @public @auth }`,
    `type Query { a: Int @auth(requires: ADMIN) @auth }`,
    `${QUERY} type D @auth @auth(requires: ADMIN) { x: Int }`,
    `type Query { a: Int @auth @auth(freshWithin: "15m") }`,
    `type Query { a: Int @auth(freshWithin: "1m") @auth(freshWithin: "15m") }`,
    `type Query { a: Int @public @auth(freshWithin: "15m") }`,
    `${QUERY} type D @auth(freshWithin: "1h") { x: Int } extend type D @auth`,
  ])("guards that contradict each other: %s", (typeDefs) => {
    expect(refusal(typeDefs)).toThrow("has guards that contradict each other");
  });

  test("an unknown role", () => {
    const directives = DIRECTIVES.replace("ADMIN }", "ADMIN ROOT }");
    expect(refusal(`type Query { a: Int @auth(requires: ROOT) }`, directives)).toThrow(
      'Query.a: has an @auth with an unknown role. There is no role "ROOT"; use USER or ADMIN.',
    );
  });

  test.each([
    [`directive @auth(role: String) on FIELD_DEFINITION`, `@auth(role: "ADMIN")`],
    [`directive @auth on FIELD_DEFINITION`, `@auth`],
    [`directive @auth(requires: [String!]!) on FIELD_DEFINITION`, `@auth(requires: ["ADMIN"])`],
    [`directive @auth(requires: Int) on FIELD_DEFINITION`, `@auth(requires: 1)`],
    [`directive @auth(requires: String) on FIELD_DEFINITION`, `@auth(requires: "admin")`],
  ])("another library's %s", (directive, use) => {
    expect(refusal(`type Query { a: Int ${use} }`, directive)).toThrow(TypeError);
  });

  test("an @auth that requires null, even below the root types, where it would guard nothing", () => {
    const directives = DIRECTIVES.replace("Role! = USER", "Role");
    const typeDefs = `${QUERY} type Doc { x: Int @auth(requires: null) }`;
    expect(refusal(typeDefs, directives)).toThrow(TypeError);
  });

  test("several mistakes at once, and lists all of them", () => {
    const typeDefs = `type Query { a: Int @public @auth } enum E { A @auth } type D { x: Int @public }`;
    expect(refusal(typeDefs)).toThrow(
      [
        "The schema's guards are wrong:",
        "Query.a: has guards that contradict each other",
        "E.A: a guard cannot run here",
        "D.x: @public has an effect on root fields only",
      ].join("\n- "),
    );
  });
});

describe("a type-graphql schema", () => {
  @InterfaceType()
  abstract class Named {
    @Field(() => String)
    name!: string;

    @Directive("@auth(requires: ADMIN)")
    @Field(() => String, { nullable: true })
    secret!: string;
  }

  @ObjectType({ implements: Named })
  class Report extends Named {}

  @Directive("@auth(requires: ADMIN)")
  @ObjectType()
  class Vault {
    @Field(() => String, { nullable: true })
    gold!: string;
  }

  @Resolver()
  class ReportResolver {
    @Query(() => Report)
    @Directive("@public")
    report(): Report {
      return Object.assign(new Report(), { name: "n", secret: "s3cret" });
    }

    @Query(() => Vault)
    @Directive("@public")
    vault(): Vault {
      return Object.assign(new Vault(), { gold: "g0ld" });
    }

    @Query(() => String, { nullable: true })
    forgotten(): string {
      return "f0rgotten";
    }
  }

  const schema = buildSchemaSync({ resolvers: [ReportResolver], validate: false });

  test("G-17, G-18: @Directive guards are enforced on fields, types and inherited fields", async () => {
    const source = `{ report { name secret } vault { gold } forgotten }`;
    const { data, errors } = await graphql({
      schema: guardSchema(schema),
      source,
      contextValue: {},
    });
    expect(JSON.parse(JSON.stringify(data))).toEqual({
      report: { name: "n", secret: null },
      vault: { gold: null },
      forgotten: null,
    });
    expect(errors?.map(({ extensions }) => extensions["code"])).toEqual(
      Array(3).fill("UNAUTHENTICATED"),
    );
  });

  test("W35: without guardSchema the same directives enforce nothing", async () => {
    const { data } = await graphql({ schema, source: `{ forgotten vault { gold } }` });
    expect(JSON.parse(JSON.stringify(data))).toEqual({
      forgotten: "f0rgotten",
      vault: { gold: "g0ld" },
    });
    expect(() => guardSchema(schema, { strict: true })).toThrow("Query.forgotten");
  });
});

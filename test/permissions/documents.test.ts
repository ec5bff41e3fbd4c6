import { beforeAll, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import fc from "fast-check";
import { graphql, type GraphQLSchema, parse, validate } from "graphql";
import type { AuthContext } from "../../src/index.js";
import { guardSchema } from "../../src/permissions/guards.js";
import { documents } from "../support/documents.js";
import { setUpGate } from "../support/gate.js";

/** A schema with guards on fields, types, interfaces and root fields, and with every kind of link between types. */
const SDL = /* GraphQL */ `
  directive @auth(requires: Role! = USER) on FIELD_DEFINITION | OBJECT
  directive @public on FIELD_DEFINITION
  enum Role {
    USER
    ADMIN
  }
  interface Node {
    id: String
    secret: String @auth(requires: ADMIN)
    next: Node
  }
  type Doc implements Node {
    id: String
    title: String @auth
    secret: String @auth(requires: ADMIN)
    next: Node
    safe: Safe
    things(of: [String]): [[Thing]]
  }
  type Safe @auth(requires: ADMIN) {
    gold: String
    inner: Safe
    docs: [Doc]
  }
  type Note implements Node {
    id: String
    secret: String @auth(requires: ADMIN)
    next: Node
    text: String
    mine: Doc @auth
  }
  union Thing = Doc | Safe | Note
  type Query {
    node: Node @public
    nodes: [Node] @public
    thing: Thing @public
    things: [[Thing]] @public
    plain: Doc
    mine: [Note] @auth
    admin(text: String): Doc @auth(requires: ADMIN)
    safe: Safe @public
  }
  type Mutation {
    save(text: String): Safe @public
    touch: Note
    wipe: Thing @auth(requires: ADMIN)
  }
`;

/** The expected guards, written by hand. A field that is not listed has no guard. */
const NEEDS: Record<string, "USER" | "ADMIN"> = {
  "Doc.title": "USER",
  "Doc.secret": "ADMIN",
  "Safe.gold": "ADMIN",
  "Safe.inner": "ADMIN",
  "Safe.docs": "ADMIN",
  "Note.secret": "ADMIN",
  "Note.mine": "USER",
  "Query.plain": "USER",
  "Query.mine": "USER",
  "Query.admin": "ADMIN",
  "Mutation.touch": "USER",
  "Mutation.wipe": "ADMIN",
};
const CALLERS = ["anonymous", "USER", "ADMIN"] as const;
type Caller = (typeof CALLERS)[number];

const gate = setUpGate();
let schema: GraphQLSchema;
const contexts = {} as Record<Caller, AuthContext>;
/** The resolvers that ran, each as `Type.field`. */
const ran = new Set<string>();

beforeAll(async () => {
  contexts.anonymous = await gate.auth.createContext();
  for (const role of ["USER", "ADMIN"] as const) {
    const id = await gate.user(role, { role, password: null });
    const { key } = await gate.auth.tokens.StaticToken.create({ id });
    contexts[role] = await gate.auth.createContext({ headers: { authorization: `Token ${key}` } });
  }
  const unguarded = makeExecutableSchema({ typeDefs: SDL });
  for (const type of ["Query", "Mutation", "Doc", "Safe", "Note"]) {
    for (const field of Object.values<any>((unguarded.getType(type) as any).getFields())) {
      field.resolve = () => {
        ran.add(`${type}.${field.name}`);
        return valueOf(String(field.type));
      };
    }
  }
  for (const abstract of ["Node", "Thing"]) {
    (unguarded.getType(abstract) as any).resolveType = (value: { kind: string }) => value.kind;
  }
  schema = guardSchema(unguarded);
});

let turn = 0;

/** Returns an object of a type. For an interface or a union, each call returns the next possible type. */
function valueOf(type: string): unknown {
  if (type.startsWith("[")) return [valueOf(type.slice(1, -1)), null];
  const kinds = { Node: ["Doc", "Note"], Thing: ["Doc", "Safe", "Note"] }[type];
  if (kinds !== undefined) return { kind: kinds[(turn += 1) % kinds.length] };
  return type === "String" ? "text" : { kind: type };
}

const may = (caller: Caller, field: string) =>
  CALLERS.indexOf(caller) >= CALLERS.indexOf(NEEDS[field] ?? "anonymous");

test("AZ-2, AZ-3, G-17: only fields that the caller may read run, however a document reaches them", async () => {
  const seen: Record<Caller, Set<string>> = {
    anonymous: new Set(),
    USER: new Set(),
    ADMIN: new Set(),
  };
  const property = fc.asyncProperty(documents(schema), async (source) => {
    expect(validate(schema, parse(source))).toEqual([]);
    for (const caller of CALLERS) {
      ran.clear();
      const { errors = [] } = await graphql({ schema, source, contextValue: contexts[caller] });
      for (const field of ran) seen[caller].add(field);
      const leaked = [...ran].filter((field) => !may(caller, field));
      expect(leaked).toEqual([]);
      const codes = errors.map(({ extensions }) => extensions["code"]);
      const refusals: unknown[] = {
        anonymous: ["UNAUTHENTICATED"],
        USER: ["FORBIDDEN"],
        ADMIN: [],
      }[caller];
      expect(codes.filter((code) => !refusals.includes(code))).toEqual([]);
    }
  });
  await fc.assert(property, { numRuns: 220, seed: 20_261_125, endOnFailure: true });
  // With this number, the documents reach every field, and every field that each caller may read.
  const fields = ["Query", "Mutation", "Doc", "Safe", "Note"].flatMap((type) =>
    Object.keys((schema.getType(type) as any).getFields()).map((name) => `${type}.${name}`),
  );
  expect([...seen.ADMIN].sort()).toEqual(fields.sort());
  const open = (caller: Caller) => fields.filter((field) => may(caller, field));
  expect([...seen.USER].sort()).toEqual(open("USER"));
  // A field that can only be reached through a guarded parent does not run.
  expect([...seen.anonymous].sort()).toEqual(open("anonymous"));
});

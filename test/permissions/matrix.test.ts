import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  buildSchema,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from "graphql";
import { PASSWORD, setUpGate } from "../support/gate.js";

const SCHEMES = ["TOKEN", "JWT", "SLIDING"] as const;
type Scheme = (typeof SCHEMES)[number];

/** The published schema. These tests read it themselves, without the server's code. */
const schema = buildSchema(readFileSync("schema.graphql", "utf8"));
/** The roles in the order of the schema. Each includes the rights of those before it. */
const ROLES = (schema.getType("Role") as GraphQLEnumType).getValues().map(({ name }) => name);
const ROOTS = { query: schema.getQueryType()!, mutation: schema.getMutationType()! };

interface Operation {
  kind: string;
  field: GraphQLField<unknown, unknown>;
  /** The role that the schema requires, or null if the field is public. */
  requires: string | null;
}

const directive = (name: string, { astNode }: GraphQLField<unknown, unknown>) =>
  getDirectiveValues(schema.getDirective(name)!, astNode!);

/** Each root field with the role it requires. A field without a directive requires a signed-in user. */
const OPERATIONS = new Map<string, Operation>(
  Object.entries(ROOTS).flatMap(([kind, root]) =>
    Object.values(root.getFields()).map((field) => {
      const role = (directive("auth", field)?.["requires"] ?? ROLES[0]) as string;
      const requires = directive("public", field) === undefined ? role : null;
      return [`${root.name}.${field.name}`, { kind, field, requires }];
    }),
  ),
);

/** The operations that refuse every static token, because only the person who knows the password may call them. */
const NOT_BY_STATIC_TOKEN = ["Mutation.reauthenticate"];

/** The kinds of callers: named by their role, or by the reason for having none. */
const CALLERS: Record<string, { role?: "USER" | "ADMIN"; refusal?: string }> = {
  "an anonymous caller": { refusal: "no_credentials" },
  "a caller with a bad credential": { refusal: "token_not_valid" },
  "a USER": { role: "USER" },
  "an ADMIN": { role: "ADMIN" },
  "an inactive ADMIN": { refusal: "user_inactive" },
  "an ADMIN who logged out a moment ago": { refusal: "token_revoked" },
  "an ADMIN who was demoted a moment ago": { role: "USER" },
  "a USER who was promoted a moment ago": { role: "ADMIN" },
};

const NONSENSE: Record<Scheme, string> = {
  TOKEN: "Token gth_nonsense",
  JWT: "Bearer aaaa.bbbb.cccc",
  SLIDING: "Bearer nonsense",
};

describe("the permission matrix", () => {
  const gate = setUpGate();
  let bystander: string;
  let count = 0;

  beforeAll(async () => {
    await gate.user("root", { role: "ADMIN" });
    bystander = await gate.user("eve", { email: "eve@example.com" });
  });

  /** Opens a session and returns its `Authorization` header. */
  async function signIn(id: string, scheme: Scheme): Promise<string> {
    const { SlidingToken, RefreshToken, StaticToken } = gate.auth.tokens;
    if (scheme === "TOKEN") return `Token ${(await StaticToken.create({ id })).key}`;
    const token =
      scheme === "SLIDING"
        ? await SlidingToken.forUser({ id })
        : (await RefreshToken.forUser({ id })).accessToken;
    return `Bearer ${token.toString()}`;
  }

  /** Callers that can be reused. A caller whose state changed "a moment ago" is made again each time. */
  const known = new Map<string, { id: string; authorization?: string }>();

  /** Returns a caller of this kind. */
  async function call(caller: string, scheme: Scheme) {
    const key = `${caller} ${scheme}`;
    const before = known.get(key);
    const isIn = CALLERS[caller]?.role !== undefined;
    if (before && (!isIn || (await gate.me(before.authorization)).status === 200)) return before;
    const made = await make(caller, scheme);
    const result = { ...made, id: isIn ? made.id : bystander };
    if (!caller.includes("a moment ago")) known.set(key, result);
    return result;
  }

  async function make(caller: string, scheme: Scheme) {
    if (caller === "an anonymous caller") return { id: bystander };
    if (caller === "a caller with a bad credential")
      return { id: bystander, authorization: NONSENSE[scheme] };
    const role = caller.startsWith("an ADMIN") || caller.includes("inactive") ? "ADMIN" : "USER";
    const id = await gate.user(`user${(count += 1)}`, { role });
    const authorization = await signIn(id, scheme);
    expect((await gate.me(authorization)).status).toBe(200);
    if (caller.includes("demoted")) await gate.auth.accounts.setRole(id, "USER");
    if (caller.includes("promoted")) await gate.auth.accounts.setRole(id, "ADMIN");
    if (caller.includes("inactive")) await gate.auth.accounts.setActive(id, false);
    if (caller.includes("logged out")) await gate.logout({ authorization });
    return { id, authorization };
  }

  /** Returns a valid value for an argument, with the caller's own tokens, so that only a guard can refuse the call. */
  async function knownValue(name: string, id: string): Promise<unknown> {
    const { RefreshToken, StaticToken } = gate.auth.tokens;
    if (name === "username") return "eve";
    if (name === "email") return "eve@example.com";
    if (name === "password") return PASSWORD;
    if (name === "refresh") return (await RefreshToken.forUser({ id })).toString();
    if (name === "token") return (await StaticToken.create({ id })).key;
    if (name === "id") return (await RefreshToken.forUser({ id })).get("sid");
    return undefined;
  }

  function valueOf(type: GraphQLInputType): unknown {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return [valueOf(nullable.ofType)];
    if (isEnumType(nullable)) return nullable.getValues()[0]!.name;
    if (isInputObjectType(nullable)) {
      const required = Object.values(nullable.getFields()).filter(isRequiredInputField);
      return Object.fromEntries(required.map((field) => [field.name, valueOf(field.type)]));
    }
    const scalars: Record<string, unknown> = { Int: 1, Float: 1, Boolean: true };
    return scalars[nullable.toString()] ?? "x";
  }

  /** Selects everything that can be read below a field. */
  function selectionOf(type: GraphQLNamedOutputType): string {
    if (!isObjectType(type)) return "";
    const fields = Object.values(type.getFields());
    return `{ ${fields.map((field) => field.name + selectionOf(getNamedType(field.type))).join(" ")} }`;
  }

  async function ask({ kind, field }: Operation, id: string, authorization?: string) {
    const variables: Record<string, unknown> = {};
    const given: GraphQLArgument[] = [];
    for (const arg of field.args) {
      const known = await knownValue(arg.name, id);
      if (known === undefined && !isRequiredArgument(arg)) continue;
      variables[arg.name] = known ?? valueOf(arg.type);
      given.push(arg);
    }
    const list = (write: (arg: GraphQLArgument) => string) =>
      given.length === 0 ? "" : `(${given.map(write).join(", ")})`;
    const declared = list(({ name, type }) => `$${name}: ${type.toString()}`);
    const passed = list(({ name }) => `${name}: $${name}`);
    const query = `${kind} ${declared} { ${field.name}${passed} ${selectionOf(getNamedType(field.type))} }`;
    return gate.ask(query, {
      variables,
      ...(authorization === undefined ? {} : { authorization }),
    });
  }

  const countEnded = async () =>
    Number((await gate.sql(`SELECT count(*) AS n FROM session WHERE ended_at IS NOT NULL`))[0].n);

  describe.each([...OPERATIONS.keys()])("%s", (name) => {
    const operation = OPERATIONS.get(name)!;
    const { requires, field } = operation;

    test.each(Object.keys(CALLERS))(
      "AZ-1, AZ-5, AZ-10, G-01 to G-07, G-16: %s may be called exactly as its directive says, by every scheme",
      async (caller) => {
        const { role, refusal } = CALLERS[caller]!;
        const isAllowed =
          requires === null ||
          (role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(requires));
        const schemes = SCHEMES.filter(
          (scheme) => scheme !== "TOKEN" || !isAllowed || !NOT_BY_STATIC_TOKEN.includes(name),
        );
        const callers = await Promise.all(schemes.map((scheme) => call(caller, scheme)));
        const ended = await countEnded();
        const answers = await Promise.all(
          callers.map(({ id, authorization }) => ask(operation, id, authorization)),
        );
        for (const { status, code, reason, data, errors } of answers) {
          if (isAllowed) {
            expect([status, errors]).toEqual([200, undefined]);
            expect(data[field.name]).not.toBeNull();
          } else {
            const refused =
              refusal === undefined
                ? { status: 403, code: "FORBIDDEN", reason: "role_required" }
                : { status: 401, code: "UNAUTHENTICATED", reason: refusal };
            expect({ status, code, reason }).toEqual(refused);
            expect([data, errors?.length]).toEqual([null, 1]);
          }
        }
        if (!isAllowed) expect(await countEnded()).toBe(ended);
      },
    );
  });

  test("AZ-1, G-16: the running server has exactly these root fields", async () => {
    const { data } = await gate.ask(`{ __schema {
      queryType { name fields { name } } mutationType { name fields { name } } subscriptionType { name }
    } }`);
    const { queryType, mutationType, subscriptionType } = data.__schema;
    const served = [queryType, mutationType].flatMap(({ name, fields }) =>
      fields.map((field: { name: string }) => `${name}.${field.name}`),
    );
    expect(served.sort()).toEqual([...OPERATIONS.keys()].sort());
    expect(subscriptionType).toBeNull();
  });

  test("docs/permissions.md agrees with the contract on every field", () => {
    const rows = [
      ...readFileSync("docs/permissions.md", "utf8").matchAll(/^\| `(\w+\.\w+)` \| (.+) \|$/gm),
    ];
    const words = (requires: string | null) =>
      requires === null ? "anyone" : requires === ROLES[0] ? "signed-in user" : `\`${requires}\``;
    const roots = [...OPERATIONS].map(([name, { requires }]) => [name, words(requires)]);
    const others = Object.values(schema.getTypeMap())
      .filter(
        (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith("__"),
      )
      .filter((type) => !Object.values(ROOTS).includes(type))
      .flatMap((type) =>
        Object.values(type.getFields()).map((field) => {
          const own = directive("auth", field)?.["requires"] as string | undefined;
          return [
            `${type.name}.${field.name}`,
            own === undefined ? "anyone who may read the parent" : words(own),
          ];
        }),
      );
    expect(Object.fromEntries(rows.map(([, field, who]) => [field, who]))).toEqual(
      Object.fromEntries([...roots, ...others]),
    );
  });
});

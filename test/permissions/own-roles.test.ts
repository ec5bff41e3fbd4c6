import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { graphql, type GraphQLEnumType, type GraphQLSchema } from "graphql";
import { Directive, Query, Resolver } from "type-graphql";
import {
  createAuth,
  defineFeature,
  type Feature,
  requireRole,
  type Role,
} from "../../src/index.js";
import { createDatabase } from "../support/databases.js";
import { fresh } from "../support/fresh.js";
import { describeGates, Gate, setUpGate } from "../support/gate.js";

const ROLES = ["READER", "EDITOR", "OWNER"];
const role = (name: string) => name as Role;
const LIST = "{ allSessions { edges { node { id } } } }";
const namesIn = (schema: GraphQLSchema) =>
  (schema.getType("Role") as GraphQLEnumType).getValues().map(({ name }) => name);

describeGates({ roles: ROLES }, (gate) => {
  const authorizations: Record<string, string> = {};
  let owner: string;

  beforeAll(async () => {
    owner = await gate.user("owner", { role: role("OWNER") });
    const editor = await gate.user("editor", { role: role("EDITOR") });
    const reader = await gate.user("reader");
    for (const [name, id] of Object.entries({ owner, editor, reader })) {
      authorizations[name] = (await fresh(gate, id)).authorization;
    }
  });

  const statusOf = async (query: string, name: string) =>
    (await gate.ask(query, { authorization: authorizations[name]! })).status;

  test("the enum Role, the default of @auth and the guards of administration follow the setting", () => {
    const { schema, typeDefs } = gate.auth;
    expect(namesIn(schema)).toEqual(ROLES);
    expect(typeDefs).toContain(
      "directive @auth(requires: Role! = READER, freshWithin: String, with: AuthStrength) on",
    );
    expect(typeDefs).toMatch(/enum Role \{\s+READER\s+EDITOR\s+OWNER\s+\}/);
    expect(typeDefs).toMatch(/allSessions\(.*\n?.*@auth\(requires: OWNER\)/s);
    expect(typeDefs).not.toMatch(/\bUSER\b|\bADMIN\b|__ADMIN/);
  });

  test("a new user has the first role, and so has a user without a Profile", async () => {
    const id = await gate.user("plain");
    const { authorization } = await gate.issue(id);
    const read = async () =>
      (await gate.ask("{ me { profile { role } } }", { authorization })).data.me.profile.role;
    expect(await read()).toBe("READER");
    await gate.sql(`DELETE FROM profile WHERE user_id = ?`, [id]);
    expect(await read()).toBe("READER");
    expect((await gate.auth.accounts.getUser(id)).role).toBe("READER");
  });

  test("only users with the last role can administer", async () => {
    const seen = await Promise.all(
      ["owner", "editor", "reader"].map((name) => statusOf(LIST, name)),
    );
    expect(seen).toEqual([200, 403, 403]);
    const { message } = (await gate.ask(LIST, { authorization: authorizations["editor"]! }))
      .errors![0]!;
    expect(message).toContain("OWNER");
    const { session } = await gate.issue(await gate.user("visited"));
    const end = `mutation { revokeSession(id: "${session.id}") { sessionsEnded } }`;
    expect([await statusOf(end, "editor"), await statusOf(end, "owner")]).toEqual([400, 200]);
  });

  test("an unknown role cannot be given, and the message lists the roles", async () => {
    for (const unknown of ["ADMIN", "USER", "owner", ""]) {
      await expect(gate.auth.accounts.setRole(owner, role(unknown))).rejects.toThrow(
        "role must be READER, EDITOR or OWNER.",
      );
    }
  });

  test("G-22: the last active user of the last role is kept", async () => {
    const { accounts } = gate.auth;
    const line = "This user is the last active OWNER. Give another user the role OWNER first.";
    await expect(accounts.setRole(owner, role("EDITOR"))).rejects.toThrow(line);
    await expect(accounts.setActive(owner, false)).rejects.toThrow(line);
    await expect(accounts.deleteUser(owner)).rejects.toThrow(line);
    const second = await gate.user("second", { role: role("OWNER") });
    await accounts.setRole(owner, role("EDITOR"));
    await accounts.setRole(owner, role("OWNER"));
    await accounts.deleteUser(second);
  });

  test("a schema of the application is guarded by the application's roles", async () => {
    const schema = gate.auth.guard(
      makeExecutableSchema({
        typeDefs: [
          gate.auth.typeDefs,
          `extend type Query {
            any: Int
            drafts: Int @auth(requires: EDITOR)
            books: Int @auth(requires: OWNER)
          }`,
        ],
        resolvers: [
          gate.auth.resolvers,
          { Query: { any: () => 1, drafts: () => 2, books: () => 3 } },
        ],
      }),
    );
    const read = async (name?: string) => {
      const headers = name === undefined ? {} : { authorization: authorizations[name]! };
      const contextValue = await gate.auth.createContext({ headers });
      const { data } = await graphql({
        schema,
        source: "{ any drafts books }",
        contextValue,
      });
      return { ...data };
    };
    expect(await read("owner")).toEqual({ any: 1, drafts: 2, books: 3 });
    expect(await read("editor")).toEqual({ any: 1, drafts: 2, books: null });
    expect(await read("reader")).toEqual({ any: 1, drafts: null, books: null });
    expect(await read()).toEqual({ any: null, drafts: null, books: null });
  });

  test("requireRole compares the application's roles, and the error for an unknown role names the known ones", async () => {
    const context = async (name: string) =>
      gate.auth.createContext({ headers: { authorization: authorizations[name]! } });
    await expect(requireRole(await context("editor"), role("EDITOR"))).resolves.toBeUndefined();
    const reader = await context("reader");
    const call = async (required: string) => requireRole(reader, role(required));
    await expect(call("EDITOR")).rejects.toMatchObject({ reason: "role_required" });
    for (const unknown of ["USER", "ADMIN", "editor"]) {
      await expect(call(unknown)).rejects.toThrow(
        `There is no role "${unknown}"; use READER, EDITOR or OWNER.`,
      );
    }
    const user = await reader.loadUser();
    expect([user.isAdmin, user.hasRole(role("READER")), user.hasRole(role("EDITOR"))]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("removing a role that users still have stops the start, and the error says how many have it", async () => {
    await gate.user("second-editor", { role: role("EDITOR") });
    const start = (roles: string[]) => gate.another({ roles });
    await expect(start(["READER", "OWNER"])).rejects.toThrow(
      /^roles: must include "EDITOR", because 2 users have that role; keep it until no user has it$/,
    );
    const problem = await start(["USER", "ADMIN"]).then(
      () => "",
      (error: unknown) => (error as Error).message,
    );
    expect(problem.split("\n").map((line) => line.replace(/because \d+/, "because n"))).toEqual([
      expect.stringMatching(/^roles: must include "EDITOR", because n users have/),
      expect.stringMatching(/^roles: must include "OWNER", because n user has/),
      expect.stringMatching(/^roles: must include "READER", because n users have/),
    ]);
    const longer = await start(["READER", "WRITER", "EDITOR", "OWNER"]);
    expect(namesIn(longer.auth.schema)).toHaveLength(4);
    expect((await longer.ask(LIST, { authorization: authorizations["editor"]! })).status).toBe(403);
  });
});

describe("several installations in one process", () => {
  const first = setUpGate({ roles: ["GUEST", "USER", "ADMIN", "ROOT"] });
  const second = setUpGate();
  const third = setUpGate({ roles: ["PUBLIC", "ADMIN"] });

  test("each have their own roles", () => {
    expect([first, second, third].map(({ auth }) => namesIn(auth.schema))).toEqual([
      ["GUEST", "USER", "ADMIN", "ROOT"],
      ["USER", "ADMIN"],
      ["PUBLIC", "ADMIN"],
    ]);
  });

  test("close administrators' fields to the role ADMIN if it is not the last role", async () => {
    const admin = await first.issue(await first.user("ada", { role: "ADMIN" }));
    const root = await first.issue(await first.user("root", { role: role("ROOT") }));
    expect((await first.ask(LIST, admin)).status).toBe(403);
    expect((await first.ask(LIST, root)).status).toBe(200);
    const other = await second.issue(await second.user("ada", { role: "ADMIN" }));
    expect((await second.ask(LIST, other)).status).toBe(200);
  });

  test("keep a field closed if its required role is called PUBLIC", async () => {
    expect((await third.me()).reason).toBe("no_credentials");
    const schema = third.auth.guard(
      makeExecutableSchema({
        typeDefs: [
          third.auth.typeDefs,
          `extend type Query { secret: Int @auth(requires: PUBLIC) }`,
        ],
        resolvers: [third.auth.resolvers, { Query: { secret: () => 1 } }],
      }),
    );
    const contextValue = await third.auth.createContext();
    const { errors } = await graphql({ schema, source: "{ secret }", contextValue });
    expect(errors?.[0]?.extensions["reason"]).toBe("no_credentials");
  });

  test("refuse a context of an installation with other roles", async () => {
    const { authorization } = await second.issue(await second.user("bob", { role: "ADMIN" }));
    const contextValue = await second.auth.createContext({ headers: { authorization } });
    const { data, errors } = await graphql({
      schema: first.auth.schema,
      source: LIST,
      contextValue,
    });
    expect([data, errors?.[0]?.message]).toEqual([
      null,
      'There is no role "ROOT"; use USER or ADMIN.',
    ]);
  });
});

test("the lowest role costs no query if bearerCheck is stateless, whatever it is called", async () => {
  const gate = await Gate.open({ roles: ROLES, bearerCheck: "stateless" });
  try {
    const { authorization } = await gate.issue(await gate.user("ada", { role: role("EDITOR") }));
    const context = await gate.auth.createContext({ headers: { authorization } });
    const cost = (name: string) =>
      gate.countStatements(async () => requireRole(context, role(name)));
    expect([await cost("READER"), await cost("EDITOR")]).toEqual([0, 1]);
    await expect(requireRole(context, role("OWNER"))).rejects.toMatchObject({
      reason: "role_required",
    });
    await expect(async () => requireRole(context, role("ADMIN"))).rejects.toThrow(
      "use READER, EDITOR or OWNER",
    );
  } finally {
    await gate.close();
  }
});

describe("a guard that requires an unknown role names the known ones:", () => {
  const gate = setUpGate({ roles: ROLES });
  const KNOWN = 'There is no role "BOSS"; use READER, EDITOR or OWNER.';

  async function start(feature: Feature): Promise<void> {
    const database = await createDatabase("sqlite");
    const secretKey = randomBytes(32).toString("base64url");
    try {
      const options = { databaseUrl: database.url, secretKey, roles: ROLES, features: [feature] };
      await (await createAuth(options)).close();
    } finally {
      await database.drop();
    }
  }

  test("in the SDL of an application, even if it looks like a directive", () => {
    const schema = makeExecutableSchema({
      typeDefs: [gate.auth.typeDefs, `extend type Query { a: Int @auth(requires: "@public") }`],
      resolvers: gate.auth.resolvers,
    });
    expect(() => gate.auth.guard(schema)).toThrow('There is no role "@public"; use READER');
  });

  test.each(["BOSS", '"BOSS"'])("in the SDL of an application: %s", (name) => {
    const schema = makeExecutableSchema({
      typeDefs: [gate.auth.typeDefs, `extend type Query { a: Int @auth(requires: ${name}) }`],
      resolvers: gate.auth.resolvers,
    });
    expect(() => gate.auth.guard(schema)).toThrow(
      `Query.a: has an @auth with an unknown role. ${KNOWN}`,
    );
  });

  test("in the SDL of a feature", async () => {
    const extension = {
      typeDefs: `extend type Query { a: Int @auth(requires: BOSS) }`,
      resolvers: { Query: { a: () => 1 } },
    };
    const feature = defineFeature({ name: "boss", create: () => ({ extension }) });
    await expect(start(feature)).rejects.toThrow(KNOWN);
  });

  test("in a resolver class of a feature", async () => {
    @Resolver()
    class BossResolver {
      @Query(() => String)
      @Directive("@auth(requires: BOSS)")
      boss(): string {
        return "boss";
      }
    }
    const resolvers = [new BossResolver()];
    const feature = defineFeature({ name: "boss", create: () => ({ resolvers }) });
    await expect(start(feature)).rejects.toThrow(KNOWN);
  });
});

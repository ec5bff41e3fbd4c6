import { makeExecutableSchema } from "@graphql-tools/schema";
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type ExecutionResult, graphql, type GraphQLSchema } from "graphql";
import { type AuthContext, TokenUser } from "../../src/index.js";
import { decode } from "../support/forge.js";
import { describeGates } from "../support/gate.js";

const SDL = /* GraphQL */ `
  enum Role {
    USER
    ADMIN
  }
  directive @auth(requires: Role! = USER) on FIELD_DEFINITION | OBJECT
  directive @public on FIELD_DEFINITION
  type Query {
    whoami: String! @auth
    audit: String! @auth(requires: ADMIN)
    open: String! @public
  }
`;

describeGates({ bearerCheck: "stateless" }, (gate) => {
  let schema: GraphQLSchema;
  /** The names of the resolvers of the application's schema that ran. */
  let ran: string[];
  let names = 0;

  beforeAll(async () => {
    await gate.user("root", { role: "ADMIN" });
    const run = (name: string) => (_source: unknown, _args: unknown, context: AuthContext) => {
      ran.push(name);
      return context.user?.id ?? "nobody";
    };
    const resolvers = { whoami: run("whoami"), audit: run("audit"), open: run("open") };
    schema = gate.auth.guard(
      makeExecutableSchema({ typeDefs: SDL, resolvers: { Query: resolvers } }),
    );
  });

  beforeEach(() => {
    ran = [];
  });

  const signIn = async (role: "USER" | "ADMIN", scheme: "JWT" | "TOKEN" | "SLIDING" = "JWT") => {
    const username = `user${(names += 1)}`;
    const id = await gate.user(username, { role });
    return { id, ...(await gate.login(username, scheme)) };
  };

  /** Runs a query on the application's schema, and counts its statements. */
  async function ask(source: string, authorization: string) {
    let result: ExecutionResult | undefined;
    const statements = await gate.countStatements(async () => {
      const contextValue = await gate.auth.createContext({ headers: { authorization } });
      result = await graphql({ schema, source, contextValue });
    });
    const { data, errors } = result!;
    const { code, reason } = (errors?.[0]?.extensions ?? {}) as Record<string, unknown>;
    return { data, code, reason, statements };
  }

  describe("in stateless mode", () => {
    test("X-01, X-04, X-05: an access token on a field without a role costs no statement, and the user has only the token's claims", async () => {
      const { id, authorization, access } = await signIn("ADMIN");
      expect(await ask("{ whoami }", authorization)).toEqual({
        data: { whoami: id },
        code: undefined,
        reason: undefined,
        statements: 0,
      });
      const { user } = await gate.auth.createContext({ headers: { authorization } });
      expect(user).toBeInstanceOf(TokenUser);
      const { sid, iat, exp } = decode(access).claims;
      const session = {
        id: sid,
        scheme: "JWT",
        createdAt: iat * 1000,
        expiresAt: exp * 1000,
        impersonatorId: null,
      };
      expect(user).toEqual({ id, session });
    });

    test("X-01: a hundred requests with one token cost no statement", async () => {
      const { authorization } = await signIn("USER");
      const statements = await gate.countStatements(async () => {
        for (let turn = 0; turn < 100; turn += 1) {
          await graphql({
            schema,
            source: "{ whoami open }",
            contextValue: await gate.auth.createContext({ headers: { authorization } }),
          });
        }
      });
      expect([statements, ran.length]).toEqual([0, 200]);
    });

    test("X-10: a field with a role reads the database, once per request", async () => {
      const admin = await signIn("ADMIN");
      const passed = await ask("{ a: audit b: audit c: audit }", admin.authorization);
      expect(passed).toMatchObject({ data: { c: admin.id }, statements: 1 });
      const user = await signIn("USER");
      const refused = { code: "FORBIDDEN", reason: "role_required", statements: 1 };
      ran = [];
      expect(await ask("{ audit }", user.authorization)).toMatchObject(refused);
      expect(ran).toEqual([]);
    });

    test("X-10, W16: a changed role applies from the next request on, even to older tokens", async () => {
      const { id, authorization } = await signIn("USER");
      await gate.auth.accounts.setRole(id, "ADMIN");
      expect((await ask("{ audit }", authorization)).data).toEqual({ audit: id });
      await gate.auth.accounts.setRole(id, "USER");
      expect((await ask("{ audit }", authorization)).code).toBe("FORBIDDEN");
    });

    test("X-10: an admin who is logged out or deactivated is refused at once by a field with a role, and by other fields after exp", async () => {
      const { accounts } = gate.auth;
      const [gone, idle] = [await signIn("ADMIN"), await signIn("ADMIN")];
      await gate.logout({ authorization: gone.authorization });
      await accounts.setActive(idle.id, false);
      for (const [{ authorization, id }, reason] of [
        [gone, "token_revoked"],
        [idle, "user_inactive"],
      ] as const) {
        ran = [];
        const refused = { code: "UNAUTHENTICATED", reason, statements: 1 };
        expect(await ask("{ audit }", authorization)).toMatchObject(refused);
        expect(ran).toEqual([]);
        expect((await ask("{ whoami }", authorization)).data).toEqual({ whoami: id });
        expect(await gate.me(authorization)).toMatchObject({ status: 401, reason });
      }
      gate.advance(305);
      expect(await ask("{ whoami }", gone.authorization)).toMatchObject({
        reason: "token_expired",
        statements: 0,
      });
    });

    test("X-01: `me` and verifyToken read the database", async () => {
      const { authorization, access } = await signIn("USER");
      const { data } = await gate.me(authorization);
      expect(data.me.username).toBe(`user${names}`);
      expect((await gate.verify(access)).data.verifyToken.active).toBe(true);
      await gate.logout({ authorization });
      expect((await gate.verify(access)).data.verifyToken.active).toBe(false);
    });

    test.each(["TOKEN", "SLIDING"] as const)(
      "X-01: a credential of the scheme %s is still looked up in the database, and is refused at once after a logout",
      async (scheme) => {
        const { authorization, id } = await signIn("USER", scheme);
        const answer = await ask("{ whoami }", authorization);
        expect(answer).toMatchObject({ data: { whoami: id }, statements: 1 });
        await gate.logout({ authorization });
        expect((await ask("{ whoami }", authorization)).reason).toBe("token_revoked");
      },
    );

    test("X-01: no resolver runs for a forged token, a token of another type, or without a token", async () => {
      const { access, refresh } = await signIn("USER");
      const forged = access.slice(0, -9) + (access.at(-9) === "A" ? "B" : "A") + access.slice(-8);
      for (const [authorization, reason] of [
        [`Bearer ${forged}`, "token_not_valid"],
        [`Bearer ${refresh}`, "token_wrong_type"],
        ["Bearer nonsense", "token_not_valid"],
        ["Basic eDp5", "no_credentials"],
      ] as const) {
        expect(await ask("{ whoami }", authorization)).toMatchObject({ reason, statements: 0 });
      }
      expect(ran).toEqual([]);
    });

    test("O-10: one user's request leaves nothing behind for the next", async () => {
      const { authorization } = await signIn("USER");
      await ask("{ whoami }", authorization);
      const contextValue = await gate.auth.createContext({ headers: {} });
      const { errors } = await graphql({ schema, source: "{ whoami }", contextValue });
      expect(errors?.[0]?.extensions).toMatchObject({ reason: "no_credentials" });
    });
  });
});

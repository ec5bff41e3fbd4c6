import { beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { type ExecutionResult, graphql, type GraphQLSchema, parse, subscribe } from "graphql";
import { type AuthContext, requireFresh } from "../../src/index.js";
import { type DatabaseKind, DATABASES } from "../support/databases.js";
import { setUpGate } from "../support/gate.js";

const MINUTE = 60;
const STALE = {
  code: "FORBIDDEN",
  reason: "reauthentication_required",
  freshWithin: "15m",
  max_age: 900,
};

const SDL = /* GraphQL */ `
  extend type Query {
    plain: String
    salary: String @auth(freshWithin: "15m")
    all: String @auth(requires: ADMIN, freshWithin: "15m")
    vault: Vault @public
    vaults: [Vault!]! @public
    shape: Shape @public
    asked: String @public
  }
  extend type Mutation {
    pay: String @auth(freshWithin: "15m")
  }
  type Vault @auth(freshWithin: "15m") {
    gold: String
  }
  interface Shape {
    secret: String @auth(freshWithin: "15m")
  }
  type Circle implements Shape {
    secret: String @auth(freshWithin: "15m")
  }
  type Tick {
    value: String
    secret: String @auth(freshWithin: "15m")
  }
  type Subscription {
    ticks: Tick @auth(freshWithin: "1h")
  }
`;

type Mode = [bearerCheck: "database" | "stateless", database: DatabaseKind];
const MODES: Mode[] = [
  ...DATABASES.map((database): Mode => ["database", database]),
  ["stateless", "sqlite"],
];

describe.each(MODES)("with bearerCheck %s, over %s", (bearerCheck, database) => {
  const gate = setUpGate({ bearerCheck, accessTokenLifetime: 3600 }, database);
  let schema: GraphQLSchema;
  /** The name of each guarded resolver that ran. */
  let ran: string[];
  let emit: () => void;
  let count = 0;
  let name: string;
  let id: string;

  beforeAll(() => {
    const run = (field: string) => () => {
      ran.push(field);
      return field;
    };
    const vault = { gold: run("gold") };
    schema = gate.auth.guard(
      makeExecutableSchema({
        typeDefs: [gate.auth.typeDefs, SDL],
        resolvers: [
          gate.auth.resolvers,
          {
            Query: {
              plain: () => "plain",
              salary: run("salary"),
              all: run("all"),
              vault: () => vault,
              vaults: () => [vault, vault],
              shape: () => ({ __typename: "Circle", secret: run("secret") }),
              asked: async (_source: unknown, _args: unknown, context: AuthContext) => {
                await requireFresh(context, "15m");
                return run("asked")();
              },
            },
            Mutation: { pay: run("pay") },
            Subscription: { ticks: { subscribe: ticks, resolve: () => ({ value: "tick" }) } },
            Tick: { secret: run("tick secret") },
          },
        ],
      }),
    );
  });

  beforeEach(async () => {
    ran = [];
    name = `user${(count += 1)}`;
    id = await gate.user(name, { role: "ADMIN" });
  });

  async function* ticks() {
    for (;;) {
      await new Promise<void>((resolve) => (emit = resolve));
      yield {};
    }
  }

  const contextOf = (authorization?: string) =>
    gate.auth.createContext({ headers: authorization === undefined ? {} : { authorization } });

  const ask = async (source: string, contextValue: unknown): Promise<ExecutionResult<any>> =>
    graphql({ schema, source, contextValue });

  const refusals = ({ errors = [] }: ExecutionResult) => errors.map(({ extensions }) => extensions);

  test.each(["JWT", "SLIDING", "TOKEN"] as const)(
    "G-17: freshWithin accepts the session of a login by %s for exactly the given time",
    async (scheme) => {
      const { authorization } = await gate.login(name, scheme);
      gate.advance(15 * MINUTE);
      const fresh = await ask("{ salary }", await contextOf(authorization));
      expect([fresh.data?.salary, fresh.errors]).toEqual(["salary", undefined]);
      ran = [];
      gate.advance(0.001);
      const stale = await ask("{ salary plain }", await contextOf(authorization));
      expect(stale.data).toEqual({ salary: null, plain: "plain" });
      expect(refusals(stale)).toEqual([STALE]);
      expect(stale.errors?.[0]?.message).toBe(
        "This needs a proof of who you are, given in this session within the last 15m. Prove it again, such as by your password.",
      );
      expect(ran).toEqual([]);
    },
  );

  test("G-17: the time of the check counts, not the start of the request", async () => {
    const context = await contextOf((await gate.login(name)).authorization);
    await context.loadUser();
    gate.advance(15 * MINUTE + 1);
    expect(refusals(await ask("{ salary }", context))).toEqual([STALE]);
  });

  test.each(["JWT", "SLIDING", "TOKEN"] as const)(
    "G-17: the session of a token by %s that was issued without a password is never fresh",
    async (scheme) => {
      const context = await contextOf((await gate.issue(id, scheme)).authorization);
      const { data, ...result } = await ask("{ salary plain }", context);
      expect([data, refusals(result)]).toEqual([{ salary: null, plain: "plain" }, [STALE]]);
    },
  );

  test.each([
    ["a mutation", `mutation { pay }`, 1],
    ["a role", `{ all }`, 1],
    ["an alias and a fragment", `{ ...F } fragment F on Query { a: salary }`, 1],
    ["a type", `{ vault { gold } }`, 1],
    ["a list of a type", `{ vaults { gold } }`, 2],
    ["an interface", `{ shape { secret } }`, 1],
    ["a type behind an interface", `{ shape { ... on Circle { secret } } }`, 1],
    ["a resolver that calls requireFresh", `{ asked }`, 1],
  ])("G-17: freshWithin guards %s", async (_name, source, times) => {
    const { authorization } = await gate.login(name);
    expect((await ask(source, await contextOf(authorization))).errors).toBeUndefined();
    expect(ran).toHaveLength(times);
    ran = [];
    gate.advance(16 * MINUTE);
    const stale = await ask(source, await contextOf(authorization));
    expect(refusals(stale)).toEqual(Array(times).fill(STALE));
    expect(ran).toEqual([]);
  });

  test("G-05: a role that is too low is refused as such, whether or not the session is fresh", async () => {
    await gate.auth.accounts.setRole(await gate.user(`admin${count}`), "ADMIN");
    await gate.auth.accounts.setRole(id, "USER");
    const { authorization } = await gate.login(name);
    for (const seconds of [0, 16 * MINUTE]) {
      gate.advance(seconds);
      const refused = await ask("{ all }", await contextOf(authorization));
      expect(refusals(refused)).toEqual([{ code: "FORBIDDEN", reason: "role_required" }]);
    }
  });

  test("G-02: an anonymous caller, a bad credential and an ended session get their own reason", async () => {
    const { authorization } = await gate.login(name);
    await gate.logout({ authorization });
    for (const [header, reason] of [
      [undefined, "no_credentials"],
      ["Token nonsense", "token_not_valid"],
      [authorization, "token_revoked"],
    ] as const) {
      for (const field of ["salary", "asked"]) {
        const refused = await ask(`{ ${field} }`, await contextOf(header));
        expect(refusals(refused)).toEqual([{ code: "UNAUTHENTICATED", reason }]);
      }
    }
    expect(ran).toEqual([]);
  });

  test("X-01, X-10: freshWithin adds no query, except that a stateless request reads the session once", async () => {
    const { authorization } = await gate.login(name);
    const count = (source: string) =>
      gate.countStatements(async () => {
        expect((await ask(source, await contextOf(authorization))).errors).toBeUndefined();
      });
    expect(await count("{ plain }")).toBe(bearerCheck === "stateless" ? 0 : 1);
    expect(await count("{ salary again: salary all vault { gold } asked }")).toBe(1);
  });

  describe("a subscription", () => {
    async function open(authorization: string) {
      const document = parse("subscription { ticks { value secret } }");
      return subscribe({ schema, document, contextValue: await contextOf(authorization) });
    }

    test("G-17: is refused before it starts if the session is not fresh", async () => {
      const { authorization } = await gate.issue(id);
      const refused = await open(authorization);
      expect(refusals(refused as ExecutionResult)).toEqual([
        { ...STALE, freshWithin: "1h", max_age: 3600 },
      ]);
    });

    test("G-17: checks each event: a field below it refuses after 15m, and the subscription ends after 1h", async () => {
      const { authorization } = await gate.login(name, "SLIDING");
      const events = (await open(authorization)) as AsyncGenerator<ExecutionResult<any>>;
      const next = async () => {
        const pending = events.next();
        await new Promise((resolve) => setImmediate(resolve));
        emit();
        return (await pending).value as ExecutionResult<any> | undefined;
      };
      expect((await next())?.data.ticks).toEqual({ value: "tick", secret: "tick secret" });
      gate.advance(15 * MINUTE + 1);
      const partly = await next();
      expect(partly?.data.ticks).toEqual({ value: "tick", secret: null });
      expect(refusals(partly!)).toEqual([STALE]);
      gate.advance(45 * MINUTE);
      const last = await next();
      expect(last?.data).toEqual({ ticks: null });
      expect(refusals(last!)).toEqual([{ ...STALE, freshWithin: "1h", max_age: 3600 }]);
      expect((await events.next()).done).toBe(true);
    });
  });

  describe("requireFresh", () => {
    test("resolves while the session is fresh, and rejects afterwards", async () => {
      const context = await contextOf((await gate.login(name)).authorization);
      const check = async (freshWithin: string) => requireFresh(context, freshWithin);
      gate.advance(2 * MINUTE);
      await expect(check("2m")).resolves.toBeUndefined();
      await expect(check("1m")).rejects.toMatchObject({
        code: "FORBIDDEN",
        reason: "reauthentication_required",
        extensions: { freshWithin: "1m" },
      });
    });

    test("does not check the role", async () => {
      const user = await contextOf((await gate.login(name)).authorization);
      await gate.user(`admin${count}`, { role: "ADMIN" });
      await gate.auth.accounts.setRole(id, "USER");
      await expect(requireFresh(user, "15m")).resolves.toBeUndefined();
    });

    test.each(["", "15", "30s", "soon", "1000y"])("refuses the duration %j", async (duration) => {
      const context = await contextOf((await gate.login(name)).authorization);
      expect(() => void requireFresh(context, duration)).toThrow(
        /^freshWithin must be from 1m to 100y, but is .+$/,
      );
    });

    test("a forgotten await ends no process, and the warning names requireFresh", async () => {
      const context = await contextOf((await gate.issue(id)).authorization);
      const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
      try {
        const call = expect(() => void requireFresh(context, "15m"));
        (bearerCheck === "stateless" ? call.not : call).toThrow();
        await context.loadUser();
        await new Promise((resolve) => setImmediate(resolve));
        expect(warning.mock.calls.map(([text]) => text)).toEqual(
          bearerCheck === "stateless"
            ? ["requireFresh was not awaited, so its refusal stopped nothing."]
            : [],
        );
      } finally {
        warning.mockRestore();
      }
    });
  });
});

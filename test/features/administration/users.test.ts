import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, type Tokens } from "../../support/gate.js";

const LIST = `query ($where: UserFilter, $orderBy: UserOrder, $first: Int, $after: String) {
  users(where: $where, orderBy: $orderBy, first: $first, after: $after) {
    edges { cursor node { id username email profile { role } isActive createdAt lastLoginAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const BAD = { status: 400, code: "BAD_USER_INPUT", data: null };
const MISSING = "0".repeat(32);
const FIELDS = ["CREATED_AT", "USERNAME", "LAST_LOGIN_AT"] as const;

describeGates((gate) => {
  let root: Tokens;
  let start: number;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    start = gate.now;
    const users = [
      ["root", "root@example.com", "ADMIN"],
      ["Ada", "ada@example.com", "ADMIN"],
      ["bob", "bob_1@example.org", "USER"],
      ["Čeněk", null, "USER"],
      ["straße", "eve%@example.com", "USER"],
    ] as const;
    for (const [username, email, role] of users) {
      ids[username] = await gate.user(username, { email, role });
      gate.advance(60);
    }
    for (const name of ["bob", "Ada"]) {
      await gate.login(name);
      gate.advance(60);
    }
    await gate.auth.accounts.setActive(ids["bob"]!, false);
    root = await gate.issue(ids["root"]!);
  });

  const ask = (variables: object, { authorization }: Tokens = root) =>
    gate.ask(LIST, { variables: { ...variables }, authorization });
  async function list(variables: object = {}) {
    const { data, text } = await ask(variables);
    if (!data) throw new Error(text);
    const { edges, pageInfo } = data.users;
    const names = edges.map(({ node }: any) => node.username) as string[];
    return { names, edges, pageInfo };
  }
  const at = (minutes: number) => new Date(start + minutes * 60_000).toISOString();

  describe("users", () => {
    test("lists the newest first, with no secrets", async () => {
      const { names, edges, pageInfo } = await list();
      expect(names).toEqual(["straße", "Čeněk", "bob", "Ada", "root"]);
      expect(edges[2].node).toEqual({
        id: ids["bob"],
        username: "bob",
        email: "bob_1@example.org",
        profile: { role: "USER" },
        isActive: false,
        createdAt: at(2),
        lastLoginAt: at(5),
      });
      expect(pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: false,
        startCursor: edges[0].cursor,
        endCursor: edges[4].cursor,
      });
    });

    test("AZ-9: no field of a user is a secret", async () => {
      const { data } = await gate.ask(`{ __type(name: "User") { fields { name } } }`);
      const names = data.__type.fields.map(({ name }: any) => name) as string[];
      expect(names.filter((name) => /password|hash|secret|version|token/i.test(name))).toEqual([]);
    });

    test.each<[string, object | null, string[]]>([
      ["null", null, ["straße", "Čeněk", "bob", "Ada", "root"]],
      ["a name in any case", { username: { iexact: "ADA" } }, ["Ada"]],
      ["a name in another spelling", { username: { iexact: "STRASSE" } }, ["straße"]],
      ["a part of the name", { username: { icontains: "O" } }, ["bob", "root"]],
      ["a wildcard in the name", { username: { icontains: "%" } }, []],
      ["an address in any case", { email: { iexact: "ADA@example.com" } }, ["Ada"]],
      ["a part of the address", { email: { icontains: "EXAMPLE.com" } }, ["straße", "Ada", "root"]],
      ["a wildcard in the address", { email: { icontains: "_" } }, ["bob"]],
      ["a role", { role: { in: ["ADMIN"] } }, ["Ada", "root"]],
      [
        "every role",
        { role: { in: ["ADMIN", "USER", "USER"] } },
        ["straße", "Čeněk", "bob", "Ada", "root"],
      ],
      ["no role", { role: { in: [] } }, []],
      ["an inactive user", { isActive: false }, ["bob"]],
      ["active administrators", { isActive: true, role: { in: ["ADMIN"] } }, ["Ada", "root"]],
      [
        "several conditions",
        { username: { icontains: "a" }, email: { icontains: "ada" } },
        ["Ada"],
      ],
      [
        "empty filters",
        { username: {}, email: null, role: {}, createdAt: {} },
        ["straße", "Čeněk", "bob", "Ada", "root"],
      ],
    ])("finds users by %s", async (_what, where, names) => {
      expect((await list({ where })).names).toEqual(names);
    });

    test.each([
      ["gt", ["straße", "Čeněk"]],
      ["gte", ["straße", "Čeněk", "bob"]],
      ["lt", ["Ada", "root"]],
      ["lte", ["bob", "Ada", "root"]],
    ])("finds users by createdAt %s", async (operator, names) => {
      expect((await list({ where: { createdAt: { [operator]: at(2) } } })).names).toEqual(names);
    });

    test.each([
      ["CREATED_AT", "ASC", ["root", "Ada", "bob", "Čeněk", "straße"]],
      ["USERNAME", "ASC", ["Ada", "bob", "root", "straße", "Čeněk"]],
      ["USERNAME", "DESC", ["Čeněk", "straße", "root", "bob", "Ada"]],
      ["LAST_LOGIN_AT", "DESC", ["Ada", "bob"]],
    ])("sorts by %s %s", async (field, direction, names) => {
      const { names: all } = await list({ orderBy: { field, direction } });
      expect(all.slice(0, names.length)).toEqual(names);
    });

    test.each(
      FIELDS.flatMap(
        (field) =>
          [
            [field, "ASC"],
            [field, "DESC"],
          ] as const,
      ),
    )("pages by %s %s show each user once, in order", async (field, direction) => {
      const orderBy = { field, direction };
      const whole = await list({ orderBy });
      const seen: string[] = [];
      let after: string | null = null;
      for (let turn = 0; turn < 3; turn += 1) {
        const page = await list({ orderBy, first: 2, after });
        expect(page.pageInfo.hasPreviousPage).toBe(turn > 0);
        expect(page.pageInfo.hasNextPage).toBe(turn < 2);
        seen.push(...page.names);
        after = page.pageInfo.endCursor as string;
      }
      expect(seen).toEqual(whole.names);
      const end = await list({ orderBy, after });
      expect(end).toMatchObject({
        names: [],
        pageInfo: { hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null },
      });
    });

    test("the next page is right even if the user at the end of the last page was deleted", async () => {
      const gone = await gate.user("zoe");
      const orderBy = { field: "USERNAME", direction: "ASC" };
      const { names, edges } = await list({ orderBy });
      const after = edges[names.indexOf("zoe")].cursor as string;
      await gate.auth.accounts.deleteUser(gone);
      expect((await list({ orderBy, after })).names).toEqual(["Čeněk"]);
    });

    const cursor = (text: string) => Buffer.from(text).toString("base64url");
    test.each<[string, object]>([
      ["a page size of 0", { first: 0 }],
      ["a negative page size", { first: -1 }],
      ["a page size of 101", { first: 101 }],
      ["a cursor that is no cursor", { after: "x" }],
      ["an empty cursor", { after: "" }],
      ["a huge cursor", { after: "A".repeat(100_000) }],
      [
        "a cursor with a NUL",
        {
          after: cursor(`username.${MISSING}.a\0b`),
          orderBy: { field: "USERNAME", direction: "ASC" },
        },
      ],
      ["a cursor with a huge number", { after: cursor(`createdAt.${MISSING}.${"9".repeat(400)}`) }],
      ["a cursor with a text for an instant", { after: cursor(`createdAt.${MISSING}.x`) }],
      ["a cursor of another order", { after: cursor(`username.${MISSING}.a`) }],
      ["a cursor of an order that does not exist", { after: cursor(`password_hash.${MISSING}.1`) }],
      ["an empty text", { where: { username: { icontains: "" } } }],
      ["a text with a NUL", { where: { username: { icontains: "a\0" } } }],
      ["a lone surrogate", { where: { email: { icontains: "\ud800" } } }],
      ["a long name", { where: { username: { iexact: "a".repeat(151) } } }],
      ["a long address", { where: { email: { icontains: "a".repeat(255) } } }],
    ])("refuses %s", async (_what, variables) => {
      expect(await ask(variables)).toMatchObject(BAD);
    });

    test("a cursor that holds the longest possible name works", async () => {
      // Each of these characters has six in its canonical form.
      const id = await gate.user("\u3316".repeat(150));
      const orderBy = { field: "USERNAME", direction: "ASC" };
      const { edges } = await list({ orderBy });
      expect(edges.at(-1).node.id).toBe(id);
      expect((await list({ orderBy, after: edges.at(-1).cursor })).names).toEqual([]);
      await gate.auth.accounts.deleteUser(id);
    });

    test.each([
      ["a role that does not exist", { where: { role: { in: ["OWNER"] } } }],
      ["an unknown filter", { where: { passwordHash: { icontains: "a" } } }],
      ["an unknown order", { orderBy: { field: "PASSWORD_HASH", direction: "ASC" } }],
      ["a text in place of a list", { where: { username: ["a"] } }],
    ])("AZ-7: refuses %s before any statement runs", async (_what, variables) => {
      expect(await ask(variables)).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
    });

    test("costs one statement in addition to the authentication's", async () => {
      await list();
      expect(await gate.countStatements(() => list())).toBe(2);
    });
  });

  describe("user", () => {
    const user = (id: string, { authorization }: Partial<Tokens> = root) =>
      gate.ask("query ($id: ID!) { user(id: $id) { id username } }", {
        variables: { id },
        ...(authorization !== undefined && { authorization }),
      });

    test("shows one user", async () => {
      const { status, data } = await user(ids["Ada"]!);
      expect([status, data]).toEqual([200, { user: { id: ids["Ada"], username: "Ada" } }]);
    });

    test("AZ-6: is null for an id that does not exist, however it is written", async () => {
      for (const id of [
        MISSING,
        ids["Ada"]!.toUpperCase(),
        "",
        "1",
        "\0",
        "\ud800",
        "a".repeat(50_000),
      ]) {
        const { status, data, errors } = await user(id);
        expect([status, data, errors]).toEqual([200, { user: null }, undefined]);
      }
    });

    test("AZ-6, AZ-10: tells a USER nothing about any id, not even her own", async () => {
      const zoe = await gate.user("zoe");
      const tokens = await gate.issue(zoe);
      for (const id of [zoe, ids["Ada"]!, MISSING]) {
        expect(await user(id, tokens)).toMatchObject({
          code: "FORBIDDEN",
          reason: "role_required",
          data: { user: null },
        });
        expect(await user(id, {})).toMatchObject({
          reason: "no_credentials",
          data: { user: null },
        });
      }
      expect(await ask({}, tokens)).toMatchObject({ status: 403, data: null });
    });
  });
});

import { beforeAll, describe, expect, test } from "@jest/globals";
import type { UserCursor, UserQuery } from "../../src/index.js";
import { describeGates } from "../support/gate.js";
import { insertUsers } from "./insert-users.js";

const ALL = ["Ada", "bob", "Čeněk", "dan", "eve_1", "мария", "twin-a", "twin-b"];

describeGates((gate) => {
  let start: number;

  beforeAll(async () => {
    start = gate.now;
    const rows = [
      ["Ada", "ada@example.com", "ADMIN"],
      ["bob", "bob_1@example.org", "USER"],
      ["Čeněk", "cenek@example.com", "USER"],
      ["dan", undefined, "USER"],
      ["eve_1", "eve@example.com", "ADMIN"],
      ["мария", undefined, "USER"],
    ] as const;
    for (const [username, email, role] of rows) {
      await gate.user(username, { email, role });
      gate.advance(60);
    }
    // These two users are created in the same millisecond.
    await Promise.all([gate.user("twin-a"), gate.user("twin-b")]);
    await gate.auth.accounts.setActive(
      (await gate.auth.accounts.findUser({ username: "bob" }))!,
      false,
    );
    gate.advance(60);
    for (const name of ["eve_1", "ada"]) {
      await gate.login(name);
      gate.advance(60);
    }
    // A user without a profile, as old data may have.
    await gate.sql(
      `DELETE FROM profile WHERE user_id = (SELECT id FROM "user" WHERE username = 'dan') RETURNING user_id`,
    );
  });

  const names = async (query?: UserQuery) =>
    (await gate.auth.accounts.users(query, 100)).users.map(({ username }) => username);

  test("lists the newest users first, with no secrets", async () => {
    const { users, hasNextPage } = await gate.auth.accounts.users();
    expect(users).toHaveLength(8);
    expect(hasNextPage).toBe(false);
    expect(users.slice(2).map(({ username }) => username)).toEqual([
      "мария",
      "eve_1",
      "dan",
      "Čeněk",
      "bob",
      "Ada",
    ]);
    const ada = await gate.auth.accounts.findUser({ username: "ada" });
    expect(users.at(-1)).toEqual(ada);
    expect(Object.keys(ada!).toSorted()).toEqual([
      "createdAt",
      "email",
      "id",
      "isActive",
      "lastLoginAt",
      "role",
      "username",
    ]);
  });

  test.each<[string, UserQuery, string[]]>([
    ["a user name in any case", { usernameIexact: "ADA" }, ["Ada"]],
    ["a user name that nobody has", { usernameIexact: "ad" }, []],
    ["a part of the user name", { usernameIcontains: "A" }, ["twin-a", "dan", "Ada"]],
    ["a part in another script", { usernameIcontains: "АРИ" }, ["мария"]],
    ["a part with an accent", { usernameIcontains: "C\u030cEN" }, ["Čeněk"]],
    ["a part with a wildcard of SQL", { usernameIcontains: "_" }, ["eve_1"]],
    ["a per cent sign", { usernameIcontains: "%" }, []],
    ["an address in any case", { emailIexact: "ADA@example.COM" }, ["Ada"]],
    ["a part of the address", { emailIcontains: "EXAMPLE.com" }, ["eve_1", "Čeněk", "Ada"]],
    ["a part of the address with a wildcard", { emailIcontains: "b_1" }, ["bob"]],
    ["a part of the name or the address", { search: "E@EX" }, ["eve_1"]],
    ["a name or address that nobody has", { search: "nobody" }, []],
    ["a part of names and addresses", { search: "eN" }, ["Čeněk"]],
    ["no text, role or state", { search: null, roles: null, isActive: null }, ALL],
    ["a role", { roles: ["ADMIN"] }, ["eve_1", "Ada"]],
    ["no role", { roles: [] }, []],
    ["inactive users", { isActive: false }, ["bob"]],
    ["several fields", { roles: ["ADMIN"], isActive: true, usernameIcontains: "e" }, ["eve_1"]],
  ])("filters by %s", async (_what, query, expected) => {
    expect((await names(query)).toSorted()).toEqual(expected.toSorted());
  });

  test("finds a part of an address with accents, in any case and any form", async () => {
    const id = await gate.user("änne", { email: "ÄNNE@Bü%cher.example" });
    for (const part of ["ÄNNE@", "änne@", "A\u0308NNE@", "BÜ%CHER", "bü%cher"]) {
      expect([part, await names({ emailIcontains: part })]).toEqual([part, ["änne"]]);
      expect([part, await names({ search: part })]).toEqual([part, ["änne"]]);
    }
    await gate.auth.accounts.deleteUser(id);
  });

  test("finds a part of a user name in full width", async () => {
    expect(await names({ usernameIcontains: "ＤＡＮ" })).toEqual(["dan"]);
    expect(await names({ search: "ＤＡＮ" })).toEqual(["dan"]);
  });

  test("a user without a Profile has the lowest role, and the filter for that role finds the user", async () => {
    expect(await names({ roles: ["USER"], usernameIcontains: "dan" })).toEqual(["dan"]);
    expect(await names({ roles: ["USER", "ADMIN", "USER"] })).toHaveLength(8);
  });

  test("filters by the time of creation, excluding or including the limits", async () => {
    const second = start + 60_000;
    expect(await names({ createdBefore: second })).toEqual(["Ada"]);
    expect(await names({ createdAtOrBefore: second })).toEqual(["bob", "Ada"]);
    expect(await names({ createdAfter: start, createdBefore: start + 120_000 })).toEqual(["bob"]);
    expect(
      await names({ createdAtOrAfter: start + 240_000, createdBefore: start + 300_000 }),
    ).toEqual(["eve_1"]);
  });

  describe.each(["createdAt", "username", "lastLoginAt"] as const)(
    "in the order of %s",
    (field) => {
      test.each(["ASC", "DESC"] as const)(
        "%s: pages of each size hold every user once",
        async (direction) => {
          const query: UserQuery = { orderBy: { field, direction } };
          const all = (await gate.auth.accounts.users(query, 100)).users.map(({ id }) => id);
          const opposite = direction === "ASC" ? "DESC" : "ASC";
          const reversed = await gate.auth.accounts.users({
            orderBy: { field, direction: opposite },
          });
          expect(reversed.users.map(({ id }) => id)).toEqual(all.toReversed());
          for (const size of [1, 2, 3, 8]) {
            const seen: string[] = [];
            let after: UserCursor | null = null;
            for (let hasNextPage = true; hasNextPage;) {
              const page = await gate.auth.accounts.users(query, size, after);
              expect(page.users.length).toBeLessThanOrEqual(size);
              seen.push(...page.users.map(({ id }) => id));
              after = page.cursors.at(-1) ?? null;
              hasNextPage = page.hasNextPage;
            }
            expect([size, seen]).toEqual([size, all]);
          }
        },
      );
    },
  );

  test("the last login comes first when sorted by it, and users who never logged in come last", async () => {
    const sorted = await names({ orderBy: { field: "lastLoginAt", direction: "DESC" } });
    expect(sorted.slice(0, 2)).toEqual(["Ada", "eve_1"]);
  });

  test("creating or deleting a user between two pages makes no later page repeat or skip another user", async () => {
    const query: UserQuery = {
      orderBy: { field: "createdAt", direction: "DESC" },
      usernameIcontains: "page",
    };
    const ids: string[] = [];
    for (const index of ["a", "b", "c", "d"]) {
      gate.advance(1);
      ids.unshift(await gate.user(`page.${index}`));
    }
    const first = await gate.auth.accounts.users(query, 2);
    gate.advance(1);
    const late = await gate.user("page.late");
    await gate.auth.accounts.deleteUser(ids[1]!);
    const second = await gate.auth.accounts.users(query, 2, first.cursors.at(-1));
    expect(second.users.map(({ id }) => id)).toEqual(ids.slice(2));
    for (const id of [late, ids[0]!, ids[2]!, ids[3]!]) await gate.auth.accounts.deleteUser(id);
  });

  test("a page has a next page only if more users follow", async () => {
    const { accounts } = gate.auth;
    const hasNextPage = await Promise.all(
      [7, 8, 9].map(async (size) => (await accounts.users({}, size)).hasNextPage),
    );
    expect(hasNextPage).toEqual([true, false, false]);
  });

  test("a page has 20 users unless the caller says how many, and may have 100", async () => {
    const { accounts } = gate.auth;
    await insertUsers(
      gate,
      Array.from(Array(93).keys(), (index) => `many-${index}`),
      gate.now,
    );
    const { users, hasNextPage } = await accounts.users();
    expect([users.length, hasNextPage]).toEqual([20, true]);
    const most = await accounts.users({}, 100);
    expect([most.users.length, most.hasNextPage]).toEqual([100, true]);
    const rest = await accounts.users({}, 100, most.cursors.at(-1));
    expect([rest.users.length, rest.hasNextPage]).toEqual([1, false]);
    await gate.sql(`DELETE FROM "user" WHERE username LIKE 'many-%' RETURNING id`);
  });

  test("a cursor of another order is refused", async () => {
    const { accounts } = gate.auth;
    const { cursors } = await accounts.users(
      { orderBy: { field: "username", direction: "ASC" } },
      1,
    );
    await expect(accounts.users({}, 1, cursors[0])).rejects.toThrow("after must be a cursor");
  });
});

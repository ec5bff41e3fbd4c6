import { expect, test } from "@jest/globals";
import { Roles } from "../../src/accounts/role.js";
import type { Role } from "../../src/index.js";

const roles = new Roles(["READER", "EDITOR", "OWNER"]);
const role = (name: unknown) => name as Role;

test("each role is at least itself and the roles before it", () => {
  const reached = roles.names.map((actual) =>
    roles.names.filter((required) => roles.isAtLeast(actual, required)),
  );
  expect(reached).toEqual([["READER"], ["READER", "EDITOR"], ["READER", "EDITOR", "OWNER"]]);
});

test("a role that is not in the list is below every role", () => {
  for (const actual of ["ADMIN", "reader", "", null, undefined]) {
    for (const required of roles.names) {
      expect([actual, required, roles.isAtLeast(role(actual), required)]).toEqual([
        actual,
        required,
        false,
      ]);
    }
  }
});

test.each([
  ["ADMIN", 'There is no role "ADMIN"; use READER, EDITOR or OWNER.'],
  ["", 'There is no role ""; use READER, EDITOR or OWNER.'],
  [null, "There is no role of type object; use READER, EDITOR or OWNER."],
  [1, "There is no role of type number; use READER, EDITOR or OWNER."],
])("requiring a role that is not in the list is a TypeError: %j", (required, message) => {
  expect(() => roles.isAtLeast(role("OWNER"), role(required))).toThrow(new TypeError(message));
});

test("the first role is the lowest, and the last is the admin's", () => {
  expect(roles).toMatchObject({ lowest: "READER", admin: "OWNER" });
  expect(new Roles()).toMatchObject({ names: ["USER", "ADMIN"], lowest: "USER", admin: "ADMIN" });
  expect([roles.toString(), new Roles().toString()]).toEqual([
    "READER, EDITOR or OWNER",
    "USER or ADMIN",
  ]);
});

test("the names of the roles do not change with the list that they were given in, and cannot be changed", () => {
  const names = ["USER", "ADMIN"];
  const copied = new Roles(names);
  names.push("KING");
  expect(copied.names).toEqual(["USER", "ADMIN"]);
  expect(Object.isFrozen(copied.names)).toBe(true);
});

test("only names in the list are roles", () => {
  const given = ["READER", "reader", "__proto__", 0, null, undefined, ["READER"]];
  expect(given.map((value) => roles.has(value))).toEqual([true, ...Array(6).fill(false)]);
});

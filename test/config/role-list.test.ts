import { describe, expect, test } from "@jest/globals";
import { refusedByAuth, refusedByCommand } from "../support/wrong-settings.js";

describe("a list of roles is refused in one line if", () => {
  const NAME =
    "has a name that GraphQL does not allow; use up to 64 letters, digits and _, start with a letter or a single _, and do not use true, false or null";
  const NO_ADMIN = "has fewer; the first is for new users, and the last for administrators";
  test.each<[what: string, roles: unknown, fault: string]>([
    ["it is empty", [], NO_ADMIN],
    ["it has one role", ["USER"], NO_ADMIN],
    ["it has a role twice", ["USER", "ADMIN", "USER"], "has the same name twice, ignoring case"],
    [
      "two roles differ only in case",
      ["USER", "User", "ADMIN"],
      "has the same name twice, ignoring case",
    ],
    ["a name starts with __", ["USER", "__ADMIN"], NAME],
    ["a name starts with a digit", ["USER", "1ADMIN"], NAME],
    ["a name has a blank", ["USER", "SUPER ADMIN"], NAME],
    ["a name is empty", ["USER", ""], NAME],
    ["a name is a literal", ["USER", "true"], NAME],
    ["a name is null", ["null", "ADMIN"], NAME],
    ["a name is too long", ["USER", "A".repeat(65)], NAME],
    ["a name is no text", ["USER", 7], NAME],
    ["it has a hole", ["USER", , "ADMIN"], NAME],
    ["it is a text", "USER,ADMIN", "is not a list"],
    [
      "it has too many",
      Array.from({ length: 101 }, (_, index) => `R${index}`),
      "has more than 100",
    ],
  ])("%s", async (_what, roles, fault) => {
    expect(await refusedByAuth({ roles })).toEqual([
      `roles: must be a list of at least two names, but ${fault}`,
    ]);
  });
});

test.each([
  ["two roles", ["USER", "ADMIN"]],
  [
    "100 roles with names of 64 characters",
    Array.from({ length: 100 }, (_, index) => `_${index}`.padEnd(64, "x")),
  ],
])("a list of %s is accepted", (_what, roles) => {
  expect(refusedByCommand({ ROLES: roles.join(" , ") })).toEqual([]);
});

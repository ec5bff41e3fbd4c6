import { expect, test } from "@jest/globals";
import { Kind, parse } from "graphql";
import { rootFieldOf } from "../../src/apollo/root-field.js";

/** Returns the root field of a document's first operation. */
function fieldOf(text: string): string {
  const document = parse(text);
  const [operation] = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return rootFieldOf(operation as never, document);
}

test.each([
  ["me", "{ me { id } }"],
  ["me", "{ a: me { id } }"],
  ["me", "{ me { id } me { email } }"],
  ["me", "{ __typename me { id } }"],
  ["me", "{ ... { ...A } ...A } fragment B on Query { login } fragment A on Query { me }"],
  ["multiple", "{ a: me { id } b: me { id } }"],
  ["multiple", "{ me { id } sessions { id } }"],
  ["multiple", "{ ...A me } fragment A on Query { login }"],
  ["__typename", "{ __typename a: __typename }"],
])("the root field is %s: %s", (field, document) => {
  expect(fieldOf(document)).toBe(field);
});

test("fragments that double 60 times take no more time than others", () => {
  const fragments = Array.from(
    { length: 60 },
    (_, index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
  ).join(" ");
  expect(fieldOf(`{ ...F0 } ${fragments} fragment F60 on Query { me }`)).toBe("me");
});

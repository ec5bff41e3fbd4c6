import { expect, test } from "@jest/globals";
import { buildSchema } from "graphql";
import {
  CHECKS_CREDENTIAL,
  readCredentialFields,
  withCredentialFields,
} from "../../src/permissions/credential-fields.js";

const SDL = `
  directive @public on FIELD_DEFINITION
  type Query { open: Int @public }
`;

test("the mutations that check a credential are the public ones and those that are marked", () => {
  const schema = buildSchema(
    `${SDL} type Mutation { login: Int @public, change: Int, prove: Int }`,
  );
  const { prove } = schema.getMutationType()!.getFields();
  prove!.extensions = CHECKS_CREDENTIAL;
  expect([...readCredentialFields(schema)]).toEqual(["login", "prove"]);
});

test("a schema without mutations has no field that checks a credential", () => {
  expect([...readCredentialFields(buildSchema(SDL))]).toEqual([]);
});

test("the names that a schema has stored replace those of its directives, and its other extensions stay", () => {
  const schema = buildSchema(`${SDL} type Mutation { login: Int @public, save: Int }`);
  schema.extensions = { own: 1 };
  const stored = withCredentialFields(schema, new Set(["save"]));
  expect([...readCredentialFields(stored)]).toEqual(["save"]);
  expect(stored.extensions).toMatchObject({ own: 1 });
  expect([...readCredentialFields(schema)]).toEqual(["login"]);
});

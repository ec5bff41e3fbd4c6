import "reflect-metadata";
import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { readGuards } from "../../src/permissions/guard-map.js";
import { EVERY_FIELD } from "../../scripts/every-field.mjs";
import { renderPermissions } from "../../scripts/permissions-page.mjs";
import { setUpGate } from "../support/gate.js";

const gate = setUpGate(EVERY_FIELD);

test("schema.graphql matches the code; `npm run generate` updates it", async () => {
  expect(await read("schema.graphql")).toBe(gate.auth.typeDefs);
});

test("docs/permissions.md matches the guards; `npm run generate` updates it", async () => {
  const { schema } = gate.auth;
  const guards = readGuards(schema, { strict: true });
  expect(await read("docs/permissions.md")).toBe(renderPermissions(schema, guards));
});

function read(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

import "reflect-metadata";
import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { readGuards } from "../src/permissions/guard-map.js";
import { createSchema, printSchema } from "../src/graphql/schema.js";
import { renderPermissions } from "../scripts/permissions-page.mjs";

// Only its shape is read; none of its resolvers runs.
const schema = createSchema({
  authentication: {} as any,
  sessions: {} as any,
  sessionList: {} as any,
});

test("schema.graphql is what the code says, with its directives; `npm run generate` makes it so", async () => {
  expect(await read("schema.graphql")).toBe(printSchema(schema));
});

test("docs/permissions.md is what the guards enforce; `npm run generate` makes it so", async () => {
  const guards = readGuards(schema, { strict: true });
  expect(await read("docs/permissions.md")).toBe(renderPermissions(schema, guards));
});

function read(path: string): Promise<string> {
  return readFile(new URL(`../${path}`, import.meta.url), "utf8");
}

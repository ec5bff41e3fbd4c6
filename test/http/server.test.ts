import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { resolveServerConfig } from "../../src/config/server-config.js";
import { startServer } from "../../src/http/server.js";
import { defineFeature } from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase("sqlite");
});

afterAll(() => database.drop());

test("a server has one line of each feature that announces something, with its URL and in their order", async () => {
  const features = [
    defineFeature({ name: "first", create: () => ({ announce: (url) => `First: ${url}` }) }),
    defineFeature({ name: "quiet", create: () => ({}) }),
    defineFeature({
      name: "last",
      create: () => ({ announce: (url) => Promise.resolve(`Last: ${url}`) }),
    }),
  ];
  const options = {
    secretKey: randomBytes(32).toString("base64url"),
    databaseUrl: database.url,
    createDatabase: true,
    host: "127.0.0.1",
    port: 0,
    logLevel: "silent" as const,
  };
  const server = await startServer(resolveServerConfig(options, features), features);
  await server.close();
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  expect(server.announcements).toEqual([`First: ${server.url}`, `Last: ${server.url}`]);
});

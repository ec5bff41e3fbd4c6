import { randomBytes } from "node:crypto";
import { graphql } from "graphql";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Auth, Closed, createAuth } from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";

const MESSAGE = "The service is closed: `auth.close()` was called.";

let database: TestDatabase;
let auth: Auth;
let token: string;

beforeAll(async () => {
  database = await createDatabase("sqlite");
  const secretKey = randomBytes(32).toString("base64url");
  auth = await createAuth({ secretKey, databaseUrl: database.url, throttleStore: "database" });
  await auth.accounts.createUser({ username: "ada", password: PASSWORD });
  token = (await auth.authentication.login({ username: "ada" }, PASSWORD)).access ?? "";
  await auth.close();
});

afterAll(() => database.drop());

test("after auth.close() every call that needs the database says that it is closed", async () => {
  const { accounts, authentication, keys, maintenance, sessions, tokens } = auth;
  const calls: (() => Promise<unknown>)[] = [
    () => authentication.login({ username: "ada" }, PASSWORD),
    () => authentication.createStaticToken("f".repeat(32)),
    () => accounts.createUser({ username: "eve", password: PASSWORD }),
    () => accounts.findUser({ username: "ada" }),
    () => accounts.hasNoUsers(),
    () => sessions.list("f".repeat(32)),
    () => sessions.endAll("f".repeat(32)),
    () => tokens.StaticToken.find({}),
    () => keys.rotate(),
    () => maintenance.prune(),
  ];
  for (const call of calls) {
    const error = await call().catch((thrown: unknown) => thrown);
    expect([call.toString(), (error as Error).message]).toEqual([call.toString(), MESSAGE]);
    expect(error).toBeInstanceOf(Closed);
  }
});

test("after auth.close() a request is refused as unavailable, and the error says why", async () => {
  const headers = { authorization: `Bearer ${token}` };
  const contextValue = await auth.createContext({ headers, ip: "192.0.2.1" });
  const { errors } = await graphql({ schema: auth.schema, source: "{ me { id } }", contextValue });
  expect(errors).toMatchObject([
    { message: MESSAGE, extensions: { code: "SERVICE_UNAVAILABLE", retryAfter: 1 } },
  ]);
  expect(await auth.isReady()).toBe(false);
  await auth.close();
});

import { randomBytes } from "node:crypto";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { createServer, defineFeature, type Server } from "../../src/index.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { fakeTimeouts } from "../support/fake-timers.js";

/** The longest time that an operation may take, in milliseconds. */
const LIMIT = 10_000;

let database: TestDatabase;
let server: Pick<Server, "url" | "close">;
/** The resolver of `slow` calls this function when it starts. */
let onStart: () => void;
/** Ends the resolver of `slow`. */
let finish: (value: boolean) => void;

const slow = defineFeature({
  name: "slow",
  create: () => ({
    extension: {
      typeDefs: "extend type Query { slow: Boolean @public }",
      resolvers: {
        Query: {
          slow: () => {
            const result = new Promise<boolean>((resolve) => (finish = resolve));
            onStart();
            return result;
          },
        },
      },
    },
  }),
});

beforeAll(async () => {
  database = await createDatabase("sqlite");
  server = await createServer({
    secretKey: randomBytes(32).toString("base64url"),
    databaseUrl: database.url,
    port: 0,
    logLevel: "silent",
    features: [slow],
  });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

// The test moves the timers of our own code only, not those of Node's HTTP.
beforeEach(() => {
  fakeTimeouts();
});

afterEach(() => {
  jest.useRealTimers();
});

/** Sends a slow operation that ends after this time, and returns its response. */
async function askFor(milliseconds: number): Promise<Response> {
  const started = new Promise<void>((resolve) => (onStart = resolve));
  const response = fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json",
    },
    body: JSON.stringify({ query: "{ slow }" }),
  });
  await started;
  await jest.advanceTimersByTimeAsync(milliseconds);
  finish(true);
  return response;
}

describe("an operation", () => {
  test("is answered if it takes just less than ten seconds", async () => {
    const response = await askFor(LIMIT - 1);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ data: { slow: true } });
  });

  test("is SERVICE_UNAVAILABLE if it takes longer", async () => {
    const response = await askFor(LIMIT);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: "SERVICE_UNAVAILABLE", retryAfter: 5 } }],
    });
  });
});

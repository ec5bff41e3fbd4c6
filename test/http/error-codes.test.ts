import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ErrorCode, HTTP_STATUS, REASONS } from "../../src/errors.js";
import { FEATURES } from "../support/features.js";
import { Gate, setUpGate } from "../support/gate.js";

const gate = setUpGate();
/** A server that allows one request a minute, and whose database then loses a table. */
let strict: Gate;
/** A server whose database has been closed. */
let closed: Gate;
let bob: string;

beforeAll(async () => {
  bob = (await gate.issue(await gate.user("bob"))).authorization;
  strict = await Gate.open({ requestsPerAddress: 1 });
  closed = await Gate.open();
  await closed.auth.close();
});

afterAll(async () => {
  await strict.close();
  await closed.close();
});

async function post(url: string, body: unknown, authorization?: string) {
  const accept = "application/graphql-response+json";
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept,
      ...(authorization && { authorization }),
    },
    body: JSON.stringify(body),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return [response.status, errors?.[0]?.extensions.code];
}

const VERIFY = { query: `mutation { verifyToken(token: "x") { active } }` };

/** For each code, a request that gets it. */
const REQUESTS: Record<ErrorCode, () => Promise<unknown>> = {
  UNAUTHENTICATED: () => post(gate.url, { query: "{ me { id } }" }),
  FORBIDDEN: () => post(gate.url, { query: "{ allSessions { edges { cursor } } }" }, bob),
  BAD_USER_INPUT: () =>
    post(gate.url, { query: "mutation ($t: String!) { verifyToken(token: $t) { active } }" }),
  TOO_MANY_REQUESTS: async () => {
    await post(strict.url, VERIFY);
    return post(strict.url, VERIFY);
  },
  SERVICE_UNAVAILABLE: () => post(closed.url, { query: "{ me { id } }" }, bob),
  INTERNAL_SERVER_ERROR: async () => {
    const { authorization } = await strict.issue(await strict.user("eve"));
    await strict.sql("ALTER TABLE session RENAME TO gone");
    return post(strict.url, { query: "{ me { id } }" }, authorization);
  },
  GRAPHQL_PARSE_FAILED: () => post(gate.url, { query: "{" }),
  GRAPHQL_VALIDATION_FAILED: () => post(gate.url, { query: "{ missing }" }),
  OPERATION_RESOLUTION_FAILURE: () =>
    post(gate.url, { query: "query A { __typename } query B { __typename }" }),
  PERSISTED_QUERY_NOT_SUPPORTED: () =>
    post(gate.url, { extensions: { persistedQuery: { version: 1, sha256Hash: "a".repeat(64) } } }),
  BAD_REQUEST: () => post(gate.url, []),
};

describe("each code of an error", () => {
  test.each(Object.entries(REQUESTS))("has its HTTP status: %s", async (code, send) => {
    expect(await send()).toEqual([HTTP_STATUS[code as ErrorCode], code]);
  });

  test("is in README's table, with every reason, and the table has no other", () => {
    const readme = readFileSync("README.md", "utf8");
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (.*) \|$/gm)];
    expect(rows.map(([, code]) => code)).toEqual(Object.keys(HTTP_STATUS));
    const told = rows.flatMap(([, , text = ""]) => [...text.matchAll(/`([a-z]+(?:_[a-z]+)*)`/g)]);
    const ofFeatures = FEATURES.map((name) => `src/features/${name}/errors.ts`)
      .filter((path) => existsSync(path))
      .flatMap((path) => [...readFileSync(path, "utf8").matchAll(/reason: "(\w+)"/g)]);
    // Two features can refuse for the same reason.
    const reasons = [...new Set([...REASONS, ...ofFeatures.map(([, reason]) => reason)])];
    expect(told.map(([, reason]) => reason).toSorted()).toEqual(reasons.toSorted());
  });
});

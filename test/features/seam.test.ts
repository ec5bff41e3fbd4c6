import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createAuth,
  createServer,
  defineFeature,
  type Feature,
  type ServedResponse,
  type Server,
} from "../../src/index.js";
import { Directive, Query, Resolver } from "type-graphql";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";

const PASSWORD = "correct horse battery staple";
const secretKey = randomBytes(32).toString("base64url");

@Resolver()
class Greeting {
  @Query(() => String)
  @Directive("@public")
  greeting(): string {
    return "Hello.";
  }
}

let database: TestDatabase;
let options: { secretKey: string; databaseUrl: string };

beforeAll(async () => {
  database = await createDatabase("sqlite");
  options = { secretKey, databaseUrl: database.url };
});

afterAll(() => database.drop());

describe("a feature", () => {
  const seen: {
    events: string[];
    responses: ServedResponse[];
    hooked: unknown[];
    config: object;
    core: object;
  } = {
    events: [],
    responses: [],
    hooked: [],
    config: {},
    core: {},
  };
  const probe = defineFeature({
    name: "probe",
    create: (core, config) => {
      Object.assign(seen, { core, config });
      return {
        resolvers: [new Greeting()],
        onEvent: ({ type }) => seen.events.push(type),
        onResponse: (response) => seen.responses.push(response),
        hooks: { beforeLogin: (user) => void seen.hooked.push(user) },
        prune: [
          {
            statement: "DELETE FROM profile WHERE role = 'NOBODY' RETURNING user_id",
            parameters: () => [],
          },
        ],
        routes: [
          {
            method: "POST",
            path: "/echo",
            handle: async (request, client) =>
              Response.json({
                body: await request.text(),
                type: request.headers.get("content-type"),
                client,
              }),
          },
          {
            method: "POST",
            path: "/body",
            handle: ({ body }) => Response.json(body === null),
          },
          { method: "GET", path: "/url", handle: ({ url }) => new Response(url) },
          { method: "GET", path: "/notes/:id", handle: () => new Response("a note") },
          {
            method: "GET",
            path: "/broken",
            handle: () => {
              throw new Error("a secret of the feature");
            },
          },
        ],
      };
    },
  });
  let server: Server<[typeof probe]>;

  beforeAll(async () => {
    server = await createServer({ ...options, port: 0, logLevel: "silent", features: [probe] });
    await server.auth.accounts.createUser({ username: "ada", password: PASSWORD });
  });

  afterAll(() => server.close());

  const post = (path: string, type: string, body: string) =>
    fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": type, "user-agent": "probe" },
      body,
    });

  test("adds fields by a class of type-graphql", async () => {
    const response = await post("/graphql", "application/json", '{"query":"{ greeting }"}');
    expect(await response.json()).toEqual({ data: { greeting: "Hello." } });
  });

  test("receives each event, and sees only the user's id in a hook", async () => {
    await server.auth.authentication.login({ username: "ada" }, PASSWORD);
    const { id } = (await server.auth.accounts.findUser({ username: "ada" }))!;
    expect(seen.events).toEqual(["user_created", "token_issued"]);
    expect(seen.hooked).toEqual([{ id }]);
  });

  test("sees no secret, and only the documented part of the core", () => {
    expect(JSON.stringify(seen.config)).not.toContain(secretKey);
    expect(Object.keys(seen.config)).not.toContain("databaseUrl");
    expect(Object.keys(seen.core).sort()).toEqual(
      ["sql", "now", "onEvent", "accounts", "authentication", "sessions", "jwks", "isReady"].sort(),
    );
  });

  test("gets the body of a route as it was sent, and the client", async () => {
    for (const [type, body] of [
      ["application/json", '{ "a": 1 }'],
      ["application/x-www-form-urlencoded", "grant_type=refresh_token"],
      ["text/plain", "text"],
    ] as const) {
      expect(await (await post("/echo", type, body)).json()).toEqual({
        body,
        type,
        client: { ipAddress: "127.0.0.1", userAgent: "probe", requestId: expect.any(String) },
      });
    }
  });

  test("gets no body for an empty one", async () => {
    expect(await (await post("/body", "text/plain", "")).json()).toBe(true);
    expect(await (await post("/body", "text/plain", "a")).json()).toBe(false);
  });

  test("gets the URL that the client requested", async () => {
    const url = `${server.url}/url?a=1&b=%20`;
    expect(await (await fetch(url)).text()).toBe(url);
  });

  test("may have a route with a parameter, of which 100 characters are accepted", async () => {
    const answers = [100, 101].map((length) => fetch(`${server.url}/notes/${"a".repeat(length)}`));
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 414]);
  });

  test("learns of each response with the operation's field and outcome, but without the operation's name", async () => {
    seen.responses.length = 0;
    await post("/graphql", "application/json", '{"query":"query Secret { greeting }"}');
    await post("/graphql", "application/json", '{"query":"query Secret { me { id } }"}');
    await fetch(`${server.url}/nowhere?secret`);
    await eventually(() => seen.responses.length === 3);
    for (const { seconds } of seen.responses) expect(seconds).toBeLessThan(10);
    const seconds = expect.any(Number);
    const route = "POST /graphql";
    expect(seen.responses).toEqual([
      {
        route,
        status: 200,
        seconds,
        operation: { field: "greeting", outcome: "ok", reason: null },
      },
      {
        route,
        status: 200,
        seconds,
        operation: { field: "me", outcome: "UNAUTHENTICATED", reason: "no_credentials" },
      },
      { route: null, status: 404, seconds, operation: null },
    ]);
  });

  test("does not reveal what a broken route threw", async () => {
    const response = await fetch(`${server.url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  test("can have its rows pruned", async () => {
    await database.sql(`UPDATE profile SET role = 'NOBODY'`);
    expect(await server.auth.maintenance.prune()).toBe(1);
  });
});

describe("closing", () => {
  const logOf = (steps: string[], names: string[]): Feature[] =>
    names.map((name) =>
      defineFeature({
        name,
        create: ({ sql }) => ({
          close: async () => {
            await sql.read("SELECT 1", []);
            steps.push(name);
          },
        }),
      }),
    );

  test("closes the features last first, while the database is open", async () => {
    const steps: string[] = [];
    const auth = await createAuth({ ...options, features: logOf(steps, ["first", "second"]) });
    await auth.close();
    expect(steps).toEqual(["second", "first"]);
  });

  test("a feature that fails to close does not keep anything else open", async () => {
    const steps: string[] = [];
    const failing = defineFeature({
      name: "failing",
      create: () => ({ close: () => Promise.reject(new Error("cannot close")) }),
    });
    const auth = await createAuth({ ...options, features: [...logOf(steps, ["first"]), failing] });
    await auth.close();
    expect(steps).toEqual(["first"]);
    expect(await auth.isReady()).toBe(false);
  });

  test("a start that fails closes what it opened", async () => {
    const steps: string[] = [];
    const failing = defineFeature({
      name: "failing",
      create: () => {
        throw new Error("cannot start");
      },
    });
    const starting = createAuth({ ...options, features: [...logOf(steps, ["first"]), failing] });
    await expect(starting).rejects.toThrow("The feature failing failed to start: cannot start");
    expect(steps).toEqual(["first"]);
  });

  test("a feature with a field that is not guarded is refused at the start", async () => {
    const open = defineFeature({
      name: "open",
      create: () => ({
        extension: {
          typeDefs: "extend type Query { open: Int }",
          resolvers: { Query: { open: () => 1 } },
        },
      }),
    });
    await expect(createAuth({ ...options, features: [open] })).rejects.toThrow(
      "Query.open: has neither @auth nor @public",
    );
  });
});

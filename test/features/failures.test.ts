import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  createAuth,
  createServer,
  defineFeature,
  type Feature,
  type FeatureParts,
  NoCredentials,
  ServiceUnavailable,
  TooManyRequests,
  Vetoed,
} from "graphql-gatehouse";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { expectToEndAfter } from "../support/fake-timers.js";

let database: TestDatabase;
let options: { secretKey: string; databaseUrl: string };

beforeAll(async () => {
  database = await createDatabase("sqlite");
  options = { secretKey: randomBytes(32).toString("base64url"), databaseUrl: database.url };
});

afterAll(() => database.drop());

const cause = new Error("the disk is full");

function fail(): never {
  throw cause;
}

function notes(parts: FeatureParts, more: Partial<Feature> = {}): Feature {
  return defineFeature({ name: "notes", create: () => parts, ...more });
}

function start(feature: Feature) {
  return createServer({ ...options, port: 0, logLevel: "silent", features: [feature] });
}

describe("an error names the feature and keeps its cause when it comes from", () => {
  test.each<[string, Feature]>([
    ["create", notes({}, { create: fail })],
    ["an async create", notes({}, { create: () => Promise.reject(cause) })],
    ["isOn", notes({}, { isOn: fail })],
    ["findProblems", notes({}, { findProblems: fail })],
    ["announce", notes({ announce: fail })],
    ["an async announce", notes({ announce: () => Promise.reject(cause) })],
    ["transformSchema", notes({ transformSchema: fail })],
  ])("%s", async (_what, feature) => {
    await expect(start(feature)).rejects.toMatchObject({
      message: "The feature notes failed to start: the disk is full",
      cause,
    });
  });

  test.each([
    ["that cannot be parsed", "extend type Query { a: Int", /^Syntax Error: /],
    ["with an unknown type", "extend type Query { a: Missing @public }", /^Unknown type "Missing"/],
    [
      "that extends an unknown type",
      "extend type Missing { a: Int }",
      /^Cannot extend type "Missing"/,
    ],
    [
      "without a field that it resolves",
      "extend type Query { b: Int @public }",
      /no field Query\.a/,
    ],
  ])("an extension %s", async (_what, typeDefs, message) => {
    const extension = { typeDefs, resolvers: { Query: { a: () => 1 } } };
    const error = (await start(notes({ extension })).catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toMatch(/^The feature notes failed to start: /);
    expect(error.message.replace("The feature notes failed to start: ", "")).toMatch(message);
    expect(error.cause).toHaveProperty("message");
  });

  test.each([
    ["statement", "DELETE FROM missing RETURNING id", () => [], /no such table: missing/],
    ["function of parameters", "DELETE FROM lease RETURNING name", fail, /the disk is full/],
  ])("the %s of a prune rule", async (_what, statement, parameters, message) => {
    const auth = await createAuth({
      ...options,
      features: [notes({ prune: [{ statement, parameters }] })],
    });
    const error = (await auth.maintenance.prune().catch((thrown: unknown) => thrown)) as Error;
    await auth.close();
    expect(error.message).toMatch(/^A prune rule of the feature notes failed: /);
    expect(error.message).toMatch(message);
    expect(error.cause).toHaveProperty("message");
  });

  test("a job, which the message names too", async () => {
    const errors: unknown[] = [];
    const jobs = [{ name: "clean", interval: 1, run: () => Promise.reject(cause) }];
    const auth = await createAuth({ ...options, features: [notes({ jobs })] });
    auth.maintenance.start((error) => errors.push(error));
    await eventually(() => Promise.resolve(errors.length > 0));
    await auth.close();
    expect(errors[0]).toMatchObject({
      message: "The job notes:clean failed",
      cause,
    });
  });
});

describe("an error of a feature that is running names it, and keeps its cause:", () => {
  const login = { username: "ada", password: "correct horse battery staple" };

  /** Runs a login and a refresh in an application with the feature. */
  async function use(parts: FeatureParts): Promise<{ login: unknown; refresh: unknown }> {
    const auth = await createAuth({ ...options, features: [notes(parts)] });
    try {
      if ((await auth.accounts.findUser(login)) === null) await auth.accounts.createUser(login);
      const logged = await auth.authentication.login(login, login.password).catch(identity);
      const refresh = String(
        await auth.tokens.RefreshToken.forUser((await auth.accounts.findUser(login))!),
      );
      return { login: logged, refresh: await auth.authentication.refresh(refresh).catch(identity) };
    } finally {
      await auth.close();
    }
  }

  const identity = (error: unknown) => error;
  const failed = (what: string) =>
    expect.objectContaining({
      message: `${what} of the feature notes failed: the disk is full`,
      cause,
    });

  test.each([
    ["throws", fail],
    ["rejects", () => Promise.reject(cause)],
  ])("a hook that %s", async (_how, hook) => {
    const ended = await use({ hooks: { beforeLogin: hook, beforeRefresh: hook } });
    expect(ended.login).toEqual(failed("The hook beforeLogin"));
    expect(ended.refresh).toEqual(failed("The hook beforeRefresh"));
  });

  test("a hook that never ends is refused after 5 seconds, and changes nothing", async () => {
    const hook = () => new Promise<void>(() => undefined);
    const ended = await use({ hooks: { beforeLogin: hook, beforeRefresh: hook } });
    for (const [operation, name] of [
      ["login", "beforeLogin"],
      ["refresh", "beforeRefresh"],
    ] as const) {
      expect(ended[operation]).toBeInstanceOf(ServiceUnavailable);
      expect(ended[operation]).toMatchObject({
        retryAfter: 5,
        cause: new Error(`The hook ${name} of the feature notes took longer than 5 seconds`),
      });
    }
  });

  test("a refusal of a hook stays unchanged, even if the hook is a method", async () => {
    class Closed {
      readonly refusal = new Vetoed("Closed.");
      beforeLogin() {
        throw this.refusal;
      }
    }
    expect((await use({ hooks: new Closed() })).login).toBeInstanceOf(Vetoed);
  });

  test.each([
    ["throws", fail],
    ["rejects", () => Promise.reject(cause)],
  ])("onEvent that %s causes a warning", async (_how, onEvent) => {
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await use({ onEvent });
      const [[text, { detail }]] = warning.mock.calls as unknown as [[string, { detail: string }]];
      expect(text).toBe("The function onEvent of the feature notes failed: the disk is full");
      expect(detail).toContain(cause.stack);
    } finally {
      warning.mockRestore();
    }
  });

  test.each([
    ["throws", fail],
    ["rejects", () => Promise.reject(cause)],
  ])("onResponse that %s causes a warning, and the response is sent", async (_how, onResponse) => {
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const server = await start(notes({ onResponse }));
    try {
      expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
      await eventually(() => warning.mock.calls.length > 0);
      const [[text]] = warning.mock.calls as unknown as [[string]];
      expect(text).toBe("The function onResponse of the feature notes failed: the disk is full");
    } finally {
      warning.mockRestore();
      await server.close();
    }
  });

  test("a route", async () => {
    const routes = [{ method: "GET" as const, path: "/notes", handle: fail }];
    const auth = await createAuth({ ...options, features: [notes({ routes })] });
    const { handle } = auth.routes.find(({ path }) => path === "/notes")!;
    const client = { ipAddress: null, userAgent: null };
    await expect(handle(new Request("http://localhost/notes"), client)).rejects.toEqual(
      failed("The route GET /notes"),
    );
    await auth.close();
  });
});

test("isOn must return true or false, and not a promise", async () => {
  const isOn = (() => Promise.resolve(false)) as unknown as () => boolean;
  await expect(start(notes({}, { isOn }))).rejects.toThrow(
    "The feature notes failed to start: isOn must return true or false",
  );
});

test("a server whose announcement fails does not listen", async () => {
  let url = "";
  const announce = (listening: string) => {
    url = listening;
    return fail();
  };
  await expect(start(notes({ announce }))).rejects.toThrow("the disk is full");
  const code = await new Promise((resolve) => {
    get(url, () => {
      resolve("it answers");
    }).on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code);
    });
  });
  expect(code).toBe("ECONNREFUSED");
});

test("a feature that never closes delays the end of the server by at most 5 seconds", async () => {
  let hasBegun = false;
  const close = () => {
    hasBegun = true;
    return new Promise<void>(() => undefined);
  };
  const server = await start(notes({ close }));
  await expectToEndAfter(
    5_000,
    () => hasBegun,
    () => server.close(),
  );
  expect(await server.auth.isReady()).toBe(false);
});

test("auth.routes keeps the isLogged of a feature's route", async () => {
  const routes = [
    { method: "GET" as const, path: "/notes", isLogged: false, handle: () => new Response() },
  ];
  const auth = await createAuth({ ...options, features: [notes({ routes })] });
  expect(auth.routes).toContainEqual(expect.objectContaining({ path: "/notes", isLogged: false }));
  await auth.close();
});

describe("a route that refuses answers as GraphQL does, after", () => {
  test.each([
    [new Vetoed("Closed."), 403, { code: "FORBIDDEN", reason: "vetoed" }, {}],
    [
      new TooManyRequests(7),
      429,
      { code: "TOO_MANY_REQUESTS", reason: "throttled", retryAfter: 7 },
      { "retry-after": "7" },
    ],
    [
      new NoCredentials(),
      401,
      { code: "UNAUTHENTICATED", reason: "no_credentials" },
      { "www-authenticate": 'Bearer realm="gatehouse", Token realm="gatehouse"' },
    ],
    [
      new ServiceUnavailable(1, cause),
      503,
      { code: "SERVICE_UNAVAILABLE", retryAfter: 1 },
      { "retry-after": "1" },
    ],
  ])("%s", async (error, status, extensions, headers) => {
    const handle = () => Promise.reject(error);
    const server = await start(notes({ routes: [{ method: "GET", path: "/notes", handle }] }));
    const response = await fetch(`${server.url}/notes`);
    const body = await response.json();
    await server.close();
    expect(response.status).toBe(status);
    expect(body).toEqual({ errors: [{ message: error.message, extensions }] });
    expect(Object.fromEntries(response.headers)).toMatchObject(headers);
  });
});

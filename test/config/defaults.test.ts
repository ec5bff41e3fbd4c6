import { describe, expect, test } from "@jest/globals";
import { resolveConfig } from "../../src/config/auth-config.js";
import { allSettings, readEnvironment } from "../../src/config/environment.js";
import { resolveServerConfig } from "../../src/config/server-config.js";
import { defineFeature, type Feature, setting } from "../../src/index.js";
import { refusedByServer, SECRET_KEY } from "../support/wrong-settings.js";

const PUBLIC = { publicUrl: "https://auth.example.com" };
const BEHIND_PROXY = { ...PUBLIC, trustedProxies: ["127.0.0.1"] };
const POSTGRES = { databaseUrl: "postgresql://h/d" };

describe("the defaults of a server", () => {
  const resolve = (options: object) =>
    resolveServerConfig({ secretKey: SECRET_KEY, ...options }, []);

  test.each<[options: object, isDevelopment: boolean]>([
    [{}, true],
    [{ host: "localhost" }, true],
    [{ host: "::1" }, true],
    [{ host: "127.1.2.254" }, true],
    [{ isProduction: true }, false],
    [{ ...PUBLIC, host: "0.0.0.0" }, false],
    [{ ...PUBLIC, host: "x127.0.0.1" }, false],
    [{ ...PUBLIC, host: "127.0.0.1.example.com" }, false],
    [BEHIND_PROXY, false],
  ])("with %j, only developers use it: %s", (options, isDevelopment) => {
    const config = resolve(options);
    expect(config).toMatchObject({
      isDevelopment,
      introspection: isDevelopment,
      createDatabase: isDevelopment,
    });
    expect(config).not.toHaveProperty("isProduction");
    expect(Object.isFrozen(config)).toBe(true);
    expect(resolve({ ...options, ...POSTGRES }).createDatabase).toBe(true);
  });

  test("accept a random secret that begins or ends with a repetition", () => {
    for (const secretKey of [`zz${SECRET_KEY}`, `${SECRET_KEY}zz`]) {
      expect(resolve({ isProduction: true, secretKey }).secretKeys).toEqual([secretKey]);
    }
  });

  test("are replaced by options", () => {
    expect(resolve({ introspection: false, createDatabase: false })).toMatchObject({
      introspection: false,
      createDatabase: false,
    });
    expect(resolve({ isProduction: true, createDatabase: true }).createDatabase).toBe(true);
    expect(resolve({ ...BEHIND_PROXY, keepAliveTimeout: 9 }).keepAliveTimeout).toBe(9);
  });

  test("keep idle connections for 5 seconds, or for 75 behind a proxy", () => {
    expect(resolve({}).keepAliveTimeout).toBe(5);
    expect(resolve(BEHIND_PROXY).keepAliveTimeout).toBe(75);
  });

  test("name the issuer after the public URL", () => {
    const issuerOf = (options: object) => resolve(options).jwtIssuer;
    expect([issuerOf({}), issuerOf(PUBLIC)]).toEqual(["gatehouse", PUBLIC.publicUrl]);
    expect(issuerOf({ ...PUBLIC, jwtIssuer: "someone" })).toBe("someone");
  });
});

describe("createAuth", () => {
  const resolve = (options: object = {}) =>
    resolveConfig({ secretKey: SECRET_KEY, ...options }, []);

  test("creates a database unless the option says no, and does not know who uses it", () => {
    expect(resolve()).toMatchObject({ createDatabase: true, isDevelopment: null });
    expect(resolve({ createDatabase: false }).createDatabase).toBe(false);
    expect(Object.isFrozen(resolve())).toBe(true);
  });

  test("takes one secret, or a list with the current secret first", () => {
    const other = SECRET_KEY.toLowerCase();
    expect(resolve().secretKeys).toEqual([SECRET_KEY]);
    expect(resolve({ secretKey: [SECRET_KEY, other] }).secretKeys).toEqual([SECRET_KEY, other]);
    expect(resolve()).not.toHaveProperty("secretKey");
    const short = SECRET_KEY.slice(0, 32);
    expect(resolve({ secretKey: short }).secretKeys).toEqual([short]);
  });

  test("accepts limits that are just right", () => {
    const day = 86_400;
    expect(resolve({ refreshTokenLifetime: day, sessionLifetime: day }).sessionLifetime).toBe(day);
    expect(resolve({ leeway: 59, accessTokenLifetime: 60 }).leeway).toBe(59);
    expect(
      resolve({ accessTokenLifetime: 60, refreshTokenLifetime: 61 }).refreshTokenLifetime,
    ).toBe(61);
  });
});

test("variables are read as their kind says", () => {
  const variables = {
    ROUND: "off",
    FADING: "off",
    INTROSPECTION: "on",
    CORS_ORIGINS: "https://a.test, https://b.test",
    STATIC_TOKEN_LIFETIME: "never",
    KEY_ROTATION_INTERVAL: "36h",
    PORT: "-0",
    NODE_ENV: "production",
    SECRET_KEY: "a, b",
    UV_THREADPOOL_SIZE: "9",
    HOST: "",
  };
  const { options, problems } = readEnvironment(variables, allSettings([shapes]));
  expect(problems).toEqual([]);
  expect(options).toEqual({
    round: false,
    fading: false,
    introspection: true,
    corsOrigins: ["https://a.test", "https://b.test"],
    staticTokenLifetime: null,
    keyRotationInterval: 36 * 3600,
    port: -0,
    isProduction: true,
    secretKey: ["a", "b"],
    hashConcurrency: 4,
  });
});

const shapes = defineFeature({
  name: "shapes",
  settings: {
    round: setting.onOff({ variable: "ROUND", default: true }),
    fading: setting.durationOrOff({ variable: "FADING", from: "1m", default: "off" }),
  },
  create: () => ({}),
});

test.each([
  ["production", true],
  ["development", false],
])("NODE_ENV=%s is read as %s", (text, isProduction) => {
  expect(readEnvironment({ NODE_ENV: text }, allSettings([])).options).toEqual({ isProduction });
});

describe("findProblems of a feature", () => {
  const seen: Record<string, unknown>[] = [];
  const notes = defineFeature({
    name: "notes",
    settings: {
      notesPerUser: setting.wholeNumber({ from: 1, to: 9, default: 5 }),
      notesSecret: setting.text({ default: "of notes" }),
    },
    findProblems: (config) => {
      seen.push(config);
      return [{ option: "notesPerUser", message: "is never right" }];
    },
    create: () => ({}),
  }) as Feature;
  const problem = "notesPerUser: is never right";

  test("sees its own settings and the core's, but no secret and no setting of another feature", async () => {
    expect(await refusedByServer({}, [notes, shapes])).toEqual([problem]);
    const [config = {}] = seen.splice(0);
    expect(config).toMatchObject({
      notesPerUser: 5,
      notesSecret: "of notes",
      leeway: 5,
      isDevelopment: true,
    });
    for (const hidden of ["secretKeys", "databaseUrl", "redisUrl", "onEvent", "round", "host"]) {
      expect(config).not.toHaveProperty(hidden);
    }
    expect(Object.isFrozen(config)).toBe(true);
  });

  test("is not called if one of its settings is wrong", async () => {
    expect(await refusedByServer({ notesSecret: "" }, [notes])).toEqual([
      "notesSecret: must be text of 1 to 255 characters",
    ]);
    expect(seen).toEqual([]);
    expect(await refusedByServer({ leeway: -1 }, [notes])).toHaveLength(2);
  });
});

test("a duration or off has both as its value, and off as its default", async () => {
  const resolve = (fading: unknown) => {
    const options = { secretKey: SECRET_KEY, ...(fading === undefined ? {} : { fading }) };
    return resolveServerConfig(options, [shapes]) as object;
  };
  expect(resolve(undefined)).toHaveProperty("fading", false);
  expect(resolve(false)).toHaveProperty("fading", false);
  expect(resolve(60)).toHaveProperty("fading", 60);
  expect(await refusedByServer({ fading: true }, [shapes])).toEqual([
    "fading: must be from 60 to 3155760000 seconds, or false, but is not a number",
  ]);
  expect(readEnvironment({ FADING: "5m" }, allSettings([shapes])).options).toEqual({ fading: 300 });
});

test("a list is refused if one of its items is not a text", async () => {
  const accepts = (item: string) => item.startsWith("a");
  const feature = defineFeature({
    name: "words",
    settings: { words: setting.list({ accepts, allowed: "words with a" }) },
    create: () => ({}),
  }) as Feature;
  for (const words of [[1], ["a", "b"]]) {
    expect(await refusedByServer({ words }, [feature])).toEqual(["words: must be words with a"]);
  }
});

test("a setting without words for its range is refused with the message of its check", async () => {
  const { check } = setting.wholeNumber({ from: 1, to: 9 });
  const feature = defineFeature({
    name: "plain",
    settings: { plain: { check } },
    create: () => ({}),
  }) as Feature;
  expect(await refusedByServer({ plain: 10 }, [feature])).toEqual([
    expect.stringMatching(/^plain: Too big: .*9$/),
  ]);
});

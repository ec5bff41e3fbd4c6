import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { defineFeature, setting } from "../../src/index.js";
import { runNode } from "../support/node-process.js";
import {
  refusedByAuth,
  refusedByCommand,
  refusedByServer,
  SECRET_KEY,
} from "../support/wrong-settings.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const CENTURY = 100 * 365.25 * 86_400;
const ORIGINS = "must be exact origins such as https://app.example.com";
const WILDCARD = "has a *, and cannot stand for several origins";
const RANDOM_BYTES = "must be at least 32 random bytes; `gatehouse generate-secret` makes one";
const NOT_RANDOM =
  "must be at least 32 random bytes, but is not random; `gatehouse generate-secret` makes one";

describe("a wrong option is refused in one line by its name:", () => {
  test.each<[option: string, value: unknown, message: string]>([
    ["accessTokenLifetime", 30, "must be from 60 to 3600 seconds, but is 30 seconds too short"],
    ["accessTokenLifetime", 59, "must be from 60 to 3600 seconds, but is 1 second too short"],
    ["accessTokenLifetime", 7_200, "must be from 60 to 3600 seconds, but is 1 hour too long"],
    ["accessTokenLifetime", 3_690, "must be from 60 to 3600 seconds, but is 90 seconds too long"],
    ["accessTokenLifetime", 1e300, "must be from 60 to 3600 seconds, but is far too long"],
    ["accessTokenLifetime", "5m", "must be from 60 to 3600 seconds, but is not a number"],
    ["accessTokenLifetime", null, "must be from 60 to 3600 seconds, but is not a number"],
    ["accessTokenLifetime", NaN, "must be from 60 to 3600 seconds, but is not a number"],
    [
      "accessTokenLifetime",
      90.5,
      "must be from 60 to 3600 seconds, but is not a whole number of seconds",
    ],
    ["leeway", -1, "must be from 0 to 60 seconds, but is 1 second too short"],
    [
      "keyRotationInterval",
      60,
      `must be from 3600 to ${CENTURY} seconds, or null, but is 59 minutes too short`,
    ],
    ["passwordMinLength", 7, "must be from 8 to 64, but is 1 too small"],
    ["passwordMinLength", "15", "must be from 8 to 64, but is not a whole number"],
    ["passwordMinLength", 15.5, "must be from 8 to 64, but is not a whole number"],
    ["loginFailureLimit", 150, "must be from 1 to 100, but is 50 too large"],
    ["hashConcurrency", 0, "must be from 1 to 512"],
    ["jwtAlgorithm", "none", "must be ES256, RS256, PS256 or HS256"],
    ["bearerCheck", true, "must be database or stateless"],
    ["refreshCookie", "on", "must be true or false"],
    ["jwtAudience", "", "must be text of 1 to 255 characters"],
    ["jwtAudience", "\0a", "must be text of 1 to 255 characters"],
    ["jwtAudience", "a\0", "must be text of 1 to 255 characters"],
    ["jwtAudience", "a".repeat(256), "must be text of 1 to 255 characters"],
    ["databaseUrl", "mysql:gate", "must be sqlite:PATH or postgresql://…"],
    ["databaseUrl", "xsqlite:gate", "must be sqlite:PATH or postgresql://…"],
    ["databaseUrl", "sqlite:", "must be sqlite:PATH or postgresql://…"],
    ["databaseUrl", "sqlite:a\0b", "must be sqlite:PATH or postgresql://…"],
    [
      "databaseUrl",
      "sqlite::memory:?cache=shared",
      "must be sqlite:PATH or postgresql://…, but in-memory databases are not supported",
    ],
    [
      "databaseUrl",
      "postgres://h/d?ssl=true",
      "must be sqlite:PATH or postgresql://…, but its parameter number 1 is not supported",
    ],
    [
      "redisUrl",
      "http://127.0.0.1",
      "must be redis://host:6379, redis+sentinel://host:26379,…/mymaster or redis+cluster://host:6379,…",
    ],
    ["secretKey", "short", RANDOM_BYTES],
    ["secretKey", [], RANDOM_BYTES],
    ["secretKey", undefined, "is required; `gatehouse generate-secret` makes one"],
    ["corsOrigins", ["*"], `${ORIGINS}, but one of them ${WILDCARD}`],
    [
      "corsOrigins",
      ["https://a.test", "https://*.a.test"],
      `${ORIGINS}, but one of them ${WILDCARD}`,
    ],
    ["corsOrigins", ["https://a.test/"], `${ORIGINS}, but one of them ends in a slash`],
    ["corsOrigins", ["https://a.test", 1], ORIGINS],
    ["corsOrigins", "https://app.example.com", `${ORIGINS}, but is not a list`],
    ["now", 0, "must be a function"],
    ["toString", 1, "is not a setting"],
    ["passwordStrength", 1, "is not a setting"],
  ])("%s, with the value %p: %s", async (option, value, message) => {
    expect(await refusedByAuth({ [option]: value })).toEqual([`${option}: ${message}`]);
    expect(await refusedByServer({ [option]: value })).toEqual([`${option}: ${message}`]);
  });

  test.each<[option: string, value: unknown, message: string]>([
    ["host", 0, "must be text of 1 to 255 characters"],
    ["port", 65_536, "must be from 0 to 65535, but is 1 too large"],
    ["introspection", 1, "must be true or false"],
    ["trustedProxies", ["everywhere"], "must be IP addresses or CIDR ranges"],
    ["logLevel", "loud", "must be silent, fatal, error, warn, info, debug or trace"],
    ["isProduction", "yes", "must be true or false"],
  ])("%s of a server, with the value %p: %s", async (option, value, message) => {
    expect(await refusedByServer({ [option]: value })).toEqual([`${option}: ${message}`]);
  });

  test("createAuth refuses an option that only a server has, and says where it belongs", async () => {
    expect(await refusedByAuth({ port: 4000 })).toEqual([
      "port: is an option of createServer only",
    ]);
  });
});

describe("a wrong variable is refused in one line by its name:", () => {
  test.each<[variable: string, value: string, message: string]>([
    ["ACCESS_TOKEN_LIFETIME", "30s", "must be from 1m to 1h, but is 30 seconds too short"],
    ["ACCESS_TOKEN_LIFETIME", "1d", "must be from 1m to 1h, but is 23 hours too long"],
    ["ACCESS_TOKEN_LIFETIME", "300", "must be from 1m to 1h, but is not a duration such as 5m"],
    ["ACCESS_TOKEN_LIFETIME", "0.5h", "must be from 1m to 1h, but is not a duration such as 5m"],
    ["ACCESS_TOKEN_LIFETIME", "soon", "must be from 1m to 1h, but is not a duration such as 5m"],
    ["ACCESS_TOKEN_LIFETIME", "never", "must be from 1m to 1h, but is not a duration such as 5m"],
    [
      "ACCESS_TOKEN_LIFETIME",
      "90500ms",
      "must be from 1m to 1h, but is not a whole number of seconds",
    ],
    [
      "STATIC_TOKEN_LIFETIME",
      "1s",
      "must be from 1m to 100y, or never, but is 59 seconds too short",
    ],
    [
      "STATIC_TOKEN_LIFETIME",
      "null",
      "must be from 1m to 100y, or never, but is not a duration such as 5m",
    ],
    ["PORT", "-1", "must be from 0 to 65535, but is 1 too small"],
    ["PORT", "1e3", "must be from 0 to 65535, but is not a whole number"],
    ["PORT", "0x10", "must be from 0 to 65535, but is not a whole number"],
    ["PORT", "http", "must be from 0 to 65535, but is not a whole number"],
    ["UV_THREADPOOL_SIZE", "1026", "must be from 1 to 1024"],
    ["UV_THREADPOOL_SIZE", "1025", "must be from 1 to 1024"],
    ["UV_THREADPOOL_SIZE", "1e3", "must be from 1 to 1024"],
    ["UV_THREADPOOL_SIZE", "0", "must be from 1 to 1024"],
    ["BEARER_CHECK", "stateless", "can only be set as an option"],
    ["REUSE_WINDOW", "0s", "can only be set as an option"],
    ["LEEWAY", "5s", "can only be set as an option"],
    ["THROTTLE_STORE", "disk", "must be memory or database"],
    ["GRAPHIQL", "true", "must be on or off"],
    ["INTROSPECTION", "toString", "must be on or off"],
    [
      "DATABASE_URL",
      "sqlite::memory:",
      "must be sqlite:PATH or postgresql://…, but in-memory databases are not supported",
    ],
    ["SECRET_KEY", "a".repeat(52), NOT_RANDOM],
    ["SECRET_KEY", `${SECRET_KEY},`, RANDOM_BYTES],
    ["CORS_ORIGINS", "*", `${ORIGINS}, separated by commas, but one of them ${WILDCARD}`],
  ])("%s=%s: %s", (variable, value, message) => {
    expect(refusedByCommand({ [variable]: value })).toEqual([`${variable}: ${message}`]);
  });

  test.each([
    ...["UV_THREADPOOL_SIZE=1", "UV_THREADPOOL_SIZE=1024", "NOW=1"],
    ...["DATABASE_URL=postgres://h/d", "DATABASE_URL=postgresql://h/d"],
    ...["DATABASE_URL=sqlite:data/postgres://a?b"],
  ])("%s passes", (set) => {
    const [variable = "", value = ""] = set.split("=");
    expect(refusedByCommand({ [variable]: value })).toEqual([]);
  });

  test("an empty variable counts as not set, even if it is misspelt", () => {
    expect(refusedByCommand({ PORT: "", ACCES_TOKEN_LIFETIME: "" })).toEqual([]);
  });
});

describe("two settings that contradict each other are both named, as options or as variables:", () => {
  test.each<[string, object, Record<string, string>, string, string]>([
    [
      "lifetimes",
      { accessTokenLifetime: 3600, refreshTokenLifetime: 1800 },
      { ACCESS_TOKEN_LIFETIME: "1h", REFRESH_TOKEN_LIFETIME: "30m" },
      "accessTokenLifetime: must be less than refreshTokenLifetime",
      "ACCESS_TOKEN_LIFETIME: must be less than REFRESH_TOKEN_LIFETIME",
    ],
    [
      "the end of a session",
      { refreshTokenLifetime: 86_401, sessionLifetime: 86_400 },
      { REFRESH_TOKEN_LIFETIME: "8d", SESSION_LIFETIME: "7d" },
      "refreshTokenLifetime: must be at most sessionLifetime",
      "REFRESH_TOKEN_LIFETIME: must be at most SESSION_LIFETIME",
    ],
    [
      "a shared secret",
      { redisUrl: `redis://:${SECRET_KEY}@127.0.0.1` },
      { REDIS_URL: `redis://:${SECRET_KEY}@127.0.0.1`, SECRET_KEY },
      "secretKey: must not also be part of redisUrl",
      "SECRET_KEY: must not also be part of REDIS_URL",
    ],
    [
      "a feature's setting",
      { graphiql: true, isProduction: true },
      { GRAPHIQL: "on", NODE_ENV: "production", SECRET_KEY },
      "graphiql: must be off where others can reach the server",
      "GRAPHIQL: must be off where others can reach the server",
    ],
  ])("%s", async (_what, options, env, byOption, byVariable) => {
    expect(await refusedByServer(options)).toEqual([byOption]);
    expect(refusedByCommand(env)).toEqual([byVariable]);
  });

  test("a wrong setting is not also reported as a contradiction", async () => {
    const options = { refreshTokenLifetime: 60 * 86_400, sessionLifetime: "90d" };
    expect(await refusedByServer(options)).toEqual([
      `sessionLifetime: must be from 60 to ${CENTURY} seconds, but is not a number`,
    ]);
  });
});

describe("all problems are listed at once", () => {
  test("for options: a type, a range, a contradiction, a feature's setting, and a misspelling", async () => {
    const lines = await refusedByServer({
      port: "4000",
      leeway: 61,
      refreshTokenLifetime: 60,
      graphiql: true,
      host: "0.0.0.0",
      acessTokenLifetime: 60,
    });
    expect(lines.sort()).toEqual([
      "accessTokenLifetime: must be less than refreshTokenLifetime",
      "acessTokenLifetime: is not a setting; did you mean accessTokenLifetime?",
      "graphiql: must be off where others can reach the server",
      "leeway: must be from 0 to 60 seconds, but is 1 second too long",
      "port: must be from 0 to 65535, but is not a whole number",
      "publicUrl: is required if others can reach the server; set it to the URL that clients use, such as https://auth.example.com",
    ]);
  });

  test("for variables, by the command, which writes nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wrong-settings-"));
    const env = {
      HOST: "0.0.0.0",
      PORT: "4000/",
      SESSION_LIFETIME: "1s",
      ACCESS_TOKEN_LIFETIME: "1h",
      REFRESH_TOKEN_LIFETIME: "1h",
      GRAPHIQL: "on",
      JWT_AUDIENC: "gate",
    };
    const ended = await runNode([CLI, "serve"], { cwd: folder, env });
    expect(ended.code).toBe(1);
    expect(ended.stderr.trimEnd().split("\n").sort()).toEqual([
      "gatehouse: ACCESS_TOKEN_LIFETIME: must be less than REFRESH_TOKEN_LIFETIME",
      "gatehouse: GRAPHIQL: must be off where others can reach the server",
      "gatehouse: JWT_AUDIENC: is not a setting; did you mean JWT_AUDIENCE?",
      "gatehouse: PORT: must be from 0 to 65535, but is not a whole number",
      "gatehouse: PUBLIC_URL: is required if others can reach the server; set it to the URL that clients use, such as https://auth.example.com",
      "gatehouse: SECRET_KEY: is required; `gatehouse generate-secret` makes one",
      "gatehouse: SESSION_LIFETIME: must be from 1m to 100y, but is 59 seconds too short",
    ]);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe("a setting of an application's feature", () => {
  const notes = defineFeature({
    name: "notes",
    settings: {
      notesPerUser: setting.wholeNumber({
        variable: "NOTES_PER_USER",
        from: 1,
        to: 100,
        default: 10,
      }),
      notesLifetime: setting.durationOrNever({ variable: "NOTES_LIFETIME", from: "1d" }),
    },
    findProblems: ({ notesPerUser, notesLifetime }) =>
      notesPerUser === 100 && notesLifetime === null
        ? [{ option: "notesPerUser", message: "must be less with", other: "notesLifetime" }]
        : [],
    create: () => ({}),
  });

  test("is refused in the same way as a setting of the core", async () => {
    expect(await refusedByServer({ notesPerUser: 101, notesLifetim: null }, [notes])).toEqual([
      "notesPerUser: must be from 1 to 100, but is 1 too large",
      "notesLifetim: is not a setting; did you mean notesLifetime?",
    ]);
    expect(refusedByCommand({ NOTES_PER_USER: "0" }, [notes])).toEqual([
      "NOTES_PER_USER: must be from 1 to 100, but is 1 too small",
    ]);
    expect(refusedByCommand({ NOTES_PER_USER: "100", NOTES_LIFETIME: "never" }, [notes])).toEqual([
      "NOTES_PER_USER: must be less with NOTES_LIFETIME",
    ]);
  });

  test("is an unknown option, and an ignored variable, if the feature is not loaded", async () => {
    expect(await refusedByServer({ notesPerUser: 5 })).toEqual(["notesPerUser: is not a setting"]);
    expect(refusedByCommand({ NOTES_PER_USER: "0" })).toEqual([]);
  });
});

describe("a message never repeats the value", () => {
  const OPTIONS = [
    "secretKey",
    "databaseUrl",
    "redisUrl",
    "jwtAlgorithm",
    "accessTokenLifetime",
    "staticTokenLifetime",
    "passwordMinLength",
    "throttleStore",
    "refreshCookie",
    "corsOrigins",
    "now",
  ];
  const VARIABLES = [
    ...["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "JWT_ALGORITHM", "ACCESS_TOKEN_LIFETIME"],
    ...["PASSWORD_MIN_LENGTH", "GRAPHIQL", "CORS_ORIGINS", "TRUSTED_PROXIES", "LOG_LEVEL", "PORT"],
  ];
  /** Texts that no setting accepts, and that do not occur in a message by chance. */
  const marked = fc.string({ maxLength: 12 }).map((text) => `§${text}`);

  test("for an option of any type", async () => {
    const value = marked.chain((mark) =>
      fc.constantFrom<unknown>(mark, [mark], { [mark]: mark }, [[mark]], Symbol(mark)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...OPTIONS), value, async (option, wrong) => {
        const lines = await refusedByAuth({ [option]: wrong });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(new RegExp(`^${option}: must be [^§]+$`));
      }),
    );
  });

  test("for a variable", () => {
    fc.assert(
      fc.property(fc.constantFrom(...VARIABLES), marked, (variable, wrong) => {
        const lines = refusedByCommand({ [variable]: wrong });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(new RegExp(`^${variable}: must be [^§]+$`));
      }),
    );
  });

  test("for a number out of range, which is refused with the range and the distance", async () => {
    const range = "passwordMinLength: must be from 8 to 64, but is";
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -1000, max: 7 }), async (value) => {
        const lines = await refusedByAuth({ passwordMinLength: value });
        expect(lines).toEqual([`${range} ${8 - value} too small`]);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 65 }), async (value) => {
        const lines = await refusedByAuth({ passwordMinLength: value });
        expect(lines).toEqual([`${range} ${value - 64} too large`]);
      }),
    );
  });
});

import ms, { type StringValue } from "ms";
import { z } from "zod";
import {
  AUTH_SETTINGS,
  checksOf,
  parse,
  SERVER_SETTINGS,
  type CoreServerOptions,
  type SettingsOwner,
  WrongSettings,
} from "./config.js";

type Read = (value: string) => unknown;

const asText: Read = (value) => value;
const asNumber: Read = (value) => (/^\d{1,9}$/.test(value) ? Number(value) : value);
const asSwitch: Read = (value) => ({ on: true, off: false })[value] ?? value;
const asList: Read = (value) => value.split(",").map((item) => item.trim());

/** `5m`, `7d`, `36h`: the text that `ms` reads, as whole seconds. */
const asDuration: Read = (value) =>
  /^\d{1,6} ?[a-z]+$/i.test(value)
    ? ((ms(value as StringValue) as number | undefined) ?? NaN) / 1000
    : NaN;
const asDurationOrNever: Read = (value) => (value === "never" ? null : asDuration(value));

/** Of libuv's threads half may hash passwords. */
const asHalf: Read = (value) =>
  /^\d{1,4}$/.test(value) ? Math.max(1, Math.floor(Number(value) / 2)) : value;

/** Each environment variable, the option that it sets, how its text is read, and what to say when it is wrong. */
const ENVIRONMENT: Readonly<Record<string, [option: string, Read, hint?: string]>> = {
  HOST: ["host", asText],
  PORT: ["port", asNumber, "a number from 0 to 65535"],
  DATABASE_URL: ["databaseUrl", asText],
  SECRET_KEY: ["secretKey", asList],
  JWT_ALGORITHM: ["jwtAlgorithm", asText],
  JWT_ISSUER: ["jwtIssuer", asText],
  JWT_AUDIENCE: ["jwtAudience", asText],
  ACCESS_TOKEN_LIFETIME: ["accessTokenLifetime", asDuration, "a duration from 1m to 1h"],
  REFRESH_TOKEN_LIFETIME: ["refreshTokenLifetime", asDuration, "a duration such as 7d"],
  SESSION_LIFETIME: ["sessionLifetime", asDuration, "a duration such as 30d"],
  STATIC_TOKEN_LIFETIME: [
    "staticTokenLifetime",
    asDurationOrNever,
    "a duration such as 90d, or never",
  ],
  KEY_ROTATION_INTERVAL: [
    "keyRotationInterval",
    asDurationOrNever,
    "a duration of at least 1h, or never",
  ],
  GRAPHIQL: ["graphiql", asSwitch, "on or off"],
  INTROSPECTION: ["introspection", asSwitch, "on or off"],
  CORS_ORIGINS: ["corsOrigins", asList],
  TRUSTED_PROXIES: ["trustedProxies", asList],
  LOG_LEVEL: ["logLevel", asText, "silent, fatal, error, warn, info, debug or trace"],
  PASSWORD_MIN_LENGTH: ["passwordMinLength", asNumber, "a number from 8 to 64"],
  THROTTLE_STORE: ["throttleStore", asText, "memory or database"],
  REDIS_URL: ["redisUrl", asText],
  LOGIN_FAILURES_PER_ACCOUNT: ["loginFailuresPerAccount", asNumber, "a number from 1 to 100"],
  LOGIN_FAILURE_LIMIT: ["loginFailureLimit", asNumber, "a number from 1 to 100"],
  LOGINS_PER_ADDRESS: ["loginsPerAddress", asNumber, "a number of at least 1"],
  REQUESTS_PER_ADDRESS: ["requestsPerAddress", asNumber, "a number of at least 1"],
  REFRESHES_PER_ADDRESS: ["refreshesPerAddress", asNumber, "a number of at least 1"],
  REFRESHES_PER_SESSION: ["refreshesPerSession", asNumber, "a number of at least 1"],
  REFRESH_COOKIE: ["refreshCookie", asSwitch, "on or off"],
  CONNECTIONS_PER_ADDRESS: ["connectionsPerAddress", asNumber, "a number of at least 1"],
  UV_THREADPOOL_SIZE: ["hashConcurrency", asHalf, "a number from 1 to 1024"],
  NODE_ENV: ["isProduction", (value) => value === "production"],
};

/** Reads the options that are set in the environment, and what is wrong with the others. An empty variable counts as not set. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  owners: readonly SettingsOwner[],
): {
  options: Partial<CoreServerOptions>;
  problems: string[];
} {
  const checks: Record<string, z.ZodType> = {
    ...AUTH_SETTINGS,
    ...SERVER_SETTINGS,
    ...checksOf(owners),
  };
  const options: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [variable, [setting, read, hint]] of Object.entries(ENVIRONMENT)) {
    const value = env[variable];
    const check = checks[setting];
    if (value === undefined || value === "" || check === undefined) continue;
    const schema = hint === undefined ? check : withError(check, hint);
    try {
      options[setting] = parse(schema, read(value), variable);
    } catch (error) {
      if (!(error instanceof WrongSettings)) throw error;
      problems.push(error.message);
    }
  }
  return { options, problems };
}

/** A message about options, in the words of somebody who sets variables. */
export function inVariables(message: string): string {
  return Object.entries(ENVIRONMENT).reduce(
    (text, [variable, [setting]]) => text.replaceAll(new RegExp(`\\b${setting}\\b`, "g"), variable),
    message,
  );
}

function withError(schema: z.ZodType, hint: string): z.ZodType {
  return z.unknown().refine((value) => schema.safeParse(value).success, `must be ${hint}`);
}

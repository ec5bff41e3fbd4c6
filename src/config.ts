import ms, { type StringValue } from "ms";
import { z } from "zod";
import type { AuthEvent } from "./events.js";

/** The algorithms that access tokens can be signed with. */
const JWT_ALGORITHMS = ["ES256", "RS256", "PS256", "HS256"] as const;

/** A JWS algorithm of RFC 7518. */
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** How Gatehouse authenticates. Only `secretKey` is required. All durations are whole seconds. */
export interface AuthOptions {
  /** `sqlite:PATH`. @default "sqlite:data/gatehouse.sqlite" */
  databaseUrl?: string | undefined;
  /**
   * The root secret, at least 32 bytes; every other key comes from it. A list is [current, previous…].
   * `gatehouse generate-secret` makes one.
   */
  secretKey: string | readonly string[];
  /** Signs access tokens. @default "ES256" */
  jwtAlgorithm?: JwtAlgorithm | undefined;
  /** The `iss` claim. @default the server's own URL; "gatehouse" when embedded */
  jwtIssuer?: string | undefined;
  /** The `aud` claim. @default "gatehouse" */
  jwtAudience?: string | undefined;
  /** From 60 to 3,600. @default 300 */
  accessTokenLifetime?: number | undefined;
  /** How long a session may go without a refresh. @default 604_800 (7 days) */
  refreshTokenLifetime?: number | undefined;
  /** The absolute limit of a session, which no refresh extends. @default 2_592_000 (30 days) */
  sessionLifetime?: number | undefined;
  /** `null` means that static tokens do not expire. @default 7_776_000 (90 days) */
  staticTokenLifetime?: number | null | undefined;
  /**
   * How long the immediate predecessor of an unused refresh token is answered with that same token again,
   * for clients that lost the answer. From 0, which is strict, to 60. @default 10
   */
  reuseWindow?: number | undefined;
  /** Accepted difference between clocks, from 0 to 60. @default 5 */
  leeway?: number | undefined;
  /**
   * `database` asks at each request whether the session of an access token lives; `stateless` trusts the signature
   * until `exp`, so that fields which ask for no role cost no query. @default "database"
   */
  bearerCheck?: "database" | "stateless" | undefined;
  /** How long a key signs access tokens before the next one does; `null` means until `rotate-keys`. @default 7_776_000 (90 days) */
  keyRotationInterval?: number | null | undefined;
  /** In code points, from 8 to 64. @default 15 */
  passwordMinLength?: number | undefined;
  /** The clock, in epoch milliseconds. @default Date.now */
  now?: (() => number) | undefined;
  /** Called for each event worth an audit trail, after it happened. A failure of it is a warning, nothing more. */
  onEvent?: ((event: AuthEvent) => unknown) | undefined;
}

/** {@link AuthOptions} with every default filled in, checked as a whole, and frozen. */
export interface AuthConfig {
  readonly databaseUrl: string;
  readonly secretKeys: readonly string[];
  readonly jwtAlgorithm: JwtAlgorithm;
  readonly jwtIssuer: string;
  readonly jwtAudience: string;
  readonly accessTokenLifetime: number;
  readonly refreshTokenLifetime: number;
  readonly sessionLifetime: number;
  readonly staticTokenLifetime: number | null;
  readonly reuseWindow: number;
  readonly leeway: number;
  readonly bearerCheck: "database" | "stateless";
  readonly keyRotationInterval: number | null;
  readonly passwordMinLength: number;
  readonly now: () => number;
  readonly onEvent: (event: AuthEvent) => unknown;
}

/** What `createServer` takes beside {@link AuthOptions}. */
export interface ServerOptions extends AuthOptions {
  /** @default "127.0.0.1" */
  host?: string | undefined;
  /** 0 picks a free port. @default 4000 */
  port?: number | undefined;
  /** Serve GraphiQL at `GET /graphql`. @default on when bound to loopback and not in production */
  graphiql?: boolean | undefined;
  /** Answer introspection. @default on when bound to loopback and not in production */
  introspection?: boolean | undefined;
  /** The exact origins that may call from a browser, such as `https://app.example.com`. @default none */
  corsOrigins?: readonly string[] | undefined;
  /** Addresses or CIDR ranges of proxies whose `X-Forwarded-For` is believed. @default none */
  trustedProxies?: readonly string[] | undefined;
  /** @default "info" */
  logLevel?: LogLevel | undefined;
  /** Whether to be as strict on loopback as elsewhere. @default false */
  isProduction?: boolean | undefined;
}

/** {@link ServerOptions} with every default filled in. */
export interface ServerConfig {
  readonly auth: AuthConfig;
  readonly host: string;
  readonly port: number;
  readonly isLoopback: boolean;
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly logLevel: LogLevel;
}

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

const DAY = 86_400;
const CENTURY = 36_525 * DAY;

const seconds = z.int("must be whole seconds");
const text = z.string().regex(/^[^\0]{1,255}$/, "must be 1 to 255 characters");

/** Long enough, and not one character over and over. */
const secret = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 32 && new Set(value).size >= 8, {
    error: "must be at least 32 random bytes; `gatehouse generate-secret` makes one",
  });

const origin = z
  .string()
  .refine((value) => URL.canParse(value) && new URL(value).origin === value, {
    error: "must be exact origins such as https://app.example.com",
  });

const addressRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: "must be IP addresses or CIDR ranges",
});

/** One entry for each of {@link AuthOptions}: what it must be, and its default. */
const AUTH_SETTINGS = {
  databaseUrl: z
    .string()
    .regex(
      /^(sqlite:(?!:memory:)|postgres(ql)?:\/\/)[^\0]+$/,
      "must be sqlite:PATH or postgresql://…",
    )
    .default("sqlite:data/gatehouse.sqlite"),
  secretKey: z.union([secret, z.array(secret).min(1)], {
    error: "must be at least 32 random bytes; `gatehouse generate-secret` makes one",
  }),
  jwtAlgorithm: z.enum(JWT_ALGORITHMS).default("ES256"),
  jwtIssuer: text.default("gatehouse"),
  jwtAudience: text.default("gatehouse"),
  accessTokenLifetime: seconds.min(60).max(3600).default(300),
  refreshTokenLifetime: seconds
    .min(60)
    .max(CENTURY)
    .default(7 * DAY),
  sessionLifetime: seconds
    .min(60)
    .max(CENTURY)
    .default(30 * DAY),
  staticTokenLifetime: seconds
    .min(60)
    .max(CENTURY)
    .nullable()
    .default(90 * DAY),
  reuseWindow: seconds.min(0).max(60).default(10),
  leeway: seconds.min(0).max(60).default(5),
  bearerCheck: z.enum(["database", "stateless"]).default("database"),
  keyRotationInterval: seconds
    .min(3600)
    .max(CENTURY)
    .nullable()
    .default(90 * DAY),
  passwordMinLength: z.int().min(8).max(64).default(15),
  now: z.custom<() => number>(isFunction, "must be a function").default(() => Date.now),
  onEvent: z
    .custom<(event: AuthEvent) => unknown>(isFunction, "must be a function")
    .default(() => () => undefined),
};

/** One entry for each option that only a server has. */
const SERVER_SETTINGS = {
  host: text.default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(4000),
  graphiql: z.boolean().optional(),
  introspection: z.boolean().optional(),
  corsOrigins: z.array(origin).default([]),
  trustedProxies: z.array(addressRange).default([]),
  logLevel: z.enum(LOG_LEVELS).default("info"),
  isProduction: z.boolean().default(false),
};

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

const authOptions = z.strictObject(AUTH_SETTINGS);
const serverOptions = z.strictObject({ ...AUTH_SETTINGS, ...SERVER_SETTINGS });

function parse<T extends z.ZodType>(schema: T, value: unknown, name?: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = name ?? issue?.path[0]?.toString() ?? "options";
  throw new TypeError(`${at}: ${issue?.message ?? "not valid"}`);
}

/**
 * Checks all options once, and fills in the defaults.
 * @throws TypeError that names the option, and never repeats its value.
 */
export function resolveConfig(options: AuthOptions): AuthConfig {
  const { secretKey, ...config } = parse(authOptions, options);
  requireThat(
    config.leeway < config.accessTokenLifetime,
    "leeway: must be less than accessTokenLifetime",
  );
  requireThat(
    config.accessTokenLifetime < config.refreshTokenLifetime,
    "accessTokenLifetime: must be less than refreshTokenLifetime",
  );
  requireThat(
    config.refreshTokenLifetime <= config.sessionLifetime,
    "refreshTokenLifetime: must be at most sessionLifetime",
  );
  return Object.freeze({ ...config, secretKeys: [secretKey].flat() });
}

function requireThat(condition: boolean, otherwise: string): void {
  if (!condition) throw new TypeError(otherwise);
}

/**
 * Checks a server's options once, and fills in the defaults.
 * @throws TypeError that names the option, and never repeats its value.
 */
export function resolveServerConfig(options: ServerOptions): ServerConfig {
  const { host, port, graphiql, introspection, isProduction, ...server } = parse(
    serverOptions,
    options,
  );
  const isAuthOption = ([name]: [string, unknown]) => Object.hasOwn(AUTH_SETTINGS, name);
  const auth = Object.fromEntries(Object.entries(options).filter(isAuthOption));
  const isLoopback = isLoopbackHost(host);
  const isOpen = isLoopback && !isProduction;
  return Object.freeze({
    auth: resolveConfig({
      ...(auth as unknown as AuthOptions),
      jwtIssuer: options.jwtIssuer ?? serverUrl(host, port),
    }),
    host,
    port,
    isLoopback,
    graphiql: graphiql ?? isOpen,
    introspection: introspection ?? isOpen,
    corsOrigins: server.corsOrigins,
    trustedProxies: server.trustedProxies,
    logLevel: server.logLevel,
  });
}

/** Whether only this machine can reach a server that listens on `host`. */
function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The URL of a server that listens on `host` and `port`. */
export function serverUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

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

const SETTINGS = { ...AUTH_SETTINGS, ...SERVER_SETTINGS };

/** Each environment variable, the option that it sets, how its text is read, and what to say when it is wrong. */
const ENVIRONMENT: Readonly<Record<string, [keyof typeof SETTINGS, Read, hint?: string]>> = {
  HOST: ["host", asText],
  PORT: ["port", asNumber, "a port from 0 to 65535"],
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
  LOG_LEVEL: ["logLevel", asText],
  PASSWORD_MIN_LENGTH: ["passwordMinLength", asNumber, "a number from 8 to 64"],
  NODE_ENV: ["isProduction", (value) => value === "production"],
};

/**
 * Reads the options that are set in the environment. An empty variable counts as not set.
 * @throws TypeError that names the variable, and never repeats its value.
 */
export function optionsFromEnv(
  env: Readonly<Record<string, string | undefined>>,
): Partial<ServerOptions> {
  if (env["REDIS_URL"]) throw new TypeError("REDIS_URL: is not served by this version");
  const options: Record<string, unknown> = {};
  for (const [variable, [setting, read, hint]] of Object.entries(ENVIRONMENT)) {
    const value = env[variable];
    if (value === undefined || value === "") continue;
    const schema = hint === undefined ? SETTINGS[setting] : withError(SETTINGS[setting], hint);
    options[setting] = parse(schema, read(value), variable);
  }
  return options;
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

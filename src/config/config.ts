import { z } from "zod";
import type { AuthEvent, Client } from "../events.js";
import { ACCESS_TOKEN_LIFETIME_MAX } from "./limits.js";
import type { Problem, Settings } from "./settings.js";

/** The algorithms that access tokens can be signed with. */
const JWT_ALGORITHMS = ["ES256", "RS256", "PS256", "HS256"] as const;

/** A JWS algorithm of RFC 7518. */
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** How Gatehouse authenticates. Only `secretKey` is required. All durations are whole seconds. */
export interface CoreOptions {
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
  /**
   * Where tries are counted: `memory` is this process; `database` survives a restart, and counts for all instances.
   * With `redisUrl` they are counted there. @default "memory"
   */
  throttleStore?: "memory" | "database" | undefined;
  /** `redis://…`: counts tries for several instances. While Redis is away each instance counts by itself. @default none */
  redisUrl?: string | undefined;
  /** Wrong passwords in a row that cost no wait; then it is 1 second, doubling up to 15 minutes. @default 5 */
  loginFailuresPerAccount?: number | undefined;
  /** Wrong passwords in a row after which no password is right any more, until it is set anew or unlocked. @default 100 */
  loginFailureLimit?: number | undefined;
  /** Logins per minute from one address; of IPv6, from one /64. @default 30 */
  loginsPerAddress?: number | undefined;
  /** Calls per minute from one address of any field that checks a credential. @default 100 */
  requestsPerAddress?: number | undefined;
  /** Refreshes per 5 minutes from one address. @default 150 */
  refreshesPerAddress?: number | undefined;
  /** Refreshes per 5 minutes of one session. @default 30 */
  refreshesPerSession?: number | undefined;
  /** Passwords hashed at once: at most half of libuv's threads, so that the database keeps the others. @default 2 */
  hashConcurrency?: number | undefined;
  /** The exact origins that may call from a browser, such as `https://app.example.com`. @default none */
  corsOrigins?: readonly string[] | undefined;
  /** Called for each event worth an audit trail, after it happened. A failure of it is a warning, nothing more. */
  onEvent?: ((event: AuthEvent, client: Client) => unknown) | undefined;
}

/** {@link CoreOptions} with every default filled in, checked as a whole, and frozen. */
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
  readonly throttleStore: "memory" | "database";
  readonly redisUrl: string | undefined;
  readonly loginFailuresPerAccount: number;
  readonly loginFailureLimit: number;
  readonly loginsPerAddress: number;
  readonly requestsPerAddress: number;
  readonly refreshesPerAddress: number;
  readonly refreshesPerSession: number;
  readonly hashConcurrency: number;
  readonly corsOrigins: readonly string[];
  /** Whether only developers use it: a server bound to loopback, with no proxy before it, and not in production. */
  readonly isOpen: boolean;
  readonly onEvent: (event: AuthEvent, client: Client) => unknown;
}

/** What `createServer` takes beside {@link CoreOptions}. */
export interface CoreServerOptions extends CoreOptions {
  /** @default "127.0.0.1" */
  host?: string | undefined;
  /** 0 picks a free port. @default 4000 */
  port?: number | undefined;
  /** Answer introspection. @default on where only this machine reaches the server, and not in production */
  introspection?: boolean | undefined;
  /** Connections from one address at a time; not counted where there are trusted proxies. @default 50 */
  connectionsPerAddress?: number | undefined;
  /** Addresses or CIDR ranges of proxies whose `X-Forwarded-For` is believed. @default none */
  trustedProxies?: readonly string[] | undefined;
  /** @default "info" */
  logLevel?: LogLevel | undefined;
  /** Whether to be as strict on loopback as elsewhere. @default false */
  isProduction?: boolean | undefined;
}

/** {@link CoreServerOptions} with every default filled in, checked as a whole, and frozen. */
export interface ServerConfig extends AuthConfig {
  readonly host: string;
  readonly port: number;
  readonly introspection: boolean;
  readonly trustedProxies: readonly string[];
  readonly connectionsPerAddress: number;
  readonly logLevel: LogLevel;
}

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

const DAY = 86_400;
const CENTURY = 36_525 * DAY;

const seconds = z.int("must be whole seconds");
const count = z.int("must be a whole number").min(1).max(1_000_000);
const text = z.string().regex(/^[^\0]{1,255}$/, "must be 1 to 255 characters");

/** Long enough, and not one character over and over. */
const secret = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 32 && new Set(value).size >= 8, {
    error: "must be at least 32 random bytes; `gatehouse generate-secret` makes one",
  });

/** Words of examples, of phrases, and of those who did not mean it. */
const EXAMPLES = /secret|passw|change.?me|example|default|insecure|your|test|1234|abcd|qwer|\s/i;
/** In bits, counting how often each character comes. */
const MIN_ENTROPY = 100;

/** Whether a secret that is long enough was still not made by chance. */
function isGuessable(value: string): boolean {
  const characters = Array.from(value);
  const counts = new Map<string, number>();
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1);
  const entropy = [...counts.values()].reduce(
    (bits, times) => bits - times * Math.log2(times / characters.length),
    0,
  );
  return EXAMPLES.test(value) || entropy < MIN_ENTROPY || /^(.{1,20})\1+$/s.test(value);
}

const origin = z.string().refine(isOrigin, {
  error: "must be exact origins such as https://app.example.com",
});

/** A `*` is taken for a part of a name by URL, and for any name by whoever writes it. */
function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value && !value.includes("*");
}

const addressRange = z
  .union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
    error: "must be IP addresses or CIDR ranges",
  })
  .refine((range) => !range.endsWith("/0"), { error: "must not be every address" });

/** One entry for each of {@link CoreOptions}: what it must be, and its default. */
export const AUTH_SETTINGS = {
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
  accessTokenLifetime: seconds.min(60).max(ACCESS_TOKEN_LIFETIME_MAX).default(300),
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
  throttleStore: z.enum(["memory", "database"]).default("memory"),
  redisUrl: z
    .string()
    .refine((value) => URL.canParse(value) && /^rediss?:\/\//.test(value), {
      error: "must be redis://… or rediss://…",
    })
    .optional(),
  loginFailuresPerAccount: count.max(100).default(5),
  loginFailureLimit: count.max(100).default(100),
  loginsPerAddress: count.default(30),
  requestsPerAddress: count.default(100),
  refreshesPerAddress: count.default(150),
  refreshesPerSession: count.default(30),
  hashConcurrency: z.int().min(1).max(512).default(2),
  corsOrigins: z.array(origin).default([]),
  now: z.custom<() => number>(isFunction, "must be a function").default(() => Date.now),
  onEvent: z
    .custom<(event: AuthEvent, client: Client) => unknown>(isFunction, "must be a function")
    .default(() => () => undefined),
};

/** One entry for each option that only a server has. */
export const SERVER_SETTINGS = {
  host: text.default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(4000),
  introspection: z.boolean().optional(),
  connectionsPerAddress: count.default(50),
  trustedProxies: z.array(addressRange).default([]),
  logLevel: z.enum(LOG_LEVELS).default("info"),
  isProduction: z.boolean().default(false),
};

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/** Every setting that is wrong, each on a line of its own. The lines name the settings, and never repeat a value. */
export class WrongSettings extends TypeError {
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "TypeError";
  }
}

/**
 * Checks one value, or all options.
 * @param name of the one value; where options are checked, each has its own
 * @throws {@link WrongSettings}
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown, name?: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, keys, message }: Issue) => {
    const at = name ?? keys?.[0] ?? path[0]?.toString() ?? "options";
    return `${at}: ${keys === undefined ? message : "is no option"}`;
  });
  throw new WrongSettings([...new Set(problems)]);
}

type Issue = z.core.$ZodIssue & { keys?: string[] };

/** Throws what `problems` says is wrong, if anything is. */
function requireNone(problems: Readonly<Record<string, boolean>>): void {
  const found = Object.keys(problems).filter((problem) => problems[problem]);
  if (found.length > 0) throw new WrongSettings(found);
}

/** Whoever adds settings to the core's: a feature. */
export interface SettingsOwner {
  readonly settings?: Settings;
  /** What is wrong with the values beyond what each entry checks by itself. */
  findProblems?(config: AuthConfig): readonly Problem[];
}

/**
 * Checks all options once, and fills in the defaults.
 * @param owners who adds settings to the core's
 * @throws TypeError that names the option, and never repeats its value.
 */
export function resolveConfig(
  options: CoreOptions,
  owners: readonly SettingsOwner[] = [],
): AuthConfig {
  const parsed = parse(z.strictObject({ ...AUTH_SETTINGS, ...checksOf(owners) }), options);
  return checked({ ...requireConsistent(parsed), isOpen: false }, owners);
}

/**
 * Checks a server's options once, and fills in the defaults.
 * @param owners who adds settings to the core's
 * @throws TypeError that names the option, and never repeats its value.
 */
export function resolveServerConfig(
  options: CoreServerOptions,
  owners: readonly SettingsOwner[] = [],
): ServerConfig {
  const checks = { ...AUTH_SETTINGS, ...SERVER_SETTINGS, ...checksOf(owners) };
  const { isProduction, ...server } = parse(z.strictObject(checks), options);
  const isOpen = isOpenWith({ ...server, isProduction });
  const jwtIssuer = options.jwtIssuer ?? serverUrl(server.host, server.port);
  const config = requireConsistent({ ...server, jwtIssuer });
  requireNone({
    "introspection: must be off where others can reach the server":
      server.introspection === true && !isOpen,
    "secretKey: looks like an example or a phrase; `gatehouse generate-secret` makes one":
      !isOpen && config.secretKeys.some(isGuessable),
  });
  return checked({ ...config, introspection: server.introspection ?? isOpen, isOpen }, owners);
}

/** The checks of all owners' settings, for a strict object. */
export function checksOf(owners: readonly SettingsOwner[]): Record<never, z.ZodType> {
  return Object.fromEntries(
    owners.flatMap(({ settings = {} }) =>
      Object.entries(settings).map(([option, { check }]) => [option, check]),
    ),
  );
}

function checked<Config extends AuthConfig>(
  config: Config,
  owners: readonly SettingsOwner[],
): Config {
  const problems = owners.flatMap((owner) => owner.findProblems?.(config) ?? []);
  if (problems.length === 0) return Object.freeze(config);
  throw new WrongSettings(problems.map(({ option, message }) => `${option}: ${message}`));
}

function requireConsistent<Config extends z.infer<z.ZodObject<typeof AUTH_SETTINGS>>>({
  secretKey,
  ...config
}: Config) {
  const secretKeys = [secretKey].flat();
  const { accessTokenLifetime, refreshTokenLifetime, sessionLifetime, leeway } = config;
  const urls = `${config.databaseUrl} ${config.redisUrl ?? ""}`;
  requireNone({
    "leeway: must be less than accessTokenLifetime": leeway >= accessTokenLifetime,
    "accessTokenLifetime: must be less than refreshTokenLifetime":
      accessTokenLifetime >= refreshTokenLifetime,
    "refreshTokenLifetime: must be at most sessionLifetime": refreshTokenLifetime > sessionLifetime,
    "secretKey: must not hold the same secret twice": new Set(secretKeys).size < secretKeys.length,
    "secretKey: must not be used for the database or Redis too": secretKeys.some(
      (key) => urls.includes(key) || urls.includes(encodeURIComponent(key)),
    ),
  });
  return { ...config, redisUrl: config.redisUrl, secretKeys };
}

/** Whether only developers use a server with these options. */
export function isOpenWith({
  host = "127.0.0.1",
  trustedProxies = [],
  isProduction = false,
}: Partial<CoreServerOptions>): boolean {
  return isLoopback(host) && trustedProxies.length === 0 && !isProduction;
}

/** Whether only this machine can reach a server that listens on `host`. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The URL of a server that listens on `host` and `port`. */
export function serverUrl(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

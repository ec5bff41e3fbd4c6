import { z } from "zod";
import type { User } from "../accounts/user.js";
import type { AuthEvent, Client } from "../events.js";
import { DATABASE_URL } from "./database-url.js";
import {
  callback,
  duration,
  durationOrNever,
  list,
  oneOf,
  onOff,
  text,
  wholeNumber,
} from "./kinds.js";
import { CORS_ORIGINS, PUBLIC_URL } from "./origin.js";
import { ROLE_LIST } from "./role-list.js";
import { isRepetitive, SECRET_KEYS } from "./secret-keys.js";
import type { Setting } from "./setting.js";
import { parseList, parseWholeNumber } from "./variable-text.js";

// The comment above an entry describes the setting in editors, in `gatehouse serve --help` and in docs/settings.md. The
// entry itself says the unit, the range and the default.

/** The algorithms that access tokens can be signed with. @see RFC 7518 3.1 */
const JWT_ALGORITHMS = ["ES256", "RS256", "PS256", "HS256"] as const;

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

/** The longest `accessTokenLifetime`. A replaced signing key must be kept at least as long. */
export const ACCESS_TOKEN_LIFETIME_MAX = "1h";

/** The settings of `createAuth`. */
export const AUTH_SETTINGS = {
  /** The database: a SQLite file, or PostgreSQL. */
  databaseUrl: DATABASE_URL,
  /** The PostgreSQL schema of the tables. In other schemas, the database can hold the tables of other programs. */
  databaseSchema: text({
    variable: "DATABASE_SCHEMA",
    accepts: (value) => /^[^\0]+$/.test(value) && Buffer.byteLength(value) <= 63,
    allowed: "a name of 1 to 63 bytes",
    defaultNote: "the first of the role's `search_path`",
  }),
  /** How many connections to PostgreSQL this process opens at most. */
  databasePoolSize: wholeNumber({
    variable: "DATABASE_POOL_SIZE",
    from: 1,
    to: 1000,
    defaultNote: "`10`",
  }),
  /**
   * Whether Gatehouse creates a missing SQLite file, and its tables in a database that lacks them. If this is off,
   * Gatehouse does not start without the file or the tables. This reveals a wrong path or a lost volume.
   */
  createDatabase: onOff({
    defaultNote: "true; for a server on SQLite, only in development",
  }),
  /**
   * The root secret. Keys derived from it encrypt the signing keys, and sign refresh and sliding tokens. A list has the
   * current secret first, then the previous ones.
   */
  secretKey: {
    variable: "SECRET_KEY",
    check: SECRET_KEYS,
    read: parseList,
    allowed: "at least 32 random bytes",
    fault: (value) => (isRepetitive(value) ? "is not random" : ""),
    hint: "`gatehouse generate-secret` makes one",
    defaultNote: "in development `gatehouse` makes one at the first start",
  } satisfies Setting,
  /** The algorithm that signs access tokens. */
  jwtAlgorithm: oneOf(JWT_ALGORITHMS, { variable: "JWT_ALGORITHM", default: "ES256" }),
  /** The URL at which clients reach Gatehouse. Required if other machines can reach the server. */
  publicUrl: PUBLIC_URL,
  /** The `iss` claim that every JWT must carry. Changing it invalidates all earlier JWTs. */
  jwtIssuer: text({
    variable: "JWT_ISSUER",
    defaultNote: {
      option: "`publicUrl`, otherwise `gatehouse`",
      variable: "`PUBLIC_URL`, otherwise `gatehouse`",
    },
  }),
  /** The `aud` claim that every JWT must carry. Changing it invalidates all earlier JWTs. */
  jwtAudience: text({ variable: "JWT_AUDIENCE", default: "gatehouse" }),
  /** The `client_id` claim of access tokens: the application that users log in to. Only other services read it. */
  jwtClientId: text({ variable: "JWT_CLIENT_ID", default: "gatehouse" }),
  /** How long an access token lives. */
  accessTokenLifetime: duration({
    variable: "ACCESS_TOKEN_LIFETIME",
    from: "1m",
    to: ACCESS_TOKEN_LIFETIME_MAX,
    default: "5m",
  }),
  /** How long a session may go without a refresh; also how long a sliding token lives. */
  refreshTokenLifetime: duration({
    variable: "REFRESH_TOKEN_LIFETIME",
    from: "1m",
    default: "7d",
  }),
  /** How long a session may last in all. No refresh extends it. */
  sessionLifetime: duration({ variable: "SESSION_LIFETIME", from: "1m", default: "30d" }),
  /** How long a static token lives. */
  staticTokenLifetime: durationOrNever({
    variable: "STATIC_TOKEN_LIFETIME",
    from: "1m",
    default: "90d",
  }),
  /**
   * How long a client may send a replaced refresh token again, for example because the response was lost. The client
   * then gets the new token once more. With 0, any reuse ends the session.
   */
  reuseWindow: duration({ from: "0s", to: "60s", default: "10s" }),
  /** The accepted difference between the clocks of servers. */
  leeway: duration({ from: "0s", to: "60s", default: "5s" }),
  /**
   * `database` looks up the session of an access token at each request. `stateless` trusts the signature until the
   * token expires. Fields that require a role still look up the session.
   */
  bearerCheck: oneOf(["database", "stateless"], { default: "database" }),
  /**
   * How long a key signs access tokens before the next key replaces it. With `never`, only `gatehouse rotate-keys`
   * replaces it.
   */
  keyRotationInterval: durationOrNever({
    variable: "KEY_ROTATION_INTERVAL",
    from: "1h",
    default: "90d",
  }),
  /**
   * The roles, lowest first: each may do everything that the roles before it may do. New users have the first role, and
   * administrators the last.
   */
  roles: ROLE_LIST,
  /** The shortest accepted password, in code points. */
  passwordMinLength: wholeNumber({
    variable: "PASSWORD_MIN_LENGTH",
    from: 8,
    to: 64,
    default: 15,
  }),
  /**
   * Where the rate limits count attempts if there is no Redis. `memory` counts in this process only; `database` counts
   * for all instances and survives a restart.
   */
  throttleStore: oneOf(["memory", "database"], { variable: "THROTTLE_STORE", default: "memory" }),
  /** The Redis in which all instances count attempts. While Redis is unreachable, each instance counts alone. */
  redisUrl: text({
    variable: "REDIS_URL",
    accepts: (value) => URL.canParse(value) && /^rediss?:\/\//.test(value),
    allowed: "redis://… or rediss://…",
  }),
  /** Wrong passwords in a row before the account has to wait: 1 second at first, doubling up to 15 minutes. */
  loginFailuresPerAccount: wholeNumber({
    variable: "LOGIN_FAILURES_PER_ACCOUNT",
    from: 1,
    to: 100,
    default: 5,
  }),
  /** How many wrong passwords in a row lock an account. A new password or `gatehouse unlock` unlocks it. */
  loginFailureLimit: wholeNumber({
    variable: "LOGIN_FAILURE_LIMIT",
    from: 1,
    to: 100,
    default: 100,
  }),
  /** Logins per minute from one address; for IPv6, from one /64. */
  loginsPerAddress: count("LOGINS_PER_ADDRESS", 30),
  /** Requests per minute from one address to fields that check a credential. */
  requestsPerAddress: count("REQUESTS_PER_ADDRESS", 100),
  /** How many refreshes one address may send in 5 minutes. */
  refreshesPerAddress: count("REFRESHES_PER_ADDRESS", 150),
  /** How many refreshes one session may have in 5 minutes. */
  refreshesPerSession: count("REFRESHES_PER_SESSION", 30),
  /**
   * Passwords hashed at the same time. The default is half of `UV_THREADPOOL_SIZE`, the number of libuv's threads: the
   * database needs the others.
   */
  hashConcurrency: {
    ...wholeNumber({ from: 1, to: 512, default: 2 }),
    variable: "UV_THREADPOOL_SIZE",
    read: (value: string) => {
      const threads = parseWholeNumber(value);
      const isInRange = typeof threads === "number" && threads >= 1 && threads <= 1024;
      return isInRange ? Math.max(1, Math.floor(threads / 2)) : value;
    },
    allowed: { option: "from 1 to 512", variable: "from 1 to 1024" },
    // For `UV_THREADPOOL_SIZE=2000`, `read` returns the text "2000". The `fault` of `wholeNumber` would then say
    // `is not a whole number`, which is wrong.
    fault: () => "",
    default: { option: "2", variable: "4" },
  },
  /** The exact origins that browsers may send requests from. */
  corsOrigins: CORS_ORIGINS,
  /**
   * Called at each login or refresh that issues an access token. Returns the application's own claims for the token.
   * These claims cannot replace Gatehouse's claims. If the function fails, the operation is refused as an internal
   * error. If the function takes longer than 5 seconds, the operation is refused as unavailable.
   */
  claims: callback<((user: User) => object | Promise<object>) | undefined>({ default: undefined }),
  /** The clock, in epoch milliseconds. */
  now: callback<() => number>({ default: () => Date.now(), defaultNote: "`Date.now`" }),
  /**
   * Called after each event of the audit trail, with the event and the client that caused it. If the function fails, a
   * warning is printed and the operation continues.
   */
  onEvent: callback<(event: AuthEvent, client: Client) => unknown>({ default: () => undefined }),
};

/** The settings that only `createServer` has. */
export const SERVER_SETTINGS = {
  /** The address to listen on. */
  host: text({ variable: "HOST", default: "127.0.0.1" }),
  /** The port to listen on; 0 picks a free one. */
  port: wholeNumber({ variable: "PORT", from: 0, to: 65_535, default: 4000 }),
  /** Whether introspection queries are answered. */
  introspection: onOff({
    variable: "INTROSPECTION",
    defaultNote: "on in development, otherwise off",
  }),
  /**
   * Whether the group that owns the SQLite files may access them. Needed if the platform assigns the volume to a group,
   * as Kubernetes does with a pod's `fsGroup`. Other users may never access the files.
   */
  databaseGroupAccess: onOff({ variable: "DATABASE_GROUP_ACCESS", default: false }),
  /** How many connections from one address may be open. Not limited on loopback or behind trusted proxies. */
  connectionsPerAddress: count("CONNECTIONS_PER_ADDRESS", 50),
  /**
   * How long an idle connection stays open. Behind a proxy, it must be longer than the proxy's own timeout for idle
   * connections.
   */
  keepAliveTimeout: duration({
    variable: "KEEP_ALIVE_TIMEOUT",
    from: "1s",
    to: "1h",
    defaultNote: {
      option: "5; behind trusted proxies 75",
      variable: "5s; behind trusted proxies 75s",
    },
  }),
  /** The addresses or CIDR ranges of proxies whose `X-Forwarded-For` is trusted. */
  trustedProxies: list({
    variable: "TRUSTED_PROXIES",
    accepts: (range) => ADDRESS_RANGE.safeParse(range).success,
    allowed: "IP addresses or CIDR ranges",
  }),
  /** Messages of this level, and more severe ones, are logged. */
  logLevel: oneOf(LOG_LEVELS, { variable: "LOG_LEVEL", default: "info" }),
  /**
   * Whether a server that only this machine can reach follows the rules for production, such as no introspection. Any
   * other server always follows these rules.
   */
  isProduction: {
    ...onOff({ default: false }),
    variable: "NODE_ENV",
    read: (value: string) => value === "production",
    allowed: { option: "true or false", variable: "production for yes, anything else for no" },
    default: { option: "false", variable: "development" },
  },
};

const ADDRESS_RANGE = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

function count(variable: string, usual: number) {
  return wholeNumber({ variable, from: 1, to: 1_000_000, default: usual });
}

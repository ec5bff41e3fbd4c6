import type { User } from "../accounts/user.js";
import type { AuthEvent, Client } from "../events.js";
import { count } from "./count.js";
import { DATABASE_URL } from "./database-url.js";
import { callback, duration, durationOrNever, oneOf, onOff, text, wholeNumber } from "./kinds.js";
import { CORS_ORIGINS, PUBLIC_URL } from "./origin.js";
import { findRedisUrlFault, isRedisUrl } from "./redis-url.js";
import { ROLE_LIST } from "./role-list.js";
import { isRepetitive, SECRET_KEYS } from "./secret-keys.js";
import type { Setting } from "./setting.js";
import { parseList, parseWholeNumber } from "./variable-text.js";

// Editors, `gatehouse serve --help` and docs/settings.md show the comment above an entry. The help and docs/settings.md
// also show the range with its unit and the default, so the comment need not repeat them.

/** The algorithms that can sign access tokens. @see RFC 7518 3.1 */
const JWT_ALGORITHMS = ["ES256", "RS256", "PS256", "HS256"] as const;

/** The longest `accessTokenLifetime`. A replaced signing key must be kept at least this long. */
export const ACCESS_TOKEN_LIFETIME_MAX = "1h";

/** The default of `now`. On PostgreSQL, the database's clock replaces it. */
export const SYSTEM_CLOCK = (): number => Date.now();

/** The settings of `createAuth`. */
export const AUTH_SETTINGS = {
  /** The database: a SQLite file, or PostgreSQL. */
  databaseUrl: DATABASE_URL,
  /**
   * The PostgreSQL schema of Gatehouse's tables. Other schemas of the database can hold the tables of other programs.
   */
  databaseSchema: text({
    variable: "DATABASE_SCHEMA",
    accepts: (value) => /^[^\0]+$/.test(value) && Buffer.byteLength(value) <= 63,
    allowed: "a name of 1 to 63 bytes",
    defaultNote: "the first of the role's `search_path`",
  }),
  /** The largest number of connections to PostgreSQL that this process opens. */
  databasePoolSize: wholeNumber({
    variable: "DATABASE_POOL_SIZE",
    from: 1,
    to: 1000,
    defaultNote: "`10`",
  }),
  /**
   * Whether Gatehouse creates a missing SQLite file and missing tables. If this is off, Gatehouse refuses to start
   * without them, so that a wrong path or a lost volume is noticed.
   */
  createDatabase: onOff({
    defaultNote: "true; for a server on SQLite, only in development",
  }),
  /**
   * The root secret. Keys that are derived from it encrypt the signing keys, and sign refresh and sliding tokens. In a
   * list, the current secret is first, and the previous secrets follow.
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
  /** The URL that clients use for Gatehouse. Required if other machines can reach the server. */
  publicUrl: PUBLIC_URL,
  /** The `iss` claim of every JWT. A new value invalidates all earlier JWTs. */
  jwtIssuer: text({
    variable: "JWT_ISSUER",
    defaultNote: {
      option: "`publicUrl`, otherwise `gatehouse`",
      variable: "`PUBLIC_URL`, otherwise `gatehouse`",
    },
  }),
  /** The `aud` claim of every JWT. A new value invalidates all earlier JWTs. */
  jwtAudience: text({ variable: "JWT_AUDIENCE", default: "gatehouse" }),
  /** The `client_id` claim of access tokens, which names the application. Only other services read it. */
  jwtClientId: text({ variable: "JWT_CLIENT_ID", default: "gatehouse" }),
  /** How long an access token lives. */
  accessTokenLifetime: duration({
    variable: "ACCESS_TOKEN_LIFETIME",
    from: "1m",
    to: ACCESS_TOKEN_LIFETIME_MAX,
    default: "5m",
  }),
  /** How long a session lasts without a refresh. A sliding token lives just as long. */
  refreshTokenLifetime: duration({
    variable: "REFRESH_TOKEN_LIFETIME",
    from: "1m",
    default: "7d",
  }),
  /** How long a session lasts in total. A refresh does not extend it. */
  sessionLifetime: duration({ variable: "SESSION_LIFETIME", from: "1m", default: "30d" }),
  /** How long a static token lives. */
  staticTokenLifetime: durationOrNever({
    variable: "STATIC_TOKEN_LIFETIME",
    from: "1m",
    default: "90d",
  }),
  /**
   * How long a client may send a replaced refresh token again, for example after a lost response. The client then gets
   * the same new token again. If a client sends a replaced token later, the session ends.
   */
  reuseWindow: duration({ from: "0s", to: "60s", default: "10s" }),
  /** The accepted difference between the clocks of servers. */
  leeway: duration({ from: "0s", to: "60s", default: "5s" }),
  /**
   * `database` looks up the session of an access token at each request. `stateless` trusts the signature until the
   * token expires. Fields with a higher role or with `freshWithin` still look up the session.
   */
  bearerCheck: oneOf(["database", "stateless"], { default: "database" }),
  /**
   * How long a key signs access tokens before the next key replaces it. With `never`, only `gatehouse rotate-keys`
   * replaces a key.
   */
  keyRotationInterval: durationOrNever({
    variable: "KEY_ROTATION_INTERVAL",
    from: "1h",
    default: "90d",
  }),
  /**
   * The roles, lowest first. Each role includes the rights of the roles before it. New users have the first role, and
   * administrators have the last.
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
   * Where rate limits count attempts if there is no Redis. `memory` counts in each process. `database` counts for all
   * instances, and survives a restart.
   */
  throttleStore: oneOf(["memory", "database"], { variable: "THROTTLE_STORE", default: "memory" }),
  /**
   * The Redis or Valkey in which all instances count attempts: one server, one that Sentinels choose, or a Cluster.
   * With `rediss` instead of `redis`, connections use TLS. While Redis is unreachable, each instance counts separately.
   */
  redisUrl: {
    ...text({
      variable: "REDIS_URL",
      accepts: (value) => isRedisUrl(value) && findRedisUrlFault(value) === "",
      allowed:
        "redis://host:6379, redis+sentinel://host:26379,…/mymaster or redis+cluster://host:6379,…",
    }),
    fault: findRedisUrlFault,
  },
  /**
   * The number of wrong passwords in a row after which a user must wait before the next login. Wrong second factors
   * have a count of their own. The wait is 1 second at first, and doubles up to 15 minutes.
   */
  loginFailuresPerAccount: wholeNumber({
    variable: "LOGIN_FAILURES_PER_ACCOUNT",
    from: 1,
    to: 100,
    default: 5,
  }),
  /**
   * The number of wrong passwords and second factors in a row that locks an account. A new password or `gatehouse
   * unlock` unlocks it. A password reset by mail does not unlock a user with a second factor.
   */
  loginFailureLimit: wholeNumber({
    variable: "LOGIN_FAILURE_LIMIT",
    from: 1,
    to: 100,
    default: 100,
  }),
  /**
   * Logins per minute from one IPv4 address or one IPv6 /64 network. Requests that are as expensive as a login count,
   * too: those that send a mail or hash a password.
   */
  loginsPerAddress: count("LOGINS_PER_ADDRESS", 30),
  /** Requests per minute from one address that check a credential or are as expensive as a login. */
  requestsPerAddress: count("REQUESTS_PER_ADDRESS", 100),
  /** Refreshes in 5 minutes from one address. */
  refreshesPerAddress: count("REFRESHES_PER_ADDRESS", 150),
  /** Refreshes in 5 minutes of one session. */
  refreshesPerSession: count("REFRESHES_PER_SESSION", 30),
  /**
   * The number of passwords that are hashed at the same time. The default is half of `UV_THREADPOOL_SIZE`, the number
   * of libuv's threads. The database needs the other threads.
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
    // For `UV_THREADPOOL_SIZE=2000`, `read` returns the text "2000". The `fault` of `wholeNumber` would wrongly say
    // that it is not a whole number.
    fault: () => "",
    default: { option: "2", variable: "4" },
  },
  /** The exact origins whose pages may send requests from a browser. */
  corsOrigins: CORS_ORIGINS,
  /**
   * Called before an access token is issued, for example at a login or a refresh. Returns the application's own claims
   * for the token, which cannot replace Gatehouse's claims. If the function fails, the client gets
   * `INTERNAL_SERVER_ERROR`. If it takes longer than 5 seconds, the client gets `SERVICE_UNAVAILABLE`.
   */
  claims: callback<((user: User) => object | Promise<object>) | undefined>({ default: undefined }),
  /**
   * Returns the current time, in epoch milliseconds. By default, all servers of one PostgreSQL database use that
   * database's clock.
   */
  now: callback<() => number>({
    default: SYSTEM_CLOCK,
    defaultNote: "PostgreSQL's clock, or with SQLite `Date.now`",
  }),
  /**
   * Called after each event of the audit trail, with the event and the client that caused it. If the function fails,
   * the process prints a warning, and the operation continues.
   */
  onEvent: callback<(event: AuthEvent, client: Client) => unknown>({ default: () => undefined }),
};

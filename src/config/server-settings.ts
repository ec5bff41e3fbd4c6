import { z } from "zod";
import { count } from "./count.js";
import { duration, list, oneOf, onOff, text, wholeNumber } from "./kinds.js";

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

/** The settings that only `createServer` has. */
export const SERVER_SETTINGS = {
  /** The address to listen on. */
  host: text({ variable: "HOST", default: "127.0.0.1" }),
  /** The port to listen on. With 0, the system picks a free port. */
  port: wholeNumber({ variable: "PORT", from: 0, to: 65_535, default: 4000 }),
  /** Whether the server answers introspection queries. */
  introspection: onOff({
    variable: "INTROSPECTION",
    defaultNote: "on in development, otherwise off",
  }),
  /**
   * Whether the group of the SQLite files may access them. Needed if the platform gives the volume to a group, such as
   * Kubernetes with `fsGroup`. Other users can never access the files.
   */
  databaseGroupAccess: onOff({ variable: "DATABASE_GROUP_ACCESS", default: false }),
  /**
   * The largest number of open connections from one address. No limit applies on loopback or behind trusted proxies.
   */
  connectionsPerAddress: count("CONNECTIONS_PER_ADDRESS", 50),
  /** How long an idle connection stays open. Must be longer than the idle timeout of a proxy in front of the server. */
  keepAliveTimeout: duration({
    variable: "KEEP_ALIVE_TIMEOUT",
    from: "1s",
    to: "1h",
    defaultNote: {
      option: "5; behind trusted proxies 75",
      variable: "5s; behind trusted proxies 75s",
    },
  }),
  /** The addresses or CIDR ranges of the proxies whose `X-Forwarded-For` header is trusted. */
  trustedProxies: list({
    variable: "TRUSTED_PROXIES",
    accepts: (range) => ADDRESS_RANGE.safeParse(range).success,
    allowed: "IP addresses or CIDR ranges",
  }),
  /** The lowest severity of messages that are logged. */
  logLevel: oneOf(LOG_LEVELS, { variable: "LOG_LEVEL", default: "info" }),
  /**
   * Whether a server that only this machine can reach follows the rules for production, such as no introspection. Any
   * other server always follows them.
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

import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { RedisUrl } from "../config/redis-url.js";

/** The longest wait for a connection, in milliseconds. */
const CONNECT_TIMEOUT = 1000;
/** The delay between two attempts to connect, in milliseconds. It doubles from `first` up to `max`. */
const RECONNECT_DELAY = { first: 50, max: 1000 };
/** Milliseconds after which a connection that owes a reply is closed, because its server has frozen or vanished. */
const SILENCE_TIMEOUT = 3000;
/** The interval at which a Cluster is asked where its keys are, in milliseconds. */
const REFRESH_INTERVAL = 2000;

/** Opens connections that are kept up until they are closed. The first one may still be missing. */
export function openRedisClient(
  url: RedisUrl,
  scripts: Record<string, { lua: string; numberOfKeys: number }>,
): Redis | Cluster {
  const tls = url.isTls ? { tls: {} } : {};
  const retryDelay = (attempt: number) =>
    Math.min(RECONNECT_DELAY.first * 2 ** (attempt - 1), RECONNECT_DELAY.max);
  const shared = {
    ...tls,
    username: url.username,
    password: url.password,
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: SILENCE_TIMEOUT,
    // An attempt that Redis did not count is counted in memory, so it must not be sent again.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Redis 5 knows only this version of the protocol.
    protocol: 2 as const,
    disableClientInfo: true,
  } satisfies RedisOptions;
  if (url.kind === "cluster") {
    return new Cluster([...url.hosts], {
      scripts,
      redisOptions: shared,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryDelay,
      // A command is not sent again, because the attempt is then counted in memory.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshTimeout: CONNECT_TIMEOUT,
      slotsRefreshInterval: REFRESH_INTERVAL,
      // Keeps the names of hosts, which their certificates contain.
      dnsLookup: (host, callback) => {
        callback(null, host);
      },
    });
  }
  return new Redis({
    ...shared,
    scripts,
    db: url.database,
    enableOfflineQueue: false,
    retryStrategy: retryDelay,
    ...(url.kind === "single"
      ? url.hosts[0]
      : {
          sentinels: [...url.hosts],
          name: url.name,
          sentinelPassword: url.sentinelPassword,
          sentinelCommandTimeout: CONNECT_TIMEOUT,
          sentinelRetryStrategy: retryDelay,
          // Leaves the old server as soon as the Sentinels have chosen another one.
          failoverDetector: true,
          ...(url.isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        }),
    // The server has become a replica.
    reconnectOnError: ({ message }) => message.includes("READONLY"),
  });
}

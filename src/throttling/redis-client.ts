import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { RedisUrl } from "../config/redis-url.js";

/** How long to wait at most for a connection, or for the answer that names the servers, in milliseconds. */
const CONNECT_TIMEOUT = 1000;
/** The delay between two attempts to connect, in milliseconds. It doubles from `first` up to `max`. */
const RECONNECT_DELAY = { first: 50, max: 1000 };
/** How long a server may leave a command unanswered before its connection is closed, in milliseconds. */
const SILENCE_TIMEOUT = 3000;
/** How often to ask a Cluster which node has which keys, in milliseconds. */
const REFRESH_INTERVAL = 2000;

/** Returns a client that reconnects until it is closed. The client may not be connected yet. */
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
    // Never send a command again. After the failure, the process has counted the attempt in memory, so Redis must not
    // count it too.
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
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshTimeout: CONNECT_TIMEOUT,
      slotsRefreshInterval: REFRESH_INTERVAL,
      // Connect by host name, because certificates contain host names.
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
          // Switch to the new server as soon as the Sentinels have chosen it.
          failoverDetector: true,
          ...(url.isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        }),
    // Reconnect when the server has become a replica, which accepts no writes.
    reconnectOnError: ({ message }) => message.includes("READONLY"),
  });
}

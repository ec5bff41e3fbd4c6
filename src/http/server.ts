import type { AddressInfo } from "node:net";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { type OpenAuth, openAuth } from "../auth.js";
import type { Auth, AuthOptions } from "../auth-api.js";
import type { AuthConfig } from "../config/auth-config.js";
import { toListenError } from "../config/problems.js";
import { type CoreServerOptions, type ServerConfig, serverUrl } from "../config/server-config.js";
import { requirePrivateFiles } from "../database/sqlite-file.js";
import { fingerprint } from "../events.js";
import type { Feature } from "../features/feature.js";
import { deriveKey } from "../keys/secret-key.js";
import { createApp } from "./app.js";
import { addCors } from "./cors.js";
import { stopListening } from "./drain.js";
import { addGraphql } from "./graphql.js";
import { addRequestObservers, addResponseListeners } from "./observe-requests.js";
import { addRoutes } from "./routes.js";

/** The options of `createServer`: the options of the core, of the features, and of the server itself. */
export type ServerOptions<F extends readonly Feature[] = []> = AuthOptions<F> & CoreServerOptions;

/** A running server. */
export interface Server<F extends readonly Feature[] = []> {
  /** The URL that the server listens on. */
  readonly url: string;
  readonly auth: Auth<F>;
  /** Stops accepting connections, lets running requests end within 10 seconds, and closes the database. */
  close(this: void): Promise<void>;
}

/** How long a stopping server waits for running requests, in milliseconds. */
const END_TIMEOUT = 10_000;

export type Log = Pick<FastifyBaseLogger, "info" | "warn">;

/**
 * The internals of a server, for our command and tests only.
 * @internal
 */
interface Inside extends Pick<OpenAuth, "core" | "flush" | "migrations"> {
  /**
   * Does the same as {@link Server.close}, but still answers requests that arrive on open connections. A proxy may send
   * such requests before it notices that the server is stopping.
   */
  drain(this: void): Promise<void>;
  readonly log: Log;
  /** The lines to print once the server listens. */
  readonly announcements: readonly string[];
}

/**
 * Starts a server.
 * @internal
 * @param config already checked
 * @param logStream where the log is written. @default standard output
 */
export async function startServer(
  config: ServerConfig,
  features: readonly Feature[],
  logStream?: NodeJS.WritableStream,
): Promise<Server & Inside> {
  const { app, connections } = createApp(config, logStream);
  const audited = { ...config, onEvent: auditTo(app.log, config) };
  const open = await openAuth(
    audited,
    features,
    (error) => {
      app.log.warn({ err: error }, "an error that did not make a request fail");
    },
    (line) => {
      app.log.info(line);
    },
  );
  const { auth, core, flush, migrations } = open;
  const release = async (stop?: () => Promise<void>) => {
    const timer = setTimeout(() => {
      app.server.closeAllConnections();
    }, END_TIMEOUT).unref();
    open.retire();
    connections.startEnding();
    await stop?.();
    await app.close();
    clearTimeout(timer);
    await auth.close();
  };
  const end = async (stop?: () => Promise<void>) => {
    app.log.info("Gatehouse is stopping");
    await release(stop);
    app.log.info("Gatehouse has stopped");
  };
  const close = () => end();
  const drain = () => end(() => stopListening(app.server, connections, config));
  try {
    auth.maintenance.start((error) => {
      app.log.error({ err: error }, "maintenance failed");
    });
    // Add these before the routes, because a Fastify scope only gets the hooks that exist when the scope is created.
    addResponseListeners(app, open.responseListeners);
    addRequestObservers(app, open.requestObservers);
    await addCors(app, open.cors, config);
    await addRoutes(app, auth.routes);
    const { introspection } = config;
    const isObserved = [...open.responseListeners, ...open.requestObservers].length > 0;
    await addGraphql(app, auth, { introspection, isObserved });
    if (!config.isDevelopment) {
      requirePrivateFiles(config.databaseUrl, config.databaseGroupAccess);
    }
    await listen(app, config);
    const url = serverUrl(config.host, portOf(app));
    const announcements = [];
    for (const announce of open.announcements) announcements.push(await announce(url));
    return { url, auth, core, flush, migrations, announcements, log: app.log, close, drain };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Returns a listener that logs each event and then calls `onEvent`. Logs only a fingerprint of `login`, because people
 * sometimes type their password as their user name.
 */
function auditTo(
  log: FastifyBaseLogger,
  { onEvent, secretKeys: [secretKey = ""] }: AuthConfig,
): AuthConfig["onEvent"] {
  const key = deriveKey(secretKey, "audit");
  return (event, client) => {
    const { type, ...details } =
      "login" in event ? { ...event, login: fingerprint(event.login, key) } : event;
    const { ipAddress: ip, requestId: reqId, traceId, actor } = client;
    log.info(
      {
        audit: type,
        ...details,
        ...(reqId && { reqId, ip }),
        traceId,
        actor,
      },
      "audit",
    );
    return onEvent(event, client);
  };
}

async function listen(app: FastifyInstance, { host, port }: ServerConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw toListenError(error, { host: "host", port: "port" });
  }
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

import { createHmac, type KeyObject } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { type Auth, type AuthOptions, type OpenAuth, openAuth } from "../auth.js";
import type { AuthConfig } from "../config/auth-config.js";
import { type Problem, WrongSettings } from "../config/problems.js";
import { type CoreServerOptions, type ServerConfig, serverUrl } from "../config/server-config.js";
import { requirePrivateFiles } from "../database/sqlite-file.js";
import type { Feature } from "../features/feature.js";
import { deriveKey } from "../keys/secret-key.js";
import { createApp } from "./app.js";
import { addGraphql } from "./graphql.js";
import { addRoutes } from "./routes.js";

/** The options of `createServer`: the core's, those of the features, and the server's own. */
export type ServerOptions<F extends readonly Feature[] = []> = AuthOptions<F> & CoreServerOptions;

/** A running server. */
export interface Server<F extends readonly Feature[] = []> {
  /** The URL that it listens on. */
  readonly url: string;
  readonly auth: Auth<F>;
  /** Stops accepting connections, lets running requests end, and closes the database. */
  close(this: void): Promise<void>;
}

/** How long `close` waits for running requests, in milliseconds. Some clients never finish theirs. */
const CLOSE_TIMEOUT = 5_000;

/** Writes lines to the server's log. */
export type Log = Pick<FastifyBaseLogger, "info" | "warn">;

/**
 * The inside of a server, for our command and tests only.
 * @internal
 */
interface Inside extends Pick<OpenAuth, "core" | "flush" | "migrations"> {
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
  const app = createApp(config, logStream);
  const audited = { ...config, onEvent: auditTo(app.log, config) };
  const open = await openAuth(audited, features, (error) => {
    app.log.warn({ err: error }, "an error that failed no request");
  });
  const { auth, core, flush, migrations } = open;
  const close = async () => {
    const impatient = setTimeout(() => {
      app.server.closeAllConnections();
    }, CLOSE_TIMEOUT).unref();
    await app.close();
    clearTimeout(impatient);
    await auth.close();
  };
  const stop = async () => {
    app.log.info("Gatehouse stops");
    await close();
    app.log.info("Gatehouse has stopped");
  };
  try {
    auth.maintenance.start((error) => {
      app.log.error({ err: error }, "maintenance failed");
    });
    await addRoutes(app, auth.routes);
    await addGraphql(app, open, config);
    if (!config.isDevelopment) {
      requirePrivateFiles(config.databaseUrl, config.databaseGroupAccess);
    }
    await listen(app, config);
    warnOfUnsetIssuer(app.log, config);
    const url = serverUrl(config.host, portOf(app));
    const announcements = open.announcements.map((announce) => announce(url));
    return { url, auth, core, flush, migrations, announcements, log: app.log, close: stop };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Logs each event. The login name is replaced by a fingerprint, because people type passwords into the wrong field. */
function auditTo(
  log: FastifyBaseLogger,
  { onEvent, secretKeys: [secretKey = ""] }: AuthConfig,
): AuthConfig["onEvent"] {
  const key = deriveKey(secretKey, "audit");
  return (event, client) => {
    const { type, ...details } =
      "login" in event ? { ...event, login: fingerprint(event.login, key) } : event;
    const { ipAddress: ip, requestId: reqId } = client;
    log.info({ audit: type, ...details, ...(reqId && { reqId, ip }) }, "audit");
    return onEvent(event, client);
  };
}

/** Keyed, so that a reader of the log cannot brute-force the value. */
function fingerprint(text: string, key: KeyObject): string {
  return createHmac("sha256", key).update(text).digest("hex").slice(0, 16);
}

/** Warns when tokens name the address that the server listens on, although clients reach it by another one. */
function warnOfUnsetIssuer(
  log: FastifyBaseLogger,
  { isDevelopment, jwtIssuer, host, port }: ServerConfig,
): void {
  if (isDevelopment || jwtIssuer !== serverUrl(host, port)) return;
  log.warn(
    "JWT_ISSUER is not set, so the issuer of tokens is the address that the server listens on",
  );
}

/** For each error code of the system when the server cannot listen: the setting to change, and why. */
const LISTEN_ERRORS: Readonly<Record<string, Problem>> = {
  EADDRINUSE: { option: "port", message: "is in use by another process" },
  EACCES: { option: "port", message: "may not be used by this process" },
  EADDRNOTAVAIL: { option: "host", message: "is not an address of this machine" },
  ENOTFOUND: { option: "host", message: "is not an address of this machine" },
};

async function listen(app: FastifyInstance, { host, port }: ServerConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const problem = LISTEN_ERRORS[(error as NodeJS.ErrnoException).code ?? ""];
    throw problem === undefined ? error : new WrongSettings([problem], { cause: error });
  }
}

/** The port that the system picked if the setting is 0. */
function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

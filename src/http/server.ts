import { createHmac, type KeyObject } from "node:crypto";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { type Auth, openAuth } from "../auth.js";
import {
  type AuthConfig,
  resolveServerConfig,
  type ServerConfig,
  type ServerOptions,
  serverUrl,
} from "../config/config.js";
import { createApp } from "./app.js";
import { addGraphql } from "./graphql.js";
import { deriveKey } from "../keys/secret-key.js";
import { requirePrivateFiles } from "../database/private-files.js";

/** A running server. */
export interface Server {
  /** Where it listens. */
  readonly url: string;
  /** Whether GraphiQL is served at `GET /graphql`. */
  readonly hasGraphiql: boolean;
  readonly auth: Auth;
  /** Stops accepting, lets running requests end, and closes the database. */
  close(): Promise<void>;
}

const READINESS_TIMEOUT = 1_000;
/** How long running requests, and those who never finish theirs, may hold up the end. */
const CLOSE_TIMEOUT = 5_000;

/**
 * Starts a server: GraphQL at `POST /graphql`, GraphiQL at `GET /graphql`, the public keys, and health.
 * @throws TypeError that names the option which is wrong; Error when the port or the database cannot be opened
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const config = resolveServerConfig(options);
  const app = createApp(config);
  const audited = { ...config.auth, onEvent: auditTo(app.log, config.auth) };
  const auth = await openAuth(audited, (error) => {
    app.log.warn({ err: error }, "something failed that failed no request");
  });
  try {
    auth.maintenance.start((error) => {
      app.log.error({ err: error }, "maintenance failed");
    });
    await addGraphql(app, auth, config);
    addKeys(app, auth);
    addHealth(app, auth);
    if (!config.isOpen) requirePrivateFiles(config.auth.databaseUrl);
    await listen(app, config);
  } catch (error) {
    await app.close();
    await auth.close();
    throw error;
  }
  return {
    url: serverUrl(config.host, portOf(app)),
    hasGraphiql: config.graphiql,
    auth,
    close: async () => {
      const impatient = setTimeout(() => {
        app.server.closeAllConnections();
      }, CLOSE_TIMEOUT).unref();
      await app.close();
      clearTimeout(impatient);
      await auth.close();
    },
  };
}

/** Logs each event, with who tried to log in made unreadable: people type passwords into the wrong field. */
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

/** Keyed, or who reads the log could try passwords on it. */
function fingerprint(text: string, key: KeyObject): string {
  return createHmac("sha256", key).update(text).digest("hex").slice(0, 16);
}

/** What the system says when it cannot listen, in our words. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "port: is in use by another process",
  EACCES: "port: may not be used by this process",
  EADDRNOTAVAIL: "host: is no address of this machine",
  ENOTFOUND: "host: is no address of this machine",
};

async function listen(app: FastifyInstance, { host, port }: ServerConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const message = LISTEN_ERRORS[(error as NodeJS.ErrnoException).code ?? ""];
    throw message === undefined ? error : new TypeError(message, { cause: error });
  }
}

/** The port that the system picked, where 0 was asked for. */
function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

function addKeys(app: FastifyInstance, auth: Auth): void {
  app.get("/.well-known/jwks.json", (_request, reply) =>
    reply.header("cache-control", "public, max-age=300").send(auth.jwks()),
  );
}

function addHealth(app: FastifyInstance, auth: Auth): void {
  app.get("/health/live", () => ({ status: "ok" }));
  app.get("/health/ready", async (_request, reply) => {
    const isReady = await Promise.race([auth.isReady(), sleep(READINESS_TIMEOUT, false)]);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? "ok" : "unavailable" });
  });
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { toListenError } from "../../config/problems.js";
import { serverUrl } from "../../config/server-config.js";
import { AuthError, CHALLENGES, HTTP_STATUS } from "../../errors.js";
import { warn } from "../../events.js";
import { METRICS_TYPE, type Scrape } from "./scrape.js";

const PATH = "/metrics";
const MAX_CONNECTIONS = 20;
/** How long a scraper may take to send its request, in milliseconds. */
const REQUEST_TIMEOUT = 5000;

/** An HTTP server that serves only the metrics. */
export class OwnPort {
  readonly #server: Server;

  constructor(scrape: Scrape) {
    const timeouts = { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT };
    this.#server = createServer(timeouts, (request, response) => {
      void respond(scrape, request, response);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * @returns the URL of the metrics
   * @throws {@link WrongSettings} when the port cannot be used
   */
  async listen(port: number, host = "127.0.0.1"): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(port, host, resolve);
    }).catch((error: unknown) => {
      throw toListenError(error, { host: "metricsHost", port: "metricsPort" });
    });
    const address = this.#server.address() as AddressInfo;
    return `${serverUrl(host, address.port)}${PATH}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }
}

async function respond(
  scrape: Scrape,
  { method = "", url = "", headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("cache-control", "no-store").setHeader("x-content-type-options", "nosniff");
  try {
    const isServed = ["GET", "HEAD"].includes(method) && url.split("?", 1)[0] === PATH;
    if (!isServed) throw new NotServed();
    const text = await scrape(headers.authorization ?? null);
    response.setHeader("content-type", METRICS_TYPE).end(text);
  } catch (error) {
    const refusal = error instanceof AuthError ? error : new Broken();
    if (refusal !== error) warn(error);
    if (refusal.code === "UNAUTHENTICATED") response.setHeader("www-authenticate", CHALLENGES);
    response.statusCode = refusal instanceof NotServed ? 404 : HTTP_STATUS[refusal.code];
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(JSON.stringify({ errors: [refusal] }));
  }
}

class NotServed extends AuthError {
  constructor() {
    super(`There is nothing here. The metrics are at GET ${PATH}.`, { code: "BAD_REQUEST" });
  }
}

class Broken extends AuthError {
  constructor() {
    super("Internal server error.", { code: "INTERNAL_SERVER_ERROR" });
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterAll, beforeAll } from "@jest/globals";
import { findFreePort } from "../support/free-port.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server whose answer a test can change, and which counts the requests. */
export interface CountingServer {
  readonly url: string;
  /** The number of requests that have arrived. Tests reset it to 0. */
  requests: number;
  answer: Answer;
  /** Stops the server, which then refuses connections. */
  readonly stop: () => Promise<void>;
  /** Listens again, on the same port. */
  readonly start: () => Promise<void>;
}

/** Starts a server before the tests of the surrounding block, and stops it after them. */
export function setUpCountingServer(answer: Answer): CountingServer {
  let port = 0;
  const http = createServer((request, response) => {
    server.requests += 1;
    server.answer(request, response);
  });
  const server: CountingServer = {
    requests: 0,
    answer,
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    start: () =>
      new Promise((resolve) => {
        http.listen(port, "127.0.0.1", resolve);
      }),
    stop: () =>
      new Promise((resolve) => {
        http.close(() => {
          resolve();
        });
        http.closeAllConnections();
      }),
  };
  beforeAll(async () => {
    port = await findFreePort();
    await server.start();
  });
  afterAll(server.stop);
  return server;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

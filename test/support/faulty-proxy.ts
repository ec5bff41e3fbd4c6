import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** Changes or drops a response, after the server has executed the operation. */
export type Fault = (response: ServerResponse, body: string) => Promise<void> | void;

/** A request that the proxy forwarded. */
export interface Seen {
  operation: string;
  variables: Record<string, unknown>;
  authorization: string | undefined;
  headers: NodeJS.Dict<string | string[]>;
}

const JSON_TYPE = { "content-type": "application/json" };

/** The ways to lose a response. */
export const LOSSES: Readonly<Record<string, Fault>> = {
  "that is cut off before its first byte": (response) => {
    response.destroy();
  },
  "that is cut off half-way": async (response, body) => {
    response.writeHead(200, { ...JSON_TYPE, "content-length": body.length });
    response.write(body.slice(0, body.length / 2));
    await sleep(20);
    response.destroy();
  },
  "that is truncated JSON": (response, body) => {
    response.writeHead(200, JSON_TYPE).end(body.slice(0, body.length / 2));
  },
  "that is a proxy's page": (response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<h1>Please wait</h1>");
  },
  "that is a 502 without a body": (response) => {
    response.writeHead(502).end();
  },
  "that is a GraphQL error with status 500": (response) => {
    response.writeHead(500, JSON_TYPE).end(errorOf("INTERNAL_SERVER_ERROR"));
  },
  "that is JSON but not GraphQL": (response) => {
    response.writeHead(200, JSON_TYPE).end("null");
  },
  "that comes too late": async (response, body) => {
    await sleep(1000);
    response.writeHead(200, JSON_TYPE).end(body);
  },
};

/** Returns a fault that replaces the response with this error. */
export function answerWith(status: number, code: string, rest: object = {}): Fault {
  return (response) => {
    response.writeHead(status, JSON_TYPE).end(errorOf(code, rest));
  };
}

function errorOf(code: string, rest: object = {}): string {
  return JSON.stringify({ errors: [{ message: code, extensions: { code, ...rest } }] });
}

/** A proxy that records requests, and applies the faults that a test asks for. */
export class FaultyProxy {
  readonly seen: Seen[] = [];
  readonly #server: Server;
  #faults: { operation: string; fault: Fault }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: string): Promise<FaultyProxy> {
    const server = createServer();
    const proxy = new FaultyProxy(server);
    server.on("request", (request, response) => {
      void (async () => {
        const body = await text(request);
        const { query, variables } = JSON.parse(body);
        const { authorization, accept } = request.headers;
        const name = /\b(?:query|mutation) (\w+)/.exec(query)?.[1] ?? "";
        proxy.seen.push({ operation: name, variables, authorization, headers: request.headers });
        const answer = await fetch(target + (request.url ?? ""), {
          method: "POST",
          headers: {
            ...JSON_TYPE,
            ...(authorization !== undefined && { authorization }),
            ...(accept !== undefined && { accept }),
          },
          body,
        });
        const answered = await answer.text();
        const fault = proxy.#take(name);
        if (fault) return fault(response, answered);
        const type = answer.headers.get("content-type") ?? "";
        response.writeHead(answer.status, { "content-type": type }).end(answered);
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/graphql`;
  }

  /** Counts the requests for an operation. */
  count(operation: string): number {
    return this.seen.filter((seen) => seen.operation === operation).length;
  }

  /** Applies each of these faults to one of the next responses to an operation, in order. */
  spoil(operation: string, ...faults: Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ operation, fault })));
  }

  /** Drops the recorded requests and the remaining faults. */
  reset(): void {
    this.seen.length = 0;
    this.#faults = [];
  }

  #take(operation: string): Fault | undefined {
    const index = this.#faults.findIndex((fault) => fault.operation === operation);
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0]?.fault;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Route } from "../features/feature.js";
import { refuseMethod } from "./graphql.js";

/** Serves the routes of features. */
export function addRoutes(app: FastifyInstance, routes: readonly Route[]): void {
  for (const { method, path, handle } of routes) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const response = await handle(toFetchRequest(request));
        if (response === null) return refuseMethod(request, reply);
        response.headers.forEach((value, name) => void reply.header(name, value));
        return reply.code(response.status).send(Buffer.from(await response.arrayBuffer()));
      },
    });
  }
}

function toFetchRequest({ protocol, host, url, method, headers, body }: FastifyRequest): Request {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((line): [string, string] => [name, line]),
  );
  const hasBody = method !== "GET" && method !== "HEAD" && body !== undefined;
  const origin = `${protocol}://${host}`;
  // The client may send anything as `Host`, so routes must not trust it.
  const base = URL.canParse(origin) ? origin : `${protocol}://localhost`;
  return new Request(new URL(url, base), {
    method,
    headers: lines,
    ...(hasBody && { body: JSON.stringify(body) }),
  });
}

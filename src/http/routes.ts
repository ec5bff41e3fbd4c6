import type { FastifyInstance, FastifyRequest } from "fastify";
import { readAddress } from "../authentication/request.js";
import { AuthError, CHALLENGES, HTTP_STATUS } from "../errors.js";
import type { Client } from "../events.js";
import type { Route } from "../features/feature.js";
import { schemeOf } from "./headers.js";

/** Serves the routes of features. Request bodies may have any content type, and are passed on unchanged. */
export async function addRoutes(app: FastifyInstance, routes: readonly Route[]): Promise<void> {
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
      parsed(null, body);
    });
    for (const { method, path, handle, isLogged = true } of routes) {
      scope.route({
        method,
        url: path,
        // Requests are logged as `info`, so the level `warn` leaves them out.
        ...(!isLogged && { logLevel: "warn" }),
        handler: async (request, reply) => {
          const response = await answer(handle, request);
          response.headers.forEach((value, name) => void reply.header(name, value));
          return reply.code(response.status).send(Buffer.from(await response.arrayBuffer()));
        },
      });
    }
    done();
  });
}

async function answer(handle: Route["handle"], request: FastifyRequest): Promise<Response> {
  try {
    return await handle(toFetchRequest(request), clientOf(request));
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.cause !== undefined) request.log.error({ err: error }, "a route failed");
    const { code, retryAfter } = error;
    const headers = new Headers();
    if (code === "UNAUTHENTICATED") headers.set("www-authenticate", CHALLENGES);
    if (retryAfter !== undefined) headers.set("retry-after", retryAfter.toString());
    return Response.json({ errors: [error] }, { status: HTTP_STATUS[code], headers });
  }
}

function clientOf(request: FastifyRequest): Client {
  const { headers, id } = request;
  const userAgent = headers["user-agent"] ?? null;
  return { ipAddress: readAddress(request), userAgent, requestId: id };
}

function toFetchRequest(request: FastifyRequest): Request {
  const { host, url, method, headers, body } = request;
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((line): [string, string] => [name, line]),
  );
  const scheme = schemeOf(request);
  const origin = `${scheme}://${host}`;
  // A client may send any text as `Host`, even one that no URL can contain. Routes must not trust it.
  const base = URL.canParse(origin) ? origin : `${scheme}://localhost`;
  return new Request(new URL(url, base), {
    method,
    headers: lines,
    body: Buffer.isBuffer(body) && body.length > 0 ? body : null,
  });
}

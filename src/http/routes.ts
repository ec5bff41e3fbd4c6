import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from "fastify";
import { readClient } from "../authentication/request.js";
import { AuthError, challengesOf, HTTP_STATUS } from "../errors.js";
import type { Route } from "../features/route.js";
import { schemeOf } from "./headers.js";
import type { RouteConfig } from "./refusals.js";

/** Serves the routes of features. A route gets the unchanged request body, for every content type. */
export async function addRoutes(app: FastifyInstance, routes: readonly Route[]): Promise<void> {
  const plugin: FastifyPluginCallback = (scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
      parsed(null, body);
    });
    for (const { method, path, handle, isLogged = true, refusalBody } of routes) {
      scope.route({
        method,
        url: path,
        config: { refusalBody, isProbe: !isLogged } satisfies RouteConfig,
        // Requests are logged at the level `info`, so the level `warn` hides them.
        ...(!isLogged && { logLevel: "warn" }),
        handler: async (request, reply) => {
          const response = await answer(handle, request);
          response.headers.forEach((value, name) => void reply.header(name, value));
          return reply.code(response.status).send(Buffer.from(await response.arrayBuffer()));
        },
      });
    }
    done();
  };
  // Without a name, Fastify looks for the plugin in all modules that are loaded.
  await app.register(Object.assign(plugin, { [Symbol.for("fastify.display-name")]: "routes" }));
}

async function answer(handle: Route["handle"], request: FastifyRequest): Promise<Response> {
  try {
    return await handle(toFetchRequest(request), readClient(request));
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    if (error.cause !== undefined) request.log.error({ err: error }, "a route failed");
    const { code, retryAfter } = error;
    const headers = new Headers();
    const challenges = challengesOf(error.extensions);
    if (challenges !== null) headers.set("www-authenticate", challenges);
    if (retryAfter !== undefined) headers.set("retry-after", retryAfter.toString());
    return Response.json({ errors: [error] }, { status: HTTP_STATUS[code], headers });
  }
}

function toFetchRequest(request: FastifyRequest): Request {
  const { host, url, method, raw, body } = request;
  const { rawHeaders } = raw;
  // Read `rawHeaders`, because `headers` keeps only the first of two `Authorization` lines. A route must see both.
  const lines = rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""]] : [],
  );
  const scheme = schemeOf(request);
  const origin = `${scheme}://${host}`;
  // Use `localhost` if the client sent a `Host` that a URL cannot contain.
  const base = URL.canParse(origin) ? origin : `${scheme}://localhost`;
  const target = new URL(url, base);
  // `Request` refuses a URL with a user or a password, which a client can send.
  target.username = target.password = "";
  return new Request(target, {
    method,
    headers: lines,
    body: Buffer.isBuffer(body) && body.length > 0 ? body : null,
  });
}

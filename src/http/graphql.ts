import fastifyCors from "@fastify/cors";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  createApolloServer,
  internalServerError,
  type OperationRecord,
  type ServerContext,
} from "../apollo/apollo-server.js";
import type { Auth } from "../auth.js";
import type { RefreshCookie } from "../authentication/refresh-cookie.js";
import type { ServerConfig } from "../config/config.js";
import { DocumentLimits } from "../apollo/document-limits.js";
import { ServiceUnavailable } from "../errors.js";
import { readGraphiql } from "../graphiql.js";
import { RECORD } from "./app.js";
import { createRefreshCookie, CSRF_HEADER } from "./cookie.js";
import { toGraphqlError } from "./refusals.js";

/** How long an operation may take, in milliseconds. */
const OPERATION_TIMEOUT = 10_000;
/** When to try again what took too long, in seconds. */
const RETRY_AFTER = 5;

/** Those that GraphQL is never served by. */
const OTHER_METHODS = ["OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"];

/** Serves GraphQL at `POST /graphql`, and GraphiQL at `GET /graphql`. */
export async function addGraphql(
  app: FastifyInstance,
  auth: Auth,
  config: ServerConfig,
): Promise<void> {
  const apollo = createApolloServer(auth.schema, {
    introspection: config.introspection,
    onFault: (error, requestId) => {
      app.log.error({ err: error, reqId: requestId }, "a resolver failed");
    },
  });
  await apollo.start();
  app.addHook("onClose", () => apollo.stop());
  if (config.corsOrigins.length > 0) {
    await app.register(fastifyCors, {
      origin: [...config.corsOrigins],
      methods: ["POST"],
      allowedHeaders: [
        ...["authorization", "content-type"],
        ...(config.refreshCookie ? [CSRF_HEADER] : []),
      ],
      credentials: config.refreshCookie,
      exposedHeaders: ["retry-after", "www-authenticate"],
      maxAge: 600,
    });
  }
  const limits = new DocumentLimits(auth.schema);
  app.post("/graphql", (request, reply) =>
    runOperation({ apollo, auth, limits, config }, request, reply),
  );
  if (config.graphiql) await addGraphiql(app);
  app.route({
    method: config.graphiql ? OTHER_METHODS : ["GET", "HEAD", ...OTHER_METHODS],
    url: "/graphql",
    handler: (request, reply) =>
      reply.code(405).header("allow", "POST").send(toGraphqlError(405, request.id)),
  });
}

interface Graphql {
  readonly apollo: ApolloServer<ServerContext>;
  readonly auth: Auth;
  readonly limits: DocumentLimits;
  readonly config: ServerConfig;
}

/** Hands a request to Apollo Server, whose answer is always one JSON text. */
async function runOperation(
  { apollo, auth, limits, config }: Graphql,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const httpHeaders = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    httpHeaders.set(name, String(value));
  }
  const { rawHeaders } = request.raw;
  // Until it is known to be an operation.
  const record: OperationRecord = { outcome: "BAD_REQUEST" };
  request.setDecorator(RECORD, record);
  const running = apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: "POST", headers: httpHeaders, search: "", body: request.body },
    context: async () => {
      const { id: requestId, headers, ip, raw } = request;
      const { query } = (request.body ?? {}) as { query?: unknown };
      // Of a body that is no request Apollo Server says so.
      if (typeof query === "string" && query !== "") limits.check(query);
      try {
        const { socket } = raw;
        const context = await auth.createContext({
          headers,
          rawHeaders,
          ip,
          socket,
          id: requestId,
        });
        const cookie = config.refreshCookie ? cookieOf(request, reply, config) : undefined;
        return { ...context, requestId, record, ...(cookie && { refreshCookie: cookie }) };
      } catch (error) {
        request.log.error({ err: error }, "the context could not be built");
        record.outcome = "INTERNAL_SERVER_ERROR";
        throw internalServerError(requestId);
      }
    },
  });
  const answer = await withinTime(running);
  if (answer === null) {
    record.outcome = "SERVICE_UNAVAILABLE";
    const error = new ServiceUnavailable(RETRY_AFTER);
    return reply
      .code(503)
      .header("retry-after", RETRY_AFTER)
      .send({ errors: [error] });
  }
  if (answer.body.kind !== "complete") throw new Error("Incremental delivery is not served.");
  for (const [name, value] of answer.headers) void reply.header(name, value);
  return reply.code(answer.status ?? 200).send(answer.body.string);
}

function cookieOf(
  { headers, host }: FastifyRequest,
  reply: FastifyReply,
  { corsOrigins, auth: { now } }: ServerConfig,
): RefreshCookie {
  return createRefreshCookie({ headers, host, corsOrigins, now }, (line) => {
    void reply.header("set-cookie", line);
  });
}

/** What comes of `running`, or null when it takes too long. */
async function withinTime<Result>(running: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, OPERATION_TIMEOUT, null);
  });
  try {
    return await Promise.race([running, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function addGraphiql(app: FastifyInstance): Promise<void> {
  const { page, files } = await readGraphiql();
  app.get("/graphql", (request, reply) => {
    if (!request.headers.accept?.includes("text/html")) {
      return reply.code(405).header("allow", "POST").send(toGraphqlError(405, request.id));
    }
    return reply.headers(page.headers).send(page.body);
  });
  for (const { path, headers, body } of files) {
    app.get(path, (_request, reply) => reply.headers(headers).send(body));
  }
}

import { type ApolloServer, HeaderMap } from "@apollo/server";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { GraphQLError } from "graphql";
import { type ApolloOptions, createApolloServer } from "../apollo/apollo-server.js";
import { DocumentLimits } from "../apollo/document-limits.js";
import { internalServerError } from "../apollo/format-error.js";
import type { OperationRecord, ServerContext } from "../apollo/plugins.js";
import type { Auth } from "../auth-api.js";
import type { AuthContext } from "../authentication/context.js";
import { ServiceUnavailable } from "../errors.js";
import { withinTime } from "../within-time.js";
import { RECORD } from "./observe-requests.js";
import { schemeOf, withoutQuotedLists } from "./headers.js";
import { toGraphqlError } from "./refusals.js";

/** How long an operation may take, in milliseconds. */
const OPERATION_TIMEOUT = 10_000;
/** Seconds after which a client should retry a timed-out operation. */
const RETRY_AFTER = 5;

/** The methods that `/graphql` answers. It serves some of them, and answers the others with status 405. */
const METHODS = ["GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"];

export async function addGraphql(
  app: FastifyInstance,
  auth: Auth,
  options: ApolloOptions,
): Promise<void> {
  const apollo = createApolloServer(auth.schema, options);
  await apollo.start();
  app.addHook("onClose", () => apollo.stop());
  const limits = new DocumentLimits(auth.schema);
  app.post("/graphql", (request, reply) => runOperation({ apollo, auth, limits }, request, reply));
  refuseOtherMethods(app);
}

/**
 * Refuses the methods that `/graphql` does not serve. The header `Allow` lists the served methods. @see RFC 9110 15.5.6
 */
function refuseOtherMethods(app: FastifyInstance): void {
  const url = "/graphql";
  const served = METHODS.filter((method) => app.hasRoute({ method, url }));
  app.route({
    method: METHODS.filter((method) => !served.includes(method)),
    url,
    handler: (request, reply) =>
      reply.code(405).header("allow", served.join(", ")).send(toGraphqlError(405, request.id)),
  });
}

interface Graphql {
  readonly apollo: ApolloServer<ServerContext>;
  readonly auth: Auth;
  readonly limits: DocumentLimits;
}

async function runOperation(
  { apollo, auth, limits }: Graphql,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // The outcome of a malformed body, for which `recordPlugin` does not run.
  const record: OperationRecord = { outcome: "BAD_REQUEST" };
  request.setDecorator(RECORD, record);
  let responseHeaders: AuthContext["responseHeaders"] = [];
  const running = apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: "POST",
      headers: headersOf(request),
      search: "",
      body: request.body,
    },
    context: async () => {
      const { query } = (request.body ?? {}) as { query?: unknown };
      // Apollo Server itself reports a malformed body.
      if (typeof query === "string" && query !== "") checkDocument(limits, query, record);
      try {
        const context = await auth.createContext(toRequestLike(request));
        responseHeaders = context.responseHeaders;
        const onFault = (error: unknown) => {
          request.log.error({ err: error }, "a resolver failed");
        };
        return { ...context, requestId: request.id, record, onFault };
      } catch (error) {
        request.log.error({ err: error }, "the context could not be built");
        record.outcome = "INTERNAL_SERVER_ERROR";
        throw internalServerError(request.id);
      }
    },
  });
  const answer = await withinTime(running, OPERATION_TIMEOUT, () => null);
  for (const [name, value] of responseHeaders) void reply.header(name, value);
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

/** Checks a document. Records the error code if the document is refused, because `recordPlugin` does not run then. */
function checkDocument(limits: DocumentLimits, text: string, record: OperationRecord): void {
  try {
    limits.check(text);
  } catch (error) {
    if (error instanceof GraphQLError) record.outcome = String(error.extensions["code"]);
    throw error;
  }
}

/**
 * Returns the headers for Apollo Server: a short content type and a simpler `Accept`, because Apollo Server parses long
 * headers in quadratic time. Fastify has already checked the content type.
 */
function headersOf({ headers: { accept, "content-type": type } }: FastifyRequest): HeaderMap {
  const headers = new HeaderMap();
  if (accept !== undefined) headers.set("accept", withoutQuotedLists(accept));
  if (type !== undefined) headers.set("content-type", "application/json");
  return headers;
}

function toRequestLike(request: FastifyRequest) {
  const { headers, raw, ip, host, id } = request;
  const { rawHeaders, socket } = raw;
  return { headers, rawHeaders, ip, host, protocol: schemeOf(request), socket, id };
}

import { ApolloServer } from "@apollo/server";
import { startServerAndCreateNextHandler } from "@as-integrations/next";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { apolloOptions, type AuthContext } from "graphql-gatehouse";
import type { NextRequest } from "next/server";
import { getAuth } from "../../lib/auth";

const MAX_BODY = 100 * 1024;

const typeDefs = `
  extend type Query {
    "Open to everyone."
    greeting: String! @public
    "Any signed-in user may read it."
    motto: String! @auth
    "How often the motto was read."
    mottoReads: Int! @auth(requires: ADMIN)
  }
`;

let reads = 0;

const resolvers = {
  Query: {
    greeting: () => "Welcome.",
    motto: async (_parent: unknown, _args: unknown, context: AuthContext) => {
      const { username } = await context.loadUser();
      reads += 1;
      return `Know thyself, ${username}.`;
    },
    mottoReads: () => reads,
  },
};

let handler: ((request: NextRequest) => Promise<Response>) | undefined;

/** Creates the handler at the first request, because `next build` also loads this file. */
function createHandler() {
  const auth = getAuth();
  // Only the schema that `guard` returns is guarded.
  const schema = auth.guard(
    makeExecutableSchema({
      typeDefs: [auth.typeDefs, typeDefs],
      resolvers: [auth.resolvers, resolvers],
    }),
  );
  const apollo = new ApolloServer<AuthContext>({
    ...apolloOptions(schema),
    stopOnTerminationSignals: false,
  });
  return startServerAndCreateNextHandler<NextRequest, AuthContext>(apollo, {
    // A Fetch request has no address. server.ts writes the client's address into this header.
    context: (request) =>
      auth.createContext(request, { ipAddress: request.headers.get("x-forwarded-for") }),
  });
}

export async function POST(request: NextRequest): Promise<Response> {
  // Next itself does not limit the length of a body.
  const length = request.headers.get("content-length");
  if (length === null || Number(length) > MAX_BODY) {
    return refuse(413, "The body must be at most 100 KiB, and state its length.");
  }
  // The Apollo integration would answer malformed JSON with 500.
  const isJson = await request
    .clone()
    .json()
    .then(
      () => true,
      () => false,
    );
  if (!isJson) return refuse(400, "The body must be JSON.");
  handler ??= createHandler();
  return handler(request);
}

/** Returns the response to a request that is refused before GraphQL. */
function refuse(status: number, message: string): Response {
  return Response.json({ errors: [{ message, extensions: { code: "BAD_REQUEST" } }] }, { status });
}

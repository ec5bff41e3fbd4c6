// A Fastify server of your own, with Gatehouse's operations and guards in its schema.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
import { ApolloServer } from "@apollo/server";
import { fastifyApolloDrainPlugin, fastifyApolloHandler } from "@as-integrations/fastify";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { fastify } from "fastify";
import { apolloOptions, type AuthContext, createAuth } from "graphql-gatehouse";
import { readPort } from "./settings.js";

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

async function start(): Promise<void> {
  const {
    DATABASE_URL = "sqlite:data/gatehouse.sqlite",
    SECRET_KEY = "",
    TRUST_PROXY,
  } = process.env;
  const port = readPort(process.env["PORT"]);
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

  // Only the schema that `guard` returns is guarded.
  const schema = auth.guard(
    makeExecutableSchema({
      typeDefs: [auth.typeDefs, typeDefs],
      resolvers: [auth.resolvers, resolvers],
    }),
  );

  // Rate limits count per address. If a proxy is in front, set TRUST_PROXY, so that `request.ip` is the client's
  // address.
  const app = fastify({ bodyLimit: 100 * 1024, trustProxy: TRUST_PROXY ?? false });
  const apollo = new ApolloServer<AuthContext>({
    ...apolloOptions(schema),
    stopOnTerminationSignals: false,
  });
  apollo.addPlugin(fastifyApolloDrainPlugin(app));
  apollo.addPlugin({ serverWillStart: async () => ({ serverWillStop: () => auth.close() }) });
  await apollo.start();

  // The Apollo integration builds a URL from the host, and would answer a malformed host with 500.
  app.addHook("onRequest", async (request, reply) => {
    if (URL.canParse(`http://${request.host}`)) return;
    await reply.code(400).send({
      errors: [{ message: "The Host header is not valid.", extensions: { code: "BAD_REQUEST" } }],
    });
  });
  // Fastify's own errors do not have GraphQL's form.
  app.setErrorHandler(async (error: { statusCode?: number }, _request, reply) => {
    const { statusCode = 500 } = error;
    const isBug = statusCode >= 500;
    if (isBug) console.error(error);
    const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
    const message = isBug ? "Internal server error." : "The request is not valid.";
    await reply.code(statusCode).send({ errors: [{ message, extensions: { code } }] });
  });
  app.route({
    url: "/graphql",
    method: ["GET", "POST"],
    handler: fastifyApolloHandler(apollo, {
      context: ({ raw, ip }) => auth.createContext(raw, { ipAddress: ip }),
    }),
  });

  const address = await app.listen({ port, host: "localhost" });
  console.log(`Ready at ${address}/graphql`);
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void apollo.stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

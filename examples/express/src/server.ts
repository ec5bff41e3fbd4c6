// An Express 5 server of your own, with Gatehouse's operations and guards in its schema.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import { expressMiddleware } from "@as-integrations/express5";
import { makeExecutableSchema } from "@graphql-tools/schema";
import express, { type NextFunction, type Request, type Response } from "express";
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

  const app = express();
  app.disable("x-powered-by");
  // Rate limits count per address. If a proxy is in front, set TRUST_PROXY, so that `request.ip` is the client's
  // address.
  if (TRUST_PROXY !== undefined) app.set("trust proxy", TRUST_PROXY);

  const httpServer = createServer(app);
  const apollo = new ApolloServer({ ...apolloOptions(schema), stopOnTerminationSignals: false });
  apollo.addPlugin(ApolloServerPluginDrainHttpServer({ httpServer }));
  apollo.addPlugin({ serverWillStart: async () => ({ serverWillStop: () => auth.close() }) });
  await apollo.start();

  app.use(
    "/graphql",
    express.json({ limit: "100kb" }),
    expressMiddleware(apollo, { context: ({ req }) => auth.createContext(req) }),
  );
  // Express would answer a malformed body with a page that shows the stack.
  app.use((error: { status?: number }, _req: Request, res: Response, _next: NextFunction) => {
    const { status = 500 } = error;
    const isBug = status >= 500;
    if (isBug) console.error(error);
    const code = isBug ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
    const message = isBug ? "Internal server error." : "The request is not valid.";
    res.status(status).json({ errors: [{ message, extensions: { code } }] });
  });

  httpServer.listen(port, () => {
    console.log(`Ready at http://localhost:${(httpServer.address() as AddressInfo).port}/graphql`);
  });
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void apollo.stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

// Gatehouse as a subgraph of Apollo Federation 2: it owns the users.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
// 5. In other shells, run `npm run reviews`, and then `npm run apollo-gateway` or `npm run hive-gateway`.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type NextFunction, type Request, type Response } from "express";
import { type GraphQLFieldResolver, parse } from "graphql";
import { apolloOptions, type AuthContext, createAuth } from "graphql-gatehouse";
import { readPort } from "./settings.js";

const typeDefs = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])

  extend type Query {
    greeting: String! @public
    motto: String! @auth
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

type Resolvers = Record<string, Record<string, GraphQLFieldResolver<unknown, AuthContext>>>;

async function start(): Promise<void> {
  const { DATABASE_URL = "sqlite:data/gatehouse.sqlite", SECRET_KEY = "" } = process.env;
  const port = readPort(process.env["PORT"]);
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

  // Other subgraphs can refer to users by id, and can also define Relay's PageInfo.
  const { typeDefs: authTypeDefs, resolvers: authResolvers } = auth.subgraph();
  const schema = auth.guard(
    buildSubgraphSchema([
      { typeDefs: parse(authTypeDefs), resolvers: authResolvers as Resolvers },
      { typeDefs: parse(typeDefs), resolvers },
    ]),
  );

  const app = express();
  app.disable("x-powered-by");
  // Trust only the X-Forwarded-For of the gateway, which runs on this machine.
  app.set("trust proxy", "loopback");

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

  httpServer.listen(port, "localhost", () => {
    console.log(`Ready at http://localhost:${(httpServer.address() as AddressInfo).port}/graphql`);
  });
  auth.maintenance.start(console.error);

  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void apollo.stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

// A schema-first Apollo server of your own, with Gatehouse's operations and guards in it.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { apolloOptions, createAuth } from "graphql-gatehouse";

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

async function start() {
  const {
    DATABASE_URL = "sqlite:data/gatehouse.sqlite",
    PORT = "4000",
    SECRET_KEY = "",
  } = process.env;
  const port = Number(PORT);
  if (!/^\d+$/.test(PORT) || port > 65_535) {
    throw new TypeError("PORT: must be a whole number from 0 to 65535");
  }
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

  // Only the schema that `guard` returns is guarded. In TypeScript, the context of a guarded resolver is a
  // SignedInContext.
  const schema = auth.guard(
    makeExecutableSchema({
      typeDefs: [auth.typeDefs, typeDefs],
      resolvers: [
        auth.resolvers,
        {
          Query: {
            greeting: () => "Welcome.",
            motto: async (_parent, _args, context) => {
              const { username } = await context.loadUser();
              reads += 1;
              return `Know thyself, ${username}.`;
            },
            mottoReads: () => reads,
          },
        },
      ],
    }),
  );

  const server = new ApolloServer({ ...apolloOptions(schema), stopOnTerminationSignals: false });
  server.addPlugin({ serverWillStart: async () => ({ serverWillStop: () => auth.close() }) });
  const { url } = await startStandaloneServer(server, {
    listen: { port },
    context: ({ req }) => auth.createContext(req),
  });
  console.log(`Ready at ${url}`);
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void server.stop());
}

start().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

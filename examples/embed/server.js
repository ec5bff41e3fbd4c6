// A schema-first Apollo server of your own, with Gatehouse's operations and guards in it.
// 1. Run `npm ci && npm pack` in the clone, and `npm install` here.
// 2. Set SECRET_KEY to the output of `npx gatehouse generate-secret`, and run `npm start`.
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { apolloOptions, createAuth } from "graphql-gatehouse";

const {
  DATABASE_URL: databaseUrl = "sqlite:data/embed.sqlite",
  PORT: port = "4000",
  SECRET_KEY: secretKey = "",
} = process.env;

const auth = await createAuth({ databaseUrl, secretKey });

const typeDefs = `
  extend type Query {
    "Any signed-in user may read it."
    motto: String! @auth
    "How often the motto was read."
    mottoReads: Int! @auth(requires: ADMIN)
  }
`;

let reads = 0;

// Only the schema that `guard` returns is guarded. In TypeScript, the context of a guarded resolver is a SignedInContext.
const schema = auth.guard(
  makeExecutableSchema({
    typeDefs: [auth.typeDefs, typeDefs],
    resolvers: [
      auth.resolvers,
      {
        Query: {
          motto: async (_parent, _args, context) => {
            reads += 1;
            const { username } = await context.loadUser();
            return `Know thyself, ${username}.`;
          },
          mottoReads: () => reads,
        },
      },
    ],
  }),
);

const server = new ApolloServer(apolloOptions(schema));

// Apollo Server stops at SIGINT and SIGTERM, and then the database is closed.
server.addPlugin({ serverWillStart: async () => ({ serverWillStop: () => auth.close() }) });

const { url } = await startStandaloneServer(server, {
  listen: { port: Number(port) },
  context: ({ req }) => auth.createContext(req),
});

// Deletes expired rows, and rotates the keys that sign tokens.
auth.maintenance.start(console.error);

console.log(`Ready at ${url}`);

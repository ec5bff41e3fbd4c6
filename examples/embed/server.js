// A schema-first Apollo server of your own, with Gatehouse's operations and guards in it.
// 1. Run `npm ci && npm pack` in the clone, and `npm install` here.
// 2. Set SECRET_KEY to the output of `npx gatehouse generate-secret`, and run `npm start`.
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { apolloOptions, createAuth } from "graphql-gatehouse";

const { DATABASE_URL, PORT = "4000", SECRET_KEY } = process.env;

const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

const typeDefs = `
  extend type Query {
    "Any signed-in user may read it."
    motto: String! @auth
    "How often the motto was read."
    mottoReads: Int! @auth(requires: ADMIN)
  }
`;

let reads = 0;

const resolvers = {
  Query: {
    motto: (_parent, _args, { user }) => {
      reads += 1;
      return `Know thyself, ${user.username}.`;
    },
    mottoReads: () => reads,
  },
};

// Only the schema that `guard` returns is guarded.
const schema = auth.guard(
  makeExecutableSchema({
    typeDefs: [auth.typeDefs, typeDefs],
    resolvers: [auth.resolvers, resolvers],
  }),
);

const server = new ApolloServer(apolloOptions(schema));

// Apollo Server stops at SIGINT and SIGTERM, and then the database is closed.
server.addPlugin({ serverWillStart: async () => ({ serverWillStop: () => auth.close() }) });

const { url } = await startStandaloneServer(server, {
  listen: { port: Number(PORT) },
  context: ({ req }) => auth.createContext(req),
});

// Deletes expired rows, and rotates the keys that sign tokens.
auth.maintenance.start(console.error);

console.log(`Ready at ${url}`);

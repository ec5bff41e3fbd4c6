// A schema-first Apollo server of your own, with Gatehouse's operations and guards in it.
// `npm run build` in the clone, `npm install` here, and start it with SECRET_KEY set (`npx gatehouse generate-secret`).
// Then make a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { apolloOptions, createAuth } from "gatehouse";

const { DATABASE_URL, PORT = "4000", SECRET_KEY } = process.env;

const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });

const typeDefs = `
  extend type Query {
    "For every signed-in user."
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

// Serve the schema that `guard` returns: the merged one is not guarded.
const schema = auth.guard(
  makeExecutableSchema({
    typeDefs: [auth.typeDefs, typeDefs],
    resolvers: [auth.resolvers, resolvers],
  }),
);

const server = new ApolloServer(apolloOptions(schema));

const { url } = await startStandaloneServer(server, {
  listen: { port: Number(PORT) },
  context: ({ req }) => auth.createContext(req),
});

console.log(`Ready at ${url}`);

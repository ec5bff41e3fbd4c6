// Another subgraph. Its reviews are public, and refer to users that only the accounts subgraph knows.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { readPort } from "./settings.js";

const typeDefs = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])

  type User @key(fields: "id", resolvable: false) {
    id: ID!
  }

  type Review {
    text: String!
    author: User!
  }

  type ReviewConnection {
    nodes: [Review!]!
    pageInfo: PageInfo!
  }

  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }

  type Query {
    reviews(authors: [ID!]!): ReviewConnection!
  }
`;

const resolvers = {
  Query: {
    reviews: (_parent: unknown, { authors }: { authors: string[] }) => ({
      nodes: authors.map((id) => ({ text: `A review by ${id}.`, author: { id } })),
      pageInfo: { hasNextPage: false, hasPreviousPage: false },
    }),
  },
};

const schema = buildSubgraphSchema({ typeDefs: parse(typeDefs), resolvers });
const { url } = await startStandaloneServer(new ApolloServer({ schema }), {
  listen: { port: readPort(process.env["PORT"] ?? "4001"), host: "localhost" },
});
console.log(`Ready at ${url}`);

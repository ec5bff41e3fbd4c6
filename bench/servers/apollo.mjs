// The baseline, bare Apollo: Apollo Server on Fastify, connected to HTTP as in Gatehouse. The result of `me` is constant.
import { ApolloServer, HeaderMap } from "@apollo/server";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import { fastify } from "fastify";

const apollo = new ApolloServer({
  typeDefs: `
    type Query { me: User! }
    type User { id: ID! username: String! email: String profile: Profile! }
    type Profile { role: String! }`,
  resolvers: {
    Query: {
      me: () => ({ id: "1", username: "ada", email: "ada@example.com", profile: { role: "USER" } }),
    },
  },
  plugins: [ApolloServerPluginCacheControlDisabled()],
  stopOnTerminationSignals: false,
});
await apollo.start();

const app = fastify();
app.post("/graphql", async (request, reply) => {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: "POST", headers, search: "", body: request.body },
    context: async () => ({}),
  });
  for (const [name, value] of answer.headers) void reply.header(name, value);
  return reply.code(answer.status ?? 200).send(answer.body.string);
});
await app.listen({ host: "127.0.0.1", port: 0 });

process.once("disconnect", () => process.exit());
process.send({ url: `http://127.0.0.1:${app.server.address().port}/graphql` });

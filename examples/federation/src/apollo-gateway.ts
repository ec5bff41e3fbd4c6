// Apollo Gateway in front of both subgraphs. It forwards the client's credential and address.
import { ApolloGateway, IntrospectAndCompose, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { readPort, readSubgraphs } from "./settings.js";

interface Context {
  authorization?: string | undefined;
  address?: string | undefined;
}

class Subgraph extends RemoteGraphQLDataSource<Context> {
  override willSendRequest({
    request,
    context,
  }: Parameters<NonNullable<RemoteGraphQLDataSource<Context>["willSendRequest"]>>[0]): void {
    const { authorization, address } = context;
    if (authorization !== undefined) request.http?.headers.set("authorization", authorization);
    if (address !== undefined) request.http?.headers.set("x-forwarded-for", address);
  }
}

const gateway = new ApolloGateway({
  supergraphSdl: new IntrospectAndCompose({ subgraphs: readSubgraphs() }),
  buildService: ({ url = "" }) => new Subgraph({ url }),
});

const { url } = await startStandaloneServer(new ApolloServer<Context>({ gateway }), {
  listen: { port: readPort(process.env["PORT"] ?? "4002"), host: "localhost" },
  context: async ({ req }) => ({
    authorization: req.headers.authorization,
    address: req.socket.remoteAddress,
  }),
});
console.log(`Ready at ${url}`);

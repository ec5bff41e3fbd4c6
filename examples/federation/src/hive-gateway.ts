// Hive Gateway in front of both subgraphs. It forwards the client's credential and address.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import { compositionHasErrors, composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";
import { readPort, readSubgraphs } from "./settings.js";

const SERVICE = JSON.stringify({ query: "{ _service { sdl } }" });

/** Reads the schema of a subgraph from its `_service`. */
async function readSubgraph({ name, url }: { name: string; url: string }) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: SERVICE,
  });
  const { data } = (await response.json()) as { data: { _service: { sdl: string } } };
  return { name, url, typeDefs: parse(data._service.sdl) };
}

const composed = composeServices(await Promise.all(readSubgraphs().map(readSubgraph)));
if (compositionHasErrors(composed)) {
  throw new Error(composed.errors.map(({ message }) => message).join("\n"));
}

interface ServerContext extends Record<string, unknown> {
  req: IncomingMessage;
  res: ServerResponse;
}

const gateway = createGatewayRuntime<ServerContext>({
  supergraph: composed.supergraphSdl,
  propagateHeaders: {
    fromClientToSubgraphs: ({ request, context }) => ({
      authorization: request.headers.get("authorization"),
      "x-forwarded-for": context.req?.socket.remoteAddress,
    }),
  },
  landingPage: false,
  graphiql: false,
  logging: false,
});

const server = createServer((req, res) => void gateway(req, res));
server.listen(readPort(process.env["PORT"] ?? "4003"), "localhost", () => {
  console.log(`Ready at http://localhost:${(server.address() as AddressInfo).port}/graphql`);
});
const stop = async () => {
  server.close();
  server.closeAllConnections();
  await gateway[Symbol.asyncDispose]();
};
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());

// A graphql-yoga server of your own, with Gatehouse's operations and guards in its schema, and guarded subscriptions
// over SSE and WebSockets.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuth, documentLimits } from "graphql-gatehouse";
import { parse } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { createYoga, type Plugin } from "graphql-yoga";
import { WebSocketServer } from "ws";
import { httpStatus } from "./http-status.js";
import { createSchema } from "./schema.js";
import { readPort } from "./settings.js";

const MAX_BODY = 100 * 1024;

/** How an operation arrived: in Node's request and, over a WebSocket, with the client's connectionParams. */
interface Transport {
  req: IncomingMessage;
  connectionParams?: Record<string, unknown> | undefined;
}

/** Yoga's versions of the functions of graphql-js, which run its plugins. */
type Enveloped = Pick<
  ReturnType<ReturnType<typeof createYoga>["getEnveloped"]>,
  "execute" | "subscribe"
>;

async function start(): Promise<void> {
  const { DATABASE_URL = "sqlite:data/gatehouse.sqlite", SECRET_KEY = "" } = process.env;
  const port = readPort(process.env["PORT"]);
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });
  const schema = createSchema(auth);
  const limits: Plugin = {
    onParse: ({ setParseFn }) => {
      setParseFn((source: string) => parse(source, { maxTokens: 1000 }));
    },
    onValidate: ({ addValidationRule }) => {
      addValidationRule(documentLimits(schema));
    },
  };

  const yoga = createYoga<Transport>({
    schema,
    // Browsers cannot add headers to a WebSocket, so the client sends `authorization` in the connectionParams.
    context: ({ req, connectionParams }) =>
      auth.createContext(connectionParams === undefined ? req : { headers: connectionParams }, {
        ipAddress: req.socket.remoteAddress,
      }),
    plugins: [limits, httpStatus],
    graphiql: false,
    landingPage: false,
    cors: false,
  });

  const httpServer = createServer((request, response) => {
    // Yoga builds a URL from the host, and would answer a malformed host with 500. It also reads a body of any length.
    const isHost = URL.canParse(`http://${request.headers.host}`);
    const length = Number(request.headers["content-length"] ?? 0);
    const isTooLong = length > MAX_BODY || request.headers["transfer-encoding"] !== undefined;
    if (!isHost) response.writeHead(400).end();
    else if (isTooLong) response.writeHead(413, { connection: "close" }).end();
    else void yoga(request, response);
  });

  const sockets = useServer<Record<string, unknown>>(
    {
      // Each operation gets its own context, as each HTTP request does.
      onSubscribe: async ({ connectionParams = {}, extra }, _id, params) => {
        const transport = { req: extra.request, connectionParams, params };
        const { schema, parse, validate, contextFactory, execute, subscribe } =
          yoga.getEnveloped(transport);
        const document = parse(params.query);
        const errors = validate(schema, document);
        if (errors.length > 0) return errors;
        return {
          schema,
          document,
          operationName: params.operationName,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        };
      },
      execute: (args) => (args.rootValue as Enveloped).execute(args),
      subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
    },
    new WebSocketServer({ server: httpServer, path: yoga.graphqlEndpoint, maxPayload: MAX_BODY }),
  );

  httpServer.listen(port, "localhost", () => {
    console.log(`Ready at http://localhost:${(httpServer.address() as AddressInfo).port}/graphql`);
  });
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  const stop = async () => {
    await sockets.dispose();
    // Without this, open event streams would never end.
    httpServer.close();
    httpServer.closeAllConnections();
    await yoga.dispose();
    await auth.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

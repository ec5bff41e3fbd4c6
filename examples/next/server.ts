// A Next.js application of your own, with Gatehouse's operations and guards in a route handler, and a page that signs
// in.
// 1. Run `npm ci && npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Make a secret: export SECRET_KEY="$(npx gatehouse generate-secret)"
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
// 4. Run `npm start` in the same shell.
//
// Next's own server does not pass the client's address to a route, and does not close the database when it stops. This
// server does both.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuth } from "graphql-gatehouse";
import nextModule from "next";
import { setAuth } from "./lib/auth.js";
import { readPort } from "./lib/settings.js";

// The module is the function itself, although its declarations say otherwise.
const createNext = nextModule as unknown as typeof nextModule.default;

async function start(): Promise<void> {
  const { DATABASE_URL = "sqlite:data/gatehouse.sqlite", SECRET_KEY = "" } = process.env;
  const port = readPort(process.env["PORT"]);
  const auth = await createAuth({ databaseUrl: DATABASE_URL, secretKey: SECRET_KEY });
  setAuth(auth);

  const httpServer = createServer();
  const next = createNext({ dev: false, httpServer });
  await next.prepare();
  const handle = next.getRequestHandler();
  httpServer.on("request", (request, response) => {
    // Rate limits count per address. If a proxy is in front, read the address from the header that the proxy sets.
    request.headers["x-forwarded-for"] = request.socket.remoteAddress;
    void handle(request, response);
  });
  httpServer.listen(port, "localhost", () => {
    console.log(`Ready at http://localhost:${(httpServer.address() as AddressInfo).port}/graphql`);
  });
  // Deletes expired rows, and rotates the keys that sign tokens.
  auth.maintenance.start(console.error);

  const stop = async () => {
    httpServer.close();
    httpServer.closeAllConnections();
    await next.close();
    await auth.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

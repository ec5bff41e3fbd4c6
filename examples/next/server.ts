// A Next.js application of your own, with Gatehouse's operations and guards in a route handler, and a page that signs in.
// 1. Run `npm pack` in the clone, then `npm install` and `npm run build` here.
// 2. Set SECRET_KEY to the output of `npx gatehouse generate-secret`, and run `npm start`.
// 3. Create a user: echo a long passphrase | npx gatehouse create-user ada --role admin --password-stdin
//
// Next's own server tells a route neither the client's address nor when to close the database. This server does.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuth } from "graphql-gatehouse";
import nextModule from "next";
import { setAuth } from "./lib/auth.js";
import { readPort } from "./lib/settings.js";

// The module is the function itself, although its declarations say otherwise.
const createNext = nextModule as unknown as typeof nextModule.default;

async function start(): Promise<void> {
  const { DATABASE_URL = "sqlite:data/app.sqlite", SECRET_KEY = "" } = process.env;
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

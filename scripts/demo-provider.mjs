// A provider of accounts for the demo: it lets everybody in, under any name.
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

/**
 * Starts an OpenID Connect provider on loopback.
 * @param {string} page the page to which it sends the browser
 */
export async function startProvider(page) {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = {
    issuer: `http://127.0.0.1:${server.address().port}`,
    clientId: "gatehouse",
    clientSecret: "demo",
  };
  const claims = (sub) => ({ sub, email: `${sub}@example.org`, email_verified: true });
  // Hide the warning that this provider is not for production.
  const { warn, info } = console;
  console.warn = console.info = () => undefined;
  const provider = new Provider(client.issuer, {
    clients: [
      { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [page] },
    ],
    claims: { email: ["email", "email_verified"], profile: ["preferred_username"] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => claims(sub) }),
  });
  Object.assign(console, { warn, info });
  server.on("request", provider.callback());
  return {
    client,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

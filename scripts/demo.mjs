// Starts examples/react-app with servers on loopback, two users, a provider and a temporary database. Prints the links
// of mails.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer as createVite } from "vite";
import { createServer } from "../dist/index.js";
import { startProvider } from "./demo-provider.mjs";

const folder = await mkdtemp(join(tmpdir(), "gatehouse-demo-"));
const port = await findPort();
// Use the name localhost, because passkeys do not work at 127.0.0.1.
const url = `http://localhost:${port}/`;
const provider = await startProvider(`${url}signed-in`);
/** Returns a function that builds the link of a mail, and prints the link. */
const pageOf = (path) => (token) => {
  const link = `${url}${path}?token=${token}`;
  console.log(`New mail: ${link}`);
  return link;
};
const options = {
  host: "127.0.0.1",
  port: 0,
  databaseUrl: `sqlite:${join(folder, "demo.sqlite")}`,
  secretKey: randomBytes(32).toString("base64url"),
  jwtIssuer: "gatehouse-demo",
  logLevel: "warn",
  impersonation: true,
  loginCodes: true,
  secondFactor: "optional",
  passkeys: true,
  externalProviders: { corp: provider.client },
  corsOrigins: [new URL(url).origin],
  links: {
    verifyEmail: pageOf("verify-email"),
    resetPassword: pageOf("reset-password"),
    confirmEmailChange: pageOf("confirm-email"),
    loginWithCode: pageOf("login-code"),
  },
};

// Run two servers on one database. One sends refresh tokens in the response, the other in a cookie, so that the demo
// shows both.
const server = await createServer(options);
const cookieServer = await createServer({ ...options, refreshCookie: true, graphiql: false });

const users = await Promise.all(
  [
    { username: "ada", email: "ada@example.com", role: "ADMIN" },
    { username: "bob", email: "bob@example.com", role: "USER" },
  ].map(async (user) => {
    const password = randomBytes(15).toString("base64url");
    await server.auth.accounts.createUser({ ...user, password });
    return { ...user, password };
  }),
);

const page = await createVite({
  root: fileURLToPath(new URL("../examples/react-app", import.meta.url)),
  logLevel: "warn",
  server: {
    port,
    strictPort: true,
    proxy: {
      "^/(graphql|graphiql/)": server.url,
      "/cookie/graphql": { target: cookieServer.url, rewrite: () => "/graphql" },
    },
  },
});
await page.listen();

console.log(`\nThe demo is at ${url}, and GraphiQL at ${url}graphql\n`);
for (const { username, email, password, role } of users)
  console.log(`  ${role.padEnd(5)}  ${username}  or  ${email}    password: ${password}`);
console.log(`\n“Continue with corp” lets everybody in, under any name.`);
console.log(`Mails land in ${join(folder, "mail")}. Each new mail's link is printed here.`);
console.log("\nPress Ctrl-C to stop the demo and delete its database.");

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await Promise.all([page.close(), server.close(), cookieServer.close()]);
    provider.close();
    await rm(folder, { recursive: true, force: true });
    process.exit(0);
  });
}

/** Returns Vite's usual port if it is free, otherwise another one. */
async function findPort() {
  for (const wanted of [5173, 0]) {
    const probe = createNetServer();
    try {
      probe.listen(wanted, "127.0.0.1");
      await once(probe, "listening");
      const { port } = probe.address();
      probe.close();
      await once(probe, "close");
      return port;
    } catch {
      // The port is in use.
    }
  }
  throw new Error("No port is free.");
}

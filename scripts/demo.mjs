// Starts examples/react-app with a server of its own: on loopback, with two accounts, over a database that ends with it.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer as createVite } from "vite";
import { createServer } from "../dist/index.js";

const folder = await mkdtemp(join(tmpdir(), "gatehouse-demo-"));
const options = {
  host: "127.0.0.1",
  port: 0,
  databaseUrl: `sqlite:${join(folder, "demo.sqlite")}`,
  secretKey: randomBytes(32).toString("base64url"),
  jwtIssuer: "gatehouse-demo",
  logLevel: "warn",
};

// Where a refresh token is kept is a server's setting. For both to be tried out there are two, over one database.
const server = await createServer(options);
const cookieServer = await createServer({ ...options, refreshCookie: true, graphiql: false });

const accounts = await Promise.all(
  [
    { username: "ada", email: "ada@example.com", role: "ADMIN" },
    { username: "bob", email: "bob@example.com", role: "USER" },
  ].map(async (account) => {
    const password = randomBytes(15).toString("base64url");
    await server.auth.accounts.createUser({ ...account, password });
    return { ...account, password };
  }),
);

const page = await createVite({
  root: fileURLToPath(new URL("../examples/react-app", import.meta.url)),
  logLevel: "warn",
  server: {
    proxy: {
      "^/(graphql|graphiql/)": server.url,
      "/cookie/graphql": { target: cookieServer.url, rewrite: () => "/graphql" },
    },
  },
});
await page.listen();
const url = page.resolvedUrls?.local[0] ?? "";

console.log(`\nThe demo is at ${url}, and GraphiQL at ${url}graphql\n`);
for (const { username, email, password, role } of accounts)
  console.log(`  ${role.padEnd(5)}  ${username}  or  ${email}    password: ${password}`);
console.log("\nCtrl-C ends it, and deletes its database.");

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await Promise.all([page.close(), server.close(), cookieServer.close()]);
    await rm(folder, { recursive: true, force: true });
    process.exit(0);
  });
}

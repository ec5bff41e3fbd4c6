// Starts examples/react-app with servers on loopback, two users and a temporary database. Prints the links of mails.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer as createVite } from "vite";
import { createServer } from "../dist/index.js";

const folder = await mkdtemp(join(tmpdir(), "gatehouse-demo-"));
let url = "";
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
  links: {
    verifyEmail: pageOf("verify-email"),
    resetPassword: pageOf("reset-password"),
    confirmEmailChange: pageOf("confirm-email"),
    loginWithCode: pageOf("login-code"),
  },
};

// A server setting decides where refresh tokens are kept, so the demo runs two servers on one database to show both.
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
    proxy: {
      "^/(graphql|graphiql/)": server.url,
      "/cookie/graphql": { target: cookieServer.url, rewrite: () => "/graphql" },
    },
  },
});
await page.listen();
url = page.resolvedUrls?.local[0] ?? "";

console.log(`\nThe demo is at ${url}, and GraphiQL at ${url}graphql\n`);
for (const { username, email, password, role } of users)
  console.log(`  ${role.padEnd(5)}  ${username}  or  ${email}    password: ${password}`);
console.log(`\nMails land in ${join(folder, "mail")}. Each new mail's link is printed here.`);
console.log("\nPress Ctrl-C to stop the demo and delete its database.");

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await Promise.all([page.close(), server.close(), cookieServer.close()]);
    await rm(folder, { recursive: true, force: true });
    process.exit(0);
  });
}

// Gatehouse with its default settings, on a new database, with signed-in users.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "../dist/index.js";
import { serveBench } from "./child.mjs";

const folder = await mkdtemp(join(tmpdir(), "gatehouse-bench-"));
const server = await createServer({
  port: 0,
  databaseUrl: `sqlite:${join(folder, "bench.sqlite")}`,
  secretKey: randomBytes(32).toString("base64url"),
  logLevel: "warn",
  // All load comes from one address.
  loginsPerAddress: 1_000_000,
  requestsPerAddress: 1_000_000,
  refreshesPerAddress: 1_000_000,
  refreshesPerSession: 1_000_000,
  loginFailuresPerAccount: 100,
});
const { accounts, authentication } = server.auth;
const password = "correct horse battery staple";
const client = { ipAddress: null, userAgent: null };

/** `Authorization` headers of many sessions, so that consecutive requests look up different sessions. */
const visitors = [];
const tokens = [];
const bearers = [];
// During the measurement only the visitors log in: a user's 101st login ends that user's oldest session.
for (let index = 0; index < 100; index += 1) {
  const [owner, visitor] = [`owner${index}`, `visitor${index}`];
  const ownerId = await accounts.createUser({
    username: owner,
    email: `${owner}@example.com`,
    password,
  });
  await accounts.createUser({ username: visitor, password });
  const { token } = await authentication.createStaticToken(ownerId);
  const { access } = await authentication.login({ username: owner }, password, "JWT", client);
  visitors.push(visitor);
  tokens.push(`Token ${token}`);
  bearers.push(`Bearer ${access}`);
}

process.once("SIGTERM", () => {
  void server
    .close()
    .then(() => rm(folder, { recursive: true }))
    .then(() => process.exit());
});
serveBench({ url: `${server.url}/graphql`, visitors, tokens, bearers, password });

// better-auth on node:http, with users who log in by e-mail address. The arguments are the folder of its packages and
// the database's URL. It hashes passwords with scrypt, stores sessions as rows, and has no rate limit here.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const USERS = 100;
const password = "correct horse battery staple";
const [folder, databaseUrl] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${folder}/node_modules/${file}`).href);
const { betterAuth } = await load("better-auth/dist/index.mjs");
const { toNodeHandler } = await load("better-auth/dist/integrations/node.mjs");
const { getMigrations } = await load("better-auth/dist/db/get-migration.mjs");

const options = {
  database: await openDatabase(),
  baseURL: "http://127.0.0.1",
  secret: "bench-secret-0123456789abcdefghijklmnopq",
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
};
await (await getMigrations(options)).runMigrations();
const auth = betterAuth(options);
const users = [];
for (let index = 0; index < USERS; index += 1) {
  const email = `user${index}@example.com`;
  const { headers } = await auth.api.signUpEmail({
    body: { name: `user${index}`, email, password },
    returnHeaders: true,
  });
  users.push({ email, cookie: headers.getSetCookie()[0].split(";")[0] });
}

const server = createServer(toNodeHandler(auth));
server.listen(0, "127.0.0.1", () => {
  process.once("disconnect", () => process.exit());
  process.send({ url: `http://127.0.0.1:${server.address().port}`, users, password });
});

async function openDatabase() {
  if (databaseUrl.startsWith("sqlite:")) {
    const { default: Database } = await load("better-sqlite3/lib/index.js");
    const database = new Database(databaseUrl.slice("sqlite:".length));
    database.pragma("journal_mode = WAL");
    return database;
  }
  const { default: pg } = await import("pg");
  return new pg.Pool({ connectionString: databaseUrl });
}

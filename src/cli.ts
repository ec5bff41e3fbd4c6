#!/usr/bin/env node
import "reflect-metadata";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { Command, CommanderError, Option } from "commander";
import { createAuth, type Auth } from "./auth.js";
import { isLoopbackHost, optionsFromEnv, type ServerOptions } from "./config.js";
import { generateSecretKey, readOrCreateSecretKey } from "./keys/secret-key.js";
import { createServer } from "./server.js";

const DEFAULT_DATABASE_URL = "sqlite:data/gatehouse.sqlite";

/** The exit code of a command line that could not be understood, as in sysexits.h. */
const EX_USAGE = 64;

const program = new Command("gatehouse")
  .description("GraphQL authentication: login, tokens, sessions and guards.")
  .helpCommand(false)
  .exitOverride()
  .configureOutput({ outputError: () => undefined });

program
  .command("serve")
  .description("start the server; makes the database, the secret and the first admin on loopback")
  .action(serve);

program
  .command("migrate")
  .description("bring the database's schema up to date")
  .action(() =>
    withAuth(() => {
      console.log("The database is up to date.");
    }),
  );

program
  .command("create-user")
  .description("create a user")
  .argument("<username>")
  .option("--email <address>", "the e-mail address to log in with")
  .addOption(
    new Option("--role <role>", "what the user may do").choices(["user", "admin"]).default("user"),
  )
  .requiredOption("--password-stdin", "read the password from standard input")
  .action((username: string, { email, role }: { email?: string; role: string }) =>
    withAuth(async ({ accounts }) => {
      const password = (await text(process.stdin)).replace(/\r?\n$/, "");
      const isAdmin = role === "admin";
      await accounts.createUser({ username, email, password, role: isAdmin ? "ADMIN" : "USER" });
      console.log(`Created the ${role} ${username}.`);
    }),
  );

program
  .command("create-token")
  .description("make a static token for a user, and print it once")
  .argument("<username>")
  .option("--label <label>", "what to call it in the list of sessions")
  .action((username: string, { label = null }: { label?: string | null }) =>
    withAuth(async ({ authentication }) => {
      console.log((await authentication.createStaticToken({ username }, label)).token);
    }),
  );

program
  .command("prune")
  .description("delete sessions and keys that nothing valid belongs to any more")
  .action(() =>
    withAuth(async ({ maintenance }) => {
      const deleted = await maintenance.prune((count) => {
        if (count % 10_000 < 1000) console.error(`${count} rows deleted …`);
      });
      console.log(`${deleted} ${deleted === 1 ? "row" : "rows"} deleted.`);
    }),
  );

program
  .command("rotate-keys")
  .description("publish the key that will sign access tokens next; running servers pick it up")
  .option("--now", "let it sign at once, before others had time to see it")
  .option("--revoke <kid>", "refuse all that this key has signed")
  .action(({ now = false, revoke }: { now?: boolean; revoke?: string }) =>
    withAuth(async ({ keys }) => {
      if (revoke !== undefined) {
        await keys.revoke(revoke);
        console.log(`Revoked the key ${revoke}.`);
        return;
      }
      const { kid, activatesAt } = await keys.rotate(now);
      console.log(`The key ${kid} signs from ${new Date(activatesAt).toISOString()} on.`);
    }),
  );

program
  .command("generate-secret")
  .description("print a new SECRET_KEY")
  .action(() => {
    console.log(generateSecretKey());
  });

async function serve(): Promise<void> {
  const options = readOptions();
  const isLoopback = isLoopbackHost(options.host ?? "127.0.0.1");
  const server = await createServer(options);
  if (await server.auth.accounts.hasNoUsers()) await welcomeFirstAdmin(server.auth, isLoopback);
  console.log(`Gatehouse listens on ${server.url}`);
  if (server.hasGraphiql) console.log(`GraphiQL: ${server.url}/graphql`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void server.close().then(() => process.exit(0), fail);
    });
  }
}

async function welcomeFirstAdmin({ accounts }: Auth, isLoopback: boolean): Promise<void> {
  if (!isLoopback) {
    console.log("There is no user yet: gatehouse create-user NAME --role admin --password-stdin");
    return;
  }
  const password = randomBytes(15).toString("base64url");
  await accounts.createUser({ username: "admin", password, role: "ADMIN" });
  console.log(
    `Created the first admin. It is shown only now:\n  username: admin\n  password: ${password}`,
  );
}

async function withAuth(use: (auth: Auth) => void | Promise<void>): Promise<void> {
  const { databaseUrl, secretKey, passwordMinLength, jwtAlgorithm, staticTokenLifetime } =
    readOptions();
  const auth = await createAuth({
    databaseUrl,
    secretKey,
    passwordMinLength,
    jwtAlgorithm,
    staticTokenLifetime,
  });
  try {
    await use(auth);
  } finally {
    await auth.close();
  }
}

/** The environment's settings. On loopback a missing SECRET_KEY is made, and kept beside the database. */
function readOptions(): ServerOptions {
  const options = optionsFromEnv(process.env);
  if (options.secretKey !== undefined) return { ...options, secretKey: options.secretKey };
  if (options.isProduction === true || !isLoopbackHost(options.host ?? "127.0.0.1")) {
    throw new TypeError("SECRET_KEY: is required; `gatehouse generate-secret` makes one");
  }
  const { databaseUrl = DEFAULT_DATABASE_URL } = options;
  const path = databaseUrl.startsWith("sqlite:")
    ? databaseUrl.slice("sqlite:".length)
    : "data/gatehouse.sqlite";
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return { ...options, secretKey: readOrCreateSecretKey(path.replace(/(\.sqlite)?$/, ".secret")) };
}

/** One clear line, and an exit code other than 0. */
function fail(error: unknown): never {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) process.exit(0);
    console.error(error.message.replace(/^error: /, "gatehouse: "));
    process.exit(EX_USAGE);
  }
  const [line] = (error instanceof Error ? error.message : String(error)).split("\n");
  console.error(`gatehouse: ${line ?? ""}`);
  process.exit(1);
}

await program.parseAsync().catch(fail);

#!/usr/bin/env node
import "reflect-metadata";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { Command, CommanderError, Option } from "commander";
import type { Accounts, User } from "./accounts/accounts.js";
import type { Auth } from "./auth.js";
import {
  type CoreServerOptions,
  isOpenWith,
  resolveServerConfig,
  type ServerConfig,
  WrongSettings,
} from "./config/config.js";
import { inVariables, readEnvironment } from "./config/environment.js";
import { BadUserInput, NoSuchUser } from "./errors.js";
import { BUILT_IN } from "./features/index.js";
import { generateSecretKey, readOrCreateSecretKey, secretPathOf } from "./keys/secret-key.js";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

/** The exit code of a command line that could not be understood, as in sysexits.h. */
const EX_USAGE = 64;

const program = new Command("gatehouse")
  .description("GraphQL authentication: login, tokens, sessions and guards.")
  .version(version)
  .helpCommand(false)
  .showSuggestionAfterError(false)
  .exitOverride()
  .configureOutput({ outputError: () => undefined, writeErr: () => undefined });

program
  .command("serve")
  .description(
    "start the server; makes the database, the secret and the first admin on loopback. " +
      "Settings are environment variables: docs/settings.md",
  )
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
  .requiredOption("--password-stdin", "read the password from standard input: one line")
  .action((username: string, { email, role }: { email?: string; role: string }) =>
    withAuth(async ({ accounts }) => {
      const password = await readPassword();
      const isAdmin = role === "admin";
      await accounts.createUser({ username, email, password, role: isAdmin ? "ADMIN" : "USER" });
      console.log(`Created the ${role} ${username}.`);
    }),
  );

program
  .command("set-password")
  .description("give a user a new password, which ends all sessions and opens a locked account")
  .argument("<username>")
  .requiredOption("--password-stdin", "read the password from standard input: one line")
  .action((username: string) =>
    withAuth(async ({ accounts }) => {
      const user = await requireUser(accounts, username);
      await accounts.setPassword(user, await readPassword());
      console.log(`Set the password of ${username}.`);
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
  .command("unlock")
  .description("let a user log in again after too many wrong passwords")
  .argument("<username>")
  .action((username: string) =>
    withAuth(async ({ accounts }) => {
      await accounts.unlock(await requireUser(accounts, username));
      console.log(`Unlocked ${username}.`);
    }),
  );

program
  .command("prune")
  .description("delete sessions and keys that nothing valid belongs to any more")
  .action(() =>
    withAuth(async ({ maintenance }) => {
      let told = 0;
      const deleted = await maintenance.prune((count) => {
        if (count - told < 10_000) return;
        told = count;
        console.error(`${count} rows deleted …`);
      });
      console.log(`${deleted} ${deleted === 1 ? "row" : "rows"} deleted.`);
    }),
  );

program
  .command("rotate-keys")
  .description("publish the key that will sign access tokens next; running servers pick it up")
  .addOption(
    new Option("--now", "let it sign at once, before others had time to see it").conflicts(
      "revoke",
    ),
  )
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
  const config = resolveServerConfig(readOptions(), BUILT_IN);
  const { startServer } = await import("./http/server.js");
  const server = await startServer(config, BUILT_IN);
  if (await server.auth.accounts.hasNoUsers()) await welcomeFirstAdmin(server.auth, config);
  console.log(`Gatehouse listens on ${server.url}`);
  for (const line of server.announcements) console.log(line);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void server.close().then(() => process.exit(0), fail);
    });
  }
}

async function welcomeFirstAdmin({ accounts }: Auth, config: ServerConfig): Promise<void> {
  if (!config.isOpen) {
    console.log(
      "There is no user yet. With the same DATABASE_URL and SECRET_KEY: gatehouse create-user NAME --role admin --password-stdin",
    );
    return;
  }
  const length = Math.max(20, config.passwordMinLength);
  const password = randomBytes(length).toString("base64url").slice(0, length);
  try {
    await accounts.createUser({ username: "admin", password, role: "ADMIN" });
  } catch (error) {
    // Another server that started at the same time was quicker, and has printed its password.
    if (error instanceof BadUserInput) return;
    throw error;
  }
  console.log(
    `Created the first admin. It is shown only now:\n  username: admin\n  password: ${password}`,
  );
}

async function withAuth(use: (auth: Auth) => void | Promise<void>): Promise<void> {
  const config = resolveServerConfig(readOptions(), BUILT_IN);
  const { openAuth } = await import("./auth.js");
  const auth = await openAuth(config, BUILT_IN);
  try {
    await use(auth);
  } finally {
    await auth.close();
  }
}

/** Returns the user with this name, because the methods of `accounts` take users, not names. */
async function requireUser(accounts: Accounts, username: string): Promise<User> {
  const user = await accounts.findUser({ username });
  if (user === null) throw new NoSuchUser();
  return user;
}

async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin);
  const line = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const password = line.replace(/\r?\n$/, "");
  if (/[\r\n]/.test(password)) throw new Error("The password on standard input must be one line.");
  return password;
}

/**
 * The environment's settings, checked as a whole before anything is written. On loopback a missing SECRET_KEY is made,
 * and kept beside the database.
 */
function readOptions(): CoreServerOptions {
  const { options, problems } = readEnvironment(process.env, BUILT_IN);
  const secretKey = options.secretKey ?? generateSecretKey();
  try {
    resolveServerConfig({ ...options, secretKey }, BUILT_IN);
  } catch (error) {
    if (!(error instanceof WrongSettings)) throw error;
    problems.push(error.message);
  }
  const hasSecret = Boolean(process.env["SECRET_KEY"]);
  if (!hasSecret && !isOpenWith(options)) {
    problems.push("secretKey: is required; `gatehouse generate-secret` makes one");
  }
  if (problems.length > 0) throw new WrongSettings(problems);
  if (hasSecret) return { ...options, secretKey };
  return { ...options, secretKey: readOrCreateSecretKey(secretPathOf(options.databaseUrl ?? "")) };
}

/** One clear line, or one for each setting that is wrong; and an exit code other than 0. */
function fail(error: unknown): never {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) process.exit(0);
    const line =
      error.code === "commander.help" ? "name a command; --help lists them" : error.message;
    console.error(`gatehouse: ${line.replace(/^error: /, "").replaceAll("\n", " ")}`);
    process.exit(EX_USAGE);
  }
  const lines = (error instanceof Error ? error.message : String(error)).split("\n");
  const isAboutSettings = error instanceof TypeError;
  for (const line of isAboutSettings ? lines : lines.slice(0, 1)) {
    console.error(`gatehouse: ${isAboutSettings ? inVariables(line) : line}`);
  }
  process.exit(1);
}

await program.parseAsync().catch(fail);

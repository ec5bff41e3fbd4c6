import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Accounts } from "../accounts/accounts.js";
import type { ServerConfig } from "../config/server-config.js";
import { renderHelp } from "../config/settings-help.js";
import { BadUserInput } from "../errors.js";
import type { Log } from "../http/server.js";
import { addDatabaseCommand } from "./database-command.js";
import type { Installation } from "./installation.js";
import { openLogStream, reportStart } from "./start-report.js";

/** @param fail called with the error if the server cannot be stopped. Must end the process */
export function addServeCommand(
  program: Command,
  installation: Installation,
  fail: (error: unknown) => never,
): void {
  addDatabaseCommand(program, "serve", {
    description:
      "start the server; in development, also create the database, the secret and the first admin",
    example: "serve --database sqlite:data/gatehouse.sqlite",
  })
    .addHelpText("after", ({ command }) => helpOnSettings(command, installation))
    .action(async () => {
      const config = installation.readConfig();
      const { startServer } = await import("../http/server.js");
      const server = await startServer(config, installation.features, await openLogStream());
      closeOnSignals(server, fail);
      const { accounts } = server.auth;
      if (await accounts.hasNoUsers()) await welcomeFirstAdmin(accounts, config, server.log);
      // Report last, because a program that reads the report may stop the server immediately.
      reportStart({ ...server, version: program.version() ?? "" }, config, server.log);
      setTimeout(preload, PRELOAD_DELAY, server.log).unref();
    });
}

/** Milliseconds from the start to {@link preload}, which must not slow down the start. */
const PRELOAD_DELAY = 3_000;

/**
 * Imports modules that a request would import on first use, because Node never retries a failed import. For example, if
 * too many files were open at the first use, new passwords would be refused until the next start.
 */
function preload(log: Log): void {
  Promise.all([
    import("../accounts/new-password.js"),
    import("../accounts/one-script.js"),
    import("../accounts/look-alikes.js"),
  ]).catch((error: unknown) => {
    log.warn({ err: error }, "new passwords cannot be checked until the next start");
  });
}

/**
 * Stops the server and ends the process on SIGTERM and SIGINT. Running requests get 10 seconds to finish. Ignores
 * SIGHUP, which a closed terminal or a log rotation sends.
 */
function closeOnSignals(
  { drain }: { drain: () => Promise<void> },
  fail: (error: unknown) => never,
) {
  process.on("SIGHUP", () => undefined);
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= drain().then(() => process.exit(0), fail);
  };
  // Ignore a second SIGTERM, because npm and some supervisors send it twice.
  process.on("SIGTERM", end);
  // A second Ctrl-C ends the process immediately.
  process.once("SIGINT", end);
}

async function welcomeFirstAdmin(
  accounts: Accounts,
  config: ServerConfig,
  log: Log,
): Promise<void> {
  const { isDevelopment, passwordMinLength, roles } = config;
  if (!isDevelopment) {
    log.warn(
      `There is no user yet. Create one with the same DATABASE_URL and SECRET_KEY: gatehouse create-user NAME --role ${roles.admin.toLowerCase()} --password-stdin`,
    );
    return;
  }
  const length = Math.max(20, passwordMinLength);
  const password = randomBytes(length).toString("base64url").slice(0, length);
  try {
    await accounts.createUser({ username: "admin", password, role: roles.admin });
  } catch (error) {
    // Another server, which started at the same time, has created the admin and printed the password.
    if (error instanceof BadUserInput) return;
    throw error;
  }
  // Write to standard error, because the log is on standard output.
  console.error(
    `Created the first admin. The password is shown only now:\n  username: admin\n  password: ${password}`,
  );
}

/**
 * Returns the help text of the settings that have an environment variable. `settings-help.json` contains the comments
 * above the settings in the code.
 */
function helpOnSettings(command: Command, { settings }: Installation): string {
  const sentences = JSON.parse(
    readFileSync(new URL("../settings-help.json", import.meta.url), "utf8"),
  ) as Record<string, string>;
  const width = Math.min(process.stdout.isTTY ? process.stdout.columns : 80, 100);
  const help = command.createHelp();
  return `\n${renderHelp(settings, sentences, (text, columns) => help.boxWrap(text, columns), width)}`;
}

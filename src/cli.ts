#!/usr/bin/env node
import "reflect-metadata";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addAccountCommands } from "./commands/accounts.js";
import { addCopyCommand } from "./commands/copy-database.js";
import { addFeatureCommands } from "./commands/features.js";
import { Installation } from "./commands/installation.js";
import { addMaintenanceCommands } from "./commands/maintenance.js";
import { printError } from "./commands/print.js";
import { addServeCommand } from "./commands/serve.js";
import { addSessionCommands } from "./commands/sessions.js";
import { addUserCommands } from "./commands/users.js";
import { linesOf, WrongSettings } from "./config/problems.js";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

/** The exit code for a wrong command line, as in sysexits.h. */
const EX_USAGE = 64;

/** End quietly if a reader such as `head` closes the pipe early. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

function fail(error: unknown): never {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) {
      reportFailure();
      process.exit(0);
    }
    // The command may belong to a feature that could not be loaded, so report why.
    if (error.code === "commander.unknownCommand" && installation?.failure !== undefined) {
      fail(installation.failure);
    }
    // Commander has no useful message if the command is missing, or if `help` names an unknown command.
    const line =
      error.code !== "commander.help"
        ? error.message
        : process.argv.length > 3
          ? "unknown command; `gatehouse help` lists all commands"
          : "name a command; `gatehouse help` lists all commands";
    printError(line.replace(/^error: /, "").replaceAll("\n", " "));
    process.exit(EX_USAGE);
  }
  report(error);
  process.exit(1);
}

function report(error: unknown): void {
  for (const line of explain(error)) printError(line);
}

/** If the features could not be loaded, prints the reason. Called after each command that succeeded. */
function reportFailure(): void {
  if (installation?.failure !== undefined) report(installation.failure);
}

function explain(error: unknown): string[] {
  if (error instanceof WrongSettings && installation !== undefined) {
    return linesOf(error.problems, installation.names);
  }
  return (error instanceof Error ? error.message : String(error)).split("\n", 1);
}

let installation: Installation | undefined;
try {
  await import("./graphql-package.js");
  installation = await Installation.load(process.env);
  const program = new Command("gatehouse")
    .description("GraphQL authentication: login, tokens, sessions and guards.")
    .version(version)
    .helpCommand("help [command]", "show the help of a command, with an example")
    .addHelpText(
      "after",
      "\nThe settings come from the environment: `gatehouse help serve` lists them.",
    )
    .hook("preAction", (_program, command) => {
      const { database } = command.opts<{ database?: string }>();
      if (database !== undefined) installation?.useDatabase(database);
    })
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  addServeCommand(program, installation, fail);
  addMaintenanceCommands(program, installation);
  addCopyCommand(program, installation);
  addAccountCommands(program, installation);
  addUserCommands(program, installation);
  addSessionCommands(program, installation);
  addFeatureCommands(program, installation);
  await program.parseAsync();
  reportFailure();
} catch (error) {
  fail(error);
}

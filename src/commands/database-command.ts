import { type Command, Option } from "commander";

/**
 * Adds a command with the option `--database`, and with an example in its help.
 * @param example the command line without `gatehouse`
 */
export function addDatabaseCommand(
  program: Command,
  name: string,
  { description, example }: { description: string; example?: string | undefined },
): Command {
  const command = program
    .command(name)
    .description(description)
    .addOption(new Option("--database <url>", "the database to work on, instead of DATABASE_URL"));
  return example === undefined ? command : addExample(command, example);
}

export function addExample(command: Command, example: string): Command {
  return command.addHelpText("after", `\nExample:\n  gatehouse ${example}`);
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "print JSON");
}

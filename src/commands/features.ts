import { type Command, Option } from "commander";
import { forFeature } from "../features/compose.js";
import type { CommandOption, CommandOptions } from "../features/command-option.js";
import type { Feature, FeatureCommand } from "../features/feature.js";
import { addDatabaseCommand } from "./database-command.js";
import type { Installation } from "./installation.js";
import { printLine } from "./print.js";

/**
 * Adds the commands of the features. If a feature is off, its commands are hidden, and fail with an error that names
 * the feature.
 */
export function addFeatureCommands(program: Command, installation: Installation): void {
  const found = installation.features.filter(({ commands = [] }) => commands.length > 0);
  if (found.length === 0) return;
  const active = installation.findActiveFeatures();
  for (const feature of found) {
    for (const command of feature.commands ?? []) {
      if (active.includes(feature)) addFeatureCommand(program, installation, feature, command);
      else addInactiveCommand(program, installation, command.name, feature);
    }
  }
}

function addInactiveCommand(
  program: Command,
  installation: Installation,
  name: string,
  feature: Feature,
): void {
  program
    .command(name, { hidden: true })
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      const variable = installation.findSwitch(feature);
      const advice = variable === undefined ? "" : `. Set ${variable}=on`;
      throw new Error(`${name} is a command of the feature ${feature.name}, which is off${advice}`);
    });
}

function addFeatureCommand(
  program: Command,
  installation: Installation,
  feature: Feature,
  { name, description, example, arguments: names = [], options = [], run }: FeatureCommand,
): void {
  const command = addDatabaseCommand(program, name, { description, example });
  for (const argument of names) command.argument(argument);
  for (const option of options) command.addOption(toOption(option));
  command.action((...given: (string | undefined)[]) =>
    installation.openExisting(async (auth, core, config) => {
      const args = given.slice(0, names.length);
      const values = command.opts<CommandOptions>();
      await run(core, forFeature(feature, config), args, printLine, values, auth);
    }),
  );
}

function toOption(option: CommandOption): Option {
  const { name, value, description, choices, isRequired = false } = option;
  const flags = value === undefined ? `--${name}` : `--${name} <${value}>`;
  const added = new Option(flags, description).makeOptionMandatory(isRequired);
  if (option.default !== undefined) added.default(option.default);
  return choices === undefined ? added : added.choices(choices);
}

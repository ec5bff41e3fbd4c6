import type { Command } from "commander";
import { forFeature } from "../features/compose.js";
import type { Feature, FeatureCommand } from "../features/feature.js";
import { addDatabaseCommand } from "./database-command.js";
import type { Installation } from "./installation.js";

/**
 * Adds the commands of the features. If a feature is off, its commands are hidden, and fail with an error that says so.
 */
export function addFeatureCommands(program: Command, installation: Installation): void {
  const found = installation.features.filter(({ commands = [] }) => commands.length > 0);
  if (found.length === 0) return;
  const active = installation.findActiveFeatures();
  for (const feature of found) {
    for (const command of feature.commands ?? []) {
      if (active.includes(feature)) addFeatureCommand(program, installation, feature, command);
      else addInactiveCommand(program, command.name, feature.name);
    }
  }
}

function addInactiveCommand(program: Command, name: string, feature: string): void {
  program
    .command(name, { hidden: true })
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new Error(`${name} is a command of the feature ${feature}, which is off`);
    });
}

function addFeatureCommand(
  program: Command,
  installation: Installation,
  feature: Feature,
  { name, description, example, arguments: names = [], run }: FeatureCommand,
): void {
  const command = addDatabaseCommand(program, name, { description, example });
  for (const argument of names) command.argument(argument);
  command.action((...given: (string | undefined)[]) =>
    installation.openExisting(async (_auth, core, config) => {
      await run(core, forFeature(feature, config), given.slice(0, names.length), (line) => {
        console.log(line);
      });
    }),
  );
}

import type { Command } from "commander";
import { forFeatures } from "../features/compose.js";
import type { FeatureCommand } from "../features/feature.js";
import type { Installation } from "./installation.js";

/** Adds the commands of the features that are on. */
export function addFeatureCommands(program: Command, installation: Installation): void {
  for (const { commands = [] } of installation.findFeaturesWithCommands()) {
    for (const command of commands) addFeatureCommand(program, installation, command);
  }
}

function addFeatureCommand(
  program: Command,
  installation: Installation,
  { name, description, arguments: names = [], run }: FeatureCommand,
): void {
  const command = program.command(name).description(description);
  for (const argument of names) command.argument(argument);
  command.action((...given: (string | undefined)[]) =>
    installation.open(async (_auth, core, config) => {
      await run(core, forFeatures(config), given.slice(0, names.length), (line) => {
        console.log(line);
      });
    }),
  );
}

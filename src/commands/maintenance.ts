import { type Command, Option } from "commander";
import { generateSecretKey } from "../keys/secret-key.js";
import { addDatabaseCommand, addExample } from "./database-command.js";
import type { Installation } from "./installation.js";

/** How many more rows `prune` deletes, at least, before it reports its progress again. */
const PROGRESS_STEP = 10_000;

export function addMaintenanceCommands(program: Command, installation: Installation): void {
  addDatabaseCommand(program, "migrate", {
    description: "bring the database's schema up to date",
    example: "migrate --create",
  })
    .option(
      "--create",
      "create the database and the schema in DATABASE_SCHEMA, if they do not exist",
    )
    .action(async ({ create }: { create?: boolean }) => {
      if (create === true) {
        const { createDatabase } = await import("../database/open-dialect.js");
        const created = await createDatabase(installation.readConfig(create));
        for (const name of created) console.log(`Created the ${name}.`);
      }
      await installation.open(() => {
        console.log("The database is up to date.");
      }, create);
    });

  addDatabaseCommand(program, "prune", {
    description: "delete sessions and keys that no valid token needs",
    example: "prune",
  }).action(() =>
    installation.openExisting(async ({ maintenance }) => {
      let reported = 0;
      const deleted = await maintenance.prune((count) => {
        if (count - reported < PROGRESS_STEP) return;
        reported = count;
        console.error(`${count} rows deleted …`);
      });
      console.log(`${deleted} ${deleted === 1 ? "row" : "rows"} deleted.`);
    }),
  );

  addDatabaseCommand(program, "rotate-keys", {
    description: "publish the key that will sign access tokens next; running servers pick it up",
    example: "rotate-keys --now",
  })
    .addOption(
      new Option(
        "--now",
        "sign with it at once, although other services may not have fetched it yet",
      ).conflicts("revoke"),
    )
    .option("--revoke <kid>", "refuse all tokens that this key has signed")
    .action(({ now = false, revoke }: { now?: boolean; revoke?: string }) =>
      installation.openExisting(async ({ keys }) => {
        if (revoke !== undefined) {
          await keys.revoke(revoke);
          console.log(`Revoked the key ${revoke}.`);
          return;
        }
        const { kid, activatesAt } = await keys.rotate(now);
        console.log(`The key ${kid} signs from ${new Date(activatesAt).toISOString()} on.`);
      }),
    );

  addExample(program.command("generate-secret"), "generate-secret > secret.txt")
    .description("print a new SECRET_KEY")
    .action(() => {
      console.log(generateSecretKey());
    });
}

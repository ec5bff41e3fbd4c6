import { type Command, Option } from "commander";
import { generateSecretKey } from "../keys/secret-key.js";
import type { Installation } from "./installation.js";

/** How many deleted rows `prune` reports at a time. */
const PROGRESS_STEP = 10_000;

/** Adds the commands that look after the database, the keys and the secret. */
export function addMaintenanceCommands(program: Command, installation: Installation): void {
  program
    .command("migrate")
    .description("bring the database's schema up to date")
    .option("--create", "create the PostgreSQL database and DATABASE_SCHEMA first, if missing")
    .action(async ({ create = false }: { create?: boolean }) => {
      if (create) {
        const { createDatabase } = await import("../database/open-dialect.js");
        const created = await createDatabase(installation.readConfig());
        for (const name of created) console.log(`Created the ${name}.`);
      }
      await installation.open(() => {
        console.log("The database is up to date.");
      });
    });

  program
    .command("prune")
    .description("delete sessions and keys that no valid token needs any more")
    .action(() =>
      installation.open(async ({ maintenance }) => {
        let reported = 0;
        const deleted = await maintenance.prune((count) => {
          if (count - reported < PROGRESS_STEP) return;
          reported = count;
          console.error(`${count} rows deleted …`);
        });
        console.log(`${deleted} ${deleted === 1 ? "row" : "rows"} deleted.`);
      }),
    );

  program
    .command("rotate-keys")
    .description("publish the key that will sign access tokens next; running servers pick it up")
    .addOption(
      new Option(
        "--now",
        "sign with it at once, although other services may not have fetched it yet",
      ).conflicts("revoke"),
    )
    .option("--revoke <kid>", "refuse all tokens that this key has signed")
    .action(({ now = false, revoke }: { now?: boolean; revoke?: string }) =>
      installation.open(async ({ keys }) => {
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
}

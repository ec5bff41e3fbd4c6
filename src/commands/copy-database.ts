import { existsSync } from "node:fs";
import type { Command } from "commander";
import { describeDatabase, sqlitePathOf } from "../config/database-location.js";
import { secretPathOf } from "../keys/secret-key.js";
import { Progress } from "../progress.js";
import { addExample } from "./database-command.js";
import type { Installation } from "./installation.js";
import { toPrintable } from "./print.js";

interface Options {
  readonly from: string;
  readonly to: string;
}

export function addCopyCommand(program: Command, installation: Installation): void {
  addExample(
    program.command("copy-database"),
    "copy-database --from sqlite:data/gatehouse.sqlite --to postgresql://gatehouse@db/gatehouse",
  )
    .description("copy a SQLite database to PostgreSQL, or continue an interrupted copy")
    .requiredOption("--from <url>", "the SQLite database; stop its servers first")
    .requiredOption("--to <url>", "the PostgreSQL database: a missing or empty one")
    .action(async ({ from, to }: Options) => {
      installation.useDatabase(to, "--to");
      const { config, hasSecretKey } = installation.readConfigWithoutSecret();
      if (!/^sqlite:./.test(from) || sqlitePathOf(to) !== null) {
        throw new Error("copy-database copies --from sqlite:PATH --to postgresql://… only.");
      }
      const { copyDatabase } = await import("../database/copy/copy-database.js");
      const progress = new Progress(process.stderr);
      const print = (line: string) => {
        progress.clear();
        console.error(toPrintable(line));
      };
      const { features } = installation;
      try {
        const counts = await copyDatabase({ from, to: config, features, progress, print });
        progress.clear();
        printCounts(counts);
        printNextStep(from, to, hasSecretKey);
      } finally {
        progress.clear();
      }
    });
}

function printCounts(counts: ReadonlyMap<string, number>): void {
  for (const [table, rows] of counts) {
    console.log(`${table}: ${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"}`);
  }
}

function printNextStep(from: string, to: string, hasSecretKey: boolean): void {
  console.log("The copy is complete, and equals the source. Nobody is signed out.");
  const path = secretPathOf(from);
  const secret =
    hasSecretKey || !existsSync(path)
      ? "with the same SECRET_KEY as before"
      : `with SECRET_KEY="$(cat '${path}')"`;
  console.log(
    `Next: start the servers with ${describeDatabase(to)} in DATABASE_URL, and ${secret}.`,
  );
  console.log(
    "Keep the other settings. With another PUBLIC_URL or JWT_ISSUER, all JWTs are refused.",
  );
  console.log(`Do not start a server with ${describeDatabase(from)} again.`);
}

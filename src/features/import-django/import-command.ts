import { NO_CLIENT } from "../../events.js";
import type { CommandOptions } from "../command-option.js";
import type { CoreServices } from "../feature.js";
import { Importer } from "./importer.js";
import { runAlone } from "./one-at-a-time.js";
import { Progress } from "../../progress.js";
import { Report } from "./report.js";
import type { ImportSettings } from "./import-settings.js";
import type { SimpleJwt } from "./simplejwt-settings.js";
import { DjangoSource, type Tables } from "./source.js";

/** The number of rows that are read from Django at once. */
const BATCH = 5000;

type Config = Pick<ImportSettings, "roles" | "sessionLifetime"> & { djangoSimpleJwt: SimpleJwt };

/**
 * Runs `gatehouse import-django`.
 * @throws Error with a message for the person who runs the command
 */
export async function runImport(
  core: CoreServices,
  config: Config,
  options: CommandOptions,
  print: (line: string) => void,
): Promise<void> {
  const tables = tablesOf(options);
  if (options["dryRun"] === true) {
    await importOnce(core, config, options, tables, print);
    return;
  }
  const onWait = () =>
    process.stderr.write("Another import is running. This one starts when the other has ended.\n");
  await runAlone(core.sql, onWait, () => importOnce(core, config, options, tables, print));
}

async function importOnce(
  core: CoreServices,
  config: Config,
  options: CommandOptions,
  tables: Tables,
  print: (line: string) => void,
): Promise<void> {
  const isDryRun = options["dryRun"] === true;
  const source = await DjangoSource.open(textOf(options["from"]) ?? "", tables, BATCH);
  const progress = new Progress(process.stderr);
  const printLine = (line: string) => {
    progress.clear();
    print(line);
  };
  const report = new Report(printLine, { isJson: options["json"] === true, isDryRun });
  const settings: ImportSettings = {
    roles: config.roles,
    sessionLifetime: config.sessionLifetime,
    simpleJwt: config.djangoSimpleJwt,
    adminValue: textOf(options["adminValue"]) ?? "admin",
    hasProfiles: tables.profile !== null,
    isDryRun,
  };
  let isComplete = false;
  try {
    for (const line of source.missing) report.remark(null, "database", line);
    await new Importer(core, source, settings, report, progress).run();
    isComplete = true;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = isDryRun
      ? "This was a dry run: nothing was written. Run the same command again."
      : "All users imported so far are complete. Run the same command again to import the rest.";
    throw new Error(`The import stopped: ${reason} ${advice}`, { cause });
  } finally {
    progress.clear();
    report.end(isComplete);
    if (!isDryRun) {
      const details = { isComplete, ...report.counts };
      core.onEvent({ type: "import-django:imported", details }, NO_CLIENT);
    }
    await source.close().catch(() => undefined);
  }
}

function tablesOf(options: CommandOptions): Tables {
  const user = textOf(options["userTable"]) ?? "auth_user";
  const table = textOf(options["profileTable"]);
  if (table !== undefined) {
    return { user, profile: { table, roleColumn: textOf(options["roleColumn"]) ?? "role" } };
  }
  if (options["roleColumn"] !== undefined || options["adminValue"] !== undefined) {
    throw new Error("--role-column and --admin-value need --profile-table.");
  }
  return { user, profile: null };
}

function textOf(value: CommandOptions[string]): string | undefined {
  return typeof value === "string" ? value : undefined;
}

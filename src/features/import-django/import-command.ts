import { NO_CLIENT } from "../../events.js";
import type { CommandOptions, CoreServices } from "../feature.js";
import { Importer } from "./importer.js";
import { Progress } from "./progress.js";
import { Report } from "./report.js";
import type { ImportSettings } from "./rights.js";
import type { SimpleJwt } from "./simplejwt-settings.js";
import { DjangoSource, type Tables } from "./source.js";

/** How many users are read at once, and written in one transaction. */
const BATCH = 1000;

/**
 * Runs `gatehouse import-django`.
 * @throws Error whose message is one line that says what to do
 */
export async function runImport(
  core: CoreServices,
  config: Pick<ImportSettings, "roles" | "sessionLifetime"> & { djangoSimpleJwt: SimpleJwt },
  options: CommandOptions,
  print: (line: string) => void,
): Promise<void> {
  const tables = tablesOf(options);
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
    throw new Error(
      `The import stopped: ${reason} What came is complete. Run the same command again for the rest.`,
      { cause },
    );
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

import sqlite3 from "sqlite3";

/** Counts the SQL statements that this process runs while `run` does, at the driver. */
export async function countStatements(run: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const restore = [sqlite3.Statement.prototype, sqlite3.Database.prototype].flatMap((prototype) =>
    (["all", "get", "run", "each", "exec"] as const).flatMap((method) => {
      const original = (prototype as any)[method];
      if (typeof original !== "function") return [];
      (prototype as any)[method] = function (this: unknown, ...parameters: unknown[]) {
        count += 1;
        return original.apply(this, parameters);
      };
      return [() => ((prototype as any)[method] = original)];
    }),
  );
  try {
    await run();
  } finally {
    for (const undo of restore) undo();
  }
  return count;
}

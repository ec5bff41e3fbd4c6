import pg from "pg";
import type { Gate } from "./gate.js";

/** The key of PostgreSQL's lock that the write waits for. */
const LOCK = 1;

/** Creates the function of triggers that wait. It looks again and again, because some writes limit waits for locks. */
export const CREATE_HOLD_UP = `CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    WHILE NOT pg_try_advisory_xact_lock_shared(${LOCK}) LOOP PERFORM pg_sleep(0.01); END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $$`;

/** Makes all triggers with `hold_up` wait. Returns the function that lets them go on. */
export async function lockHoldUp(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  // Some tests end all connections.
  client.on("error", () => undefined);
  await client.connect();
  await client.query(`SELECT pg_advisory_lock(${LOCK})`);
  return () => client.end();
}

/**
 * Makes a write wait, so that its process can be stopped half-way.
 * @param write the write, such as `INSERT ON "user"`
 * @param condition which row waits, such as `NEW.username = 'user5'`
 * @returns the function that lets the write go on. On SQLite, kill the process first: nothing else ends the write
 */
export async function holdUp(
  gate: Pick<Gate, "databaseUrl" | "sql">,
  write: string,
  condition: string,
): Promise<() => Promise<void>> {
  const trigger = `CREATE TRIGGER hold_up BEFORE ${write} FOR EACH ROW WHEN (${condition})`;
  if (gate.databaseUrl.startsWith("sqlite:")) {
    await gate.sql(
      "CREATE VIEW endless AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    );
    await gate.sql(`${trigger} BEGIN SELECT count(*) FROM endless; END`);
    return async () => {
      await gate.sql("DROP TRIGGER hold_up");
      await gate.sql("DROP VIEW endless");
    };
  }
  await gate.sql(CREATE_HOLD_UP);
  await gate.sql(`${trigger} EXECUTE FUNCTION hold_up()`);
  return lockHoldUp(gate.databaseUrl);
}

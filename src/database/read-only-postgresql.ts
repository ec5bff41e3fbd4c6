import type { PostgresUrl } from "../config/postgresql-url.js";
import { codeOf, describeFault, MISSING_DATABASE } from "./postgresql-fault.js";
import { connect, quote, withDefaults } from "./postgresql-server.js";
import { readTlsOptions } from "./postgresql-tls.js";
import { numberParameters } from "./postgresql-engine.js";
import type { ReadOnlyDatabase, TextRow } from "./read-only.js";

const AS_TEXT = { getTypeParser: () => (text: string) => text };

/** Makes all statements see the same state of the database. */
const BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TIME ZONE 'UTC'";

/** @throws Error if the database cannot be opened. The message is one line without a password. */
export async function openPostgresReadOnly(given: PostgresUrl): Promise<ReadOnlyDatabase> {
  const url = withDefaults(given);
  try {
    const [client] = await connect(url, readTlsOptions(url));
    await client.query(BEGIN);
    return {
      query: async (statement, values = []) => {
        const query = { text: numberParameters(statement), values, types: AS_TEXT };
        return (await client.query(query)).rows as TextRow[];
      },
      quote,
      columnsOf: `SELECT attname AS name FROM pg_attribute
        WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 AND NOT attisdropped`,
      tablesWith: `SELECT table_name AS name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = ? ORDER BY table_name`,
      close: () => client.end(),
    };
  } catch (cause) {
    const fault =
      codeOf(cause) === MISSING_DATABASE
        ? `The database ${url.database} does not exist.`
        : describeFault(cause, url);
    throw new Error(fault, { cause });
  }
}

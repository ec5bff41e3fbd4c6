/**
 * How many summaries are kept. Without a limit, they could fill the memory, because some statements vary with the
 * length of a list.
 */
const MAX_KEPT = 1000;

const kept = new Map<string, string>();

/**
 * Returns the operation and the table of a statement, such as `SELECT session`.
 * @see https://opentelemetry.io/docs/specs/semconv/database/database-spans/
 */
export function summaryOf(statement: string): string {
  const known = kept.get(statement);
  if (known !== undefined) return known;
  const summary = summarize(statement);
  if (kept.size < MAX_KEPT) kept.set(statement, summary);
  return summary;
}

function summarize(statement: string): string {
  // Remove all parentheses and the text in them, because they may contain subqueries.
  let whole = statement;
  for (let inner = ""; inner !== whole;) {
    inner = whole;
    whole = inner.replaceAll(/\([^()]*\)/g, " ");
  }
  const [, operation = "SQL"] = /\b(SELECT|INSERT|UPDATE|DELETE)\b/i.exec(whole) ?? [];
  const [, table = ""] = /\b(?:FROM|INTO|UPDATE)\s+"?(?!AS\b)(\w+)/i.exec(whole) ?? [];
  return `${operation.toUpperCase()} ${table}`.trimEnd();
}

import type { Client, FeatureEvent } from "../../../src/events.js";
import { eventually } from "../../support/eventually.js";
import type { Gate } from "../../support/gate.js";

/** A row of the table of events. */
export interface Row {
  id: string;
  at: number;
  type: string;
  actor_id: string | null;
  actor_session_id: string | null;
  impersonator_id: string | null;
  subject_id: string | null;
  session_id: string | null;
  ip_address: string | null;
  user_agent: string | null;
  request_id: string | null;
  details: string | null;
}

const MARK: FeatureEvent = { type: "test:mark" };
const NOBODY: Client = { ipAddress: null, userAgent: null };

/**
 * Waits until all events so far are stored. Publishes one more event and waits for it, because events are stored in
 * order.
 */
async function stored(gate: Gate): Promise<void> {
  const count = async () =>
    (await gate.sql("SELECT id FROM audit_event WHERE type = ?", [MARK.type])).length;
  const before = await count();
  gate.core.onEvent(MARK, NOBODY);
  await eventually(async () => (await count()) > before);
}

/** Returns the stored events, oldest first. */
export async function rowsOf(gate: Gate): Promise<Row[]> {
  await stored(gate);
  const rows = await gate.sql("SELECT * FROM audit_event WHERE type <> ? ORDER BY id", [MARK.type]);
  // The driver of PostgreSQL returns a bigint as a text.
  return rows.map((row): Row => ({ ...row, at: Number(row.at) }));
}

/** Returns the events that `run` causes. */
export async function rowsDuring(gate: Gate, run: () => unknown): Promise<Row[]> {
  const before = new Set((await rowsOf(gate)).map(({ id }) => id));
  await run();
  return (await rowsOf(gate)).filter(({ id }) => !before.has(id));
}

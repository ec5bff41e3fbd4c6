import type { AuthScheme } from "../../src/events.js";
import type { Gate, Tokens } from "./gate.js";

/** Opens a session in which the user has just given the password. Hashes nothing, although a login would. */
export async function fresh(gate: Gate, userId: string, scheme?: AuthScheme): Promise<Tokens> {
  const tokens = await gate.issue(userId, scheme);
  await gate.sql("UPDATE session SET authenticated_at = ? WHERE id = ?", [
    gate.now,
    tokens.session.id,
  ]);
  return tokens;
}

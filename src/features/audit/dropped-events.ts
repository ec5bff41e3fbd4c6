import type { KeyObject } from "node:crypto";
import { NO_CLIENT } from "../../events.js";
import { type AuditRow, DROP_WINDOW, DROPPED, toRow } from "./audit-row.js";
import type { EventIds } from "./event-id.js";

/** Counts the events that are dropped because too many requests are refused. A new count begins each minute. */
export class DroppedEvents {
  readonly #ids: EventIds;
  readonly #key: KeyObject;
  #current: { readonly id: string; readonly at: number; count: number } | undefined;

  constructor(ids: EventIds, key: KeyObject) {
    this.#ids = ids;
    this.#key = key;
  }

  /**
   * Counts one more event. Returns the row with the new count. All rows of one minute have the same id, so a later row
   * replaces an earlier one.
   */
  count(at: number): AuditRow {
    if (this.#current === undefined || at - this.#current.at >= DROP_WINDOW) {
      this.#current = { id: this.#ids.next(at), at, count: 0 };
    }
    this.#current.count += 1;
    const { id, at: since, count } = this.#current;
    return { ...toRow({ type: DROPPED, details: { count } }, NO_CLIENT, this.#key), id, at: since };
  }
}

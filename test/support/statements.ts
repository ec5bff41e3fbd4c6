import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import sqlite3 from "sqlite3";

/** The methods with which each driver runs a statement. */
const STATEMENT_METHODS: readonly [prototype: any, methods: readonly string[]][] = [
  [sqlite3.Statement.prototype, ["all", "get", "run", "each", "exec"]],
  [sqlite3.Database.prototype, ["all", "get", "run", "each", "exec"]],
  [pg.Client.prototype, ["query"]],
];

/** The statement that stores the audit trail, a moment after its events. */
const STORES_EVENTS = /^\s*INSERT INTO audit_event/;

/** The statement that looks for work that is due, also at the start of a server. */
const LOOKS_FOR_WORK = /^\s*SELECT id FROM \w+ WHERE due_at <= /;

/** The statement that stores when sessions were last used, a second after that. */
const STORES_LAST_USE = /^\s*UPDATE session SET last_used_at/;

const UNCOUNTED = [STORES_EVENTS, LOOKS_FOR_WORK];

/** Is true in the periodic jobs of servers, such as the reload of the keys every 30 seconds. */
const inInterval = new AsyncLocalStorage<boolean>();

const { setInterval: setIntervalOfNode } = globalThis;
globalThis.setInterval = ((run: (...given: unknown[]) => void, ...rest: []) =>
  setIntervalOfNode(
    (...given: unknown[]) => {
      inInterval.run(true, run, ...given);
    },
    ...rest,
  )) as typeof setInterval;

/** Counts the SQL statements that the drivers of this process run during `run`, except those of periodic jobs. */
export async function countStatements(
  run: () => Promise<unknown>,
  uncounted: readonly RegExp[] = UNCOUNTED,
): Promise<number> {
  const statements = await recordStatements(run, () => inInterval.getStore() !== true);
  return statements.filter((text) => !uncounted.some((pattern) => pattern.test(text))).length;
}

/**
 * Counts the SQL statements of requests. Statements of timers do not count, because on a slow machine they may run
 * meanwhile.
 */
export function countRequestStatements(run: () => Promise<unknown>): Promise<number> {
  return countStatements(run, [...UNCOUNTED, STORES_LAST_USE]);
}

/**
 * Returns the SQL statements that the drivers of this process run during `run`.
 * @param isRecorded returns whether to record the statement that runs now. @default all are recorded
 */
export async function recordStatements(
  run: () => Promise<unknown>,
  isRecorded = () => true,
): Promise<string[]> {
  const statements: string[] = [];
  const restore = STATEMENT_METHODS.flatMap(([prototype, methods]) =>
    methods.flatMap((method) => {
      const original = prototype[method];
      if (typeof original !== "function") return [];
      prototype[method] = function (this: unknown, ...parameters: unknown[]) {
        if (isRecorded()) statements.push(textOf(this, parameters[0]));
        return original.apply(this, parameters);
      };
      return [() => (prototype[method] = original)];
    }),
  );
  try {
    await run();
  } finally {
    for (const undo of restore) undo();
  }
  return statements;
}

/** Returns the text of a statement. Each driver keeps it in another place. */
function textOf(prepared: any, given: any): string {
  if (typeof given === "string") return given;
  return given?.text ?? prepared.sql ?? "";
}

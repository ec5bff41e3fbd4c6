import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setImmediate as poll, setTimeout as sleep } from "node:timers/promises";
import type { Connections } from "./connections.js";

// All times are in milliseconds.

/** How long a stopping server still listens. `GET /health/ready` already fails, so proxies choose another server. */
const NOTICE_TIME = 1_000;
/** How long idle connections stay open after the server stops listening, because a request may still arrive on them. */
const IDLE_TIME = 500;
/** How long {@link untilNoneWaits} waits at most. */
const QUIET_TIMEOUT = 1_000;
/**
 * If a turn of the event loop takes longer than this, {@link untilNoneWaits} waits for another turn, because a new
 * connection may have arrived meanwhile.
 */
const QUIET_TURN = 0.2;
/** How long {@link stopListening} sleeps between two checks. */
const PAUSE = 10;

/**
 * Stops accepting connections, and waits until all requests are answered. Also answers requests that arrive meanwhile
 * on open connections.
 */
export async function stopListening(
  server: Server,
  connections: Connections,
  { isDevelopment }: { readonly isDevelopment: boolean | null },
): Promise<void> {
  if (isDevelopment !== true) await sleep(NOTICE_TIME);
  await untilNoneWaits(server);
  // Do not call `server.close()`, because it also closes idle connections.
  NetServer.prototype.close.call(server);
  const end = performance.now() + IDLE_TIME;
  const isWaiting = () => connections.served > 0 && performance.now() < end;
  while (connections.running > 0 || isWaiting()) {
    await sleep(PAUSE);
    // Let Node read the requests that have arrived, so that their connections do not count as idle.
    await poll();
  }
  server.closeIdleConnections();
}

/**
 * Waits until Node accepts no new connection in one turn of the event loop. Otherwise, when the server stops listening,
 * the operating system would reset connections that have arrived but are not accepted yet.
 */
async function untilNoneWaits(server: Server): Promise<void> {
  let accepted = 0;
  const count = () => (accepted += 1);
  server.on("connection", count);
  const end = performance.now() + QUIET_TIMEOUT;
  let start: number;
  do {
    accepted = 0;
    start = performance.now();
    await poll();
  } while ((accepted > 0 || performance.now() - start > QUIET_TURN) && performance.now() < end);
  server.off("connection", count);
}

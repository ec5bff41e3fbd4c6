import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setImmediate as poll, setTimeout as sleep } from "node:timers/promises";
import type { Connections } from "./connections.js";

// All times are in milliseconds.

/** How long a stopping server still listens. Meanwhile `GET /health/ready` fails, so proxies choose another server. */
const NOTICE_TIME = 1_000;
/** How long idle connections stay open after the server stops listening. A request may be on its way. */
const IDLE_TIME = 500;
/** How long {@link untilNoneWaits} waits at most. */
const QUIET_TIMEOUT = 1_000;
/**
 * If a turn of the event loop takes longer than this, {@link untilNoneWaits} waits for another turn. During the long
 * turn, a connection may have arrived unnoticed.
 */
const QUIET_TURN = 0.2;
const PAUSE = 10;

/**
 * Stops accepting connections, and waits until all requests are answered. Also answers the requests that meanwhile
 * arrive on open connections.
 */
export async function stopListening(
  server: Server,
  connections: Connections,
  { isDevelopment }: { readonly isDevelopment: boolean | null },
): Promise<void> {
  if (isDevelopment !== true) await sleep(NOTICE_TIME);
  await untilNoneWaits(server);
  // Not `server.close()`, because that also closes idle connections.
  NetServer.prototype.close.call(server);
  const end = performance.now() + IDLE_TIME;
  const isWaiting = () => connections.served > 0 && performance.now() < end;
  while (connections.running > 0 || isWaiting()) {
    await sleep(PAUSE);
    // Reads the requests that have arrived, so that their connections do not look idle.
    await poll();
  }
  server.closeIdleConnections();
}

/**
 * Waits until Node has accepted all connections that have arrived: until no new connection comes in one turn of the
 * event loop. When the server then stops listening, the operating system resets the connections that Node has not
 * accepted.
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

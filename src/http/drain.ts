import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connections } from "./connections.js";

/** How long the server still listens, so that health checks notice that it is not ready. In milliseconds. */
const NOTICE_TIME = 1_000;
/** How long idle connections stay open afterwards, because a request may be on its way on one of them. */
const IDLE_TIME = 500;
const PAUSE = 10;

/**
 * Stops accepting connections, and waits until all requests are answered. Those that arrive on open connections are
 * answered too, and are told to use another connection.
 */
export async function stopListening(
  server: Server,
  connections: Connections,
  { isDevelopment }: { readonly isDevelopment: boolean | null },
): Promise<void> {
  if (isDevelopment !== true) await sleep(NOTICE_TIME);
  // Not the method of http.Server, because that one closes idle connections.
  NetServer.prototype.close.call(server);
  const end = performance.now() + IDLE_TIME;
  const isWaiting = () => connections.served > 0 && performance.now() < end;
  while (connections.running > 0 || isWaiting()) await sleep(PAUSE);
}

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * The ports to choose from. They end before the range from which Linux takes ports for connections and for servers that
 * ask for any port, because one of those could get the port before the caller.
 */
const FIRST = 20_000;
const LAST = 32_000;

/** Returns a port of loopback that nothing listens on. */
export async function findFreePort(): Promise<number> {
  const port = randomInt(FIRST, LAST);
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return findFreePort();
  }
  server.close();
  await once(server, "close");
  return port;
}

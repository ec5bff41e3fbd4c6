import fastifyCors, { type FastifyCorsOptions } from "@fastify/cors";
import type { FastifyInstance } from "fastify";
import type { OpenAuth } from "../auth.js";
import { isLoopback, type ServerConfig } from "../config/server-config.js";

/**
 * Lets pages of the origins in `corsOrigins` send requests. In development, pages of other loopback origins may send
 * requests, too. But these pages may send no cookies, because any program on the machine can serve such a page.
 */
export async function addCors(
  app: FastifyInstance,
  cors: OpenAuth["cors"],
  { corsOrigins, isDevelopment }: Pick<ServerConfig, "corsOrigins" | "isDevelopment">,
): Promise<void> {
  const isOn = isDevelopment === true || corsOrigins.length > 0;
  if (!isOn) return;
  const shared = {
    methods: ["POST"],
    allowedHeaders: ["authorization", "content-type", ...cors.allowedHeaders],
    exposedHeaders: ["retry-after", "www-authenticate"],
    maxAge: 600,
  };
  const listed: FastifyCorsOptions =
    corsOrigins.length === 0
      ? { origin: false }
      : { ...shared, origin: [...corsOrigins], credentials: cors.credentials };
  if (isDevelopment !== true) {
    await app.register(fastifyCors, listed);
    return;
  }
  await app.register(fastifyCors, {
    delegator: ({ headers: { origin = "" } }, callback) => {
      const isNeighbour = !corsOrigins.includes(origin) && isLoopbackOrigin(origin);
      callback(null, isNeighbour ? { ...shared, origin: [origin] } : listed);
    },
  });
}

/** Returns whether only this machine can serve pages of an origin, such as `http://localhost:5173`. */
function isLoopbackOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.origin === origin && isLoopback(url.hostname.replace(/[[\]]/g, ""));
}

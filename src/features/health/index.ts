import { setTimeout as sleep } from "node:timers/promises";
import { onOff } from "../../config/kinds.js";
import { defineFeature } from "../feature.js";

/** How long the database may take to answer, in milliseconds. */
const READINESS_TIMEOUT = 1_000;

const settings = {
  /** Whether `GET /health/live` and `GET /health/ready` are served. */
  healthEndpoints: onOff({ variable: "HEALTH_ENDPOINTS", default: true }),
};

/**
 * `GET /health/live` answers 200 while the process runs. `GET /health/ready` answers 503 if the database does not
 * answer, or a shutdown has begun.
 */
export const health = defineFeature({
  name: "health",
  settings,
  isOn: (config) => config.healthEndpoints,
  create: (core) => ({
    routes: [
      {
        method: "GET",
        path: "/health/live",
        isLogged: false,
        handle: () => Response.json({ status: "ok" }),
      },
      {
        method: "GET",
        path: "/health/ready",
        isLogged: false,
        handle: async () => {
          const isReady = await Promise.race([core.isReady(), sleep(READINESS_TIMEOUT, false)]);
          const status = isReady ? "ok" : "unavailable";
          return Response.json({ status }, { status: isReady ? 200 : 503 });
        },
      },
    ],
  }),
});

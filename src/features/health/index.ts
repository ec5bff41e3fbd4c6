import { onOff } from "../../config/kinds.js";
import { withinTime } from "../../within-time.js";
import { type CoreServices, defineFeature } from "../feature.js";

/** How long `GET /health/ready` waits for the database, in milliseconds. */
const READINESS_TIMEOUT = 1_000;

const settings = {
  /** Whether `GET /health/live` and `GET /health/ready` are served. */
  healthEndpoints: onOff({ variable: "HEALTH_ENDPOINTS", default: true }),
};

/**
 * Serves `GET /health/live`, which always answers 200. Also serves `GET /health/ready`, which answers 503 if the
 * database does not answer or a shutdown has begun. If the database answers but refuses writes, the status is 200 and
 * the body says `read-only`, because requests with an access or static token still work.
 */
export const health = defineFeature({
  name: "health",
  settings,
  isOn: (config) => config.healthEndpoints,
  create: ({ isReady, isWritable }: CoreServices) => ({
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
          const [answers, takesWrites] = await Promise.all(
            [isReady(), isWritable()].map((check) =>
              withinTime(check, READINESS_TIMEOUT, () => false),
            ),
          );
          if (!answers) return Response.json({ status: "unavailable" }, { status: 503 });
          return Response.json({ status: takesWrites ? "ok" : "read-only" });
        },
      },
    ],
  }),
});

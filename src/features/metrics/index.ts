import { onOff, text, wholeNumber } from "../../config/kinds.js";
import type { Problem } from "../../config/problems.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /** Whether metrics for Prometheus are collected and served at `GET /metrics`. */
  metrics: onOff({ variable: "METRICS", default: false }),
  /** The token that a scraper sends as `Authorization: Bearer …`. */
  metricsToken: text({
    variable: "METRICS_TOKEN",
    accepts: (value) => /^[\w.~+/-]{32,255}={0,2}$/.test(value),
    allowed: "32 to 255 letters, digits and characters of -._~+/",
    hint: "`gatehouse generate-secret` makes one",
  }),
  /**
   * A port for the metrics, instead of the server's port. Scrapers need no token on this port, unless `metricsToken` is
   * set. 0 picks a free port.
   */
  metricsPort: wholeNumber({
    variable: "METRICS_PORT",
    from: 0,
    to: 65_535,
    defaultNote: "the server's port",
  }),
  /** The address that `metricsPort` listens on. */
  metricsHost: text({ variable: "METRICS_HOST", defaultNote: "`127.0.0.1`" }),
};

export const metrics = defineFeature({
  name: "metrics",
  settings,
  isOn: (config) => config.metrics,
  findProblems: ({ metrics: isOn, metricsToken, metricsPort, metricsHost, isDevelopment }) =>
    isOn ? [...findProblems(metricsToken, metricsPort, metricsHost, isDevelopment)] : [],
  create: async (core: CoreServices, { metricsToken, metricsPort, metricsHost }) => {
    const { Metrics } = await import("./metrics.service.js");
    const { OwnPort } = await import("./own-port.js");
    const { createScrape, METRICS_TYPE } = await import("./scrape.js");
    const collected = new Metrics(core);
    const scrape = createScrape(collected, metricsToken);
    const parts = {
      onEvent: collected.countEvent,
      onResponse: collected.countResponse,
    };
    if (metricsPort === undefined) {
      return {
        ...parts,
        routes: [
          {
            method: "GET",
            path: "/metrics",
            isLogged: false,
            handle: async ({ headers }) =>
              new Response(await scrape(headers.get("authorization")), {
                headers: { "content-type": METRICS_TYPE },
              }),
          },
        ],
      };
    }
    const port = new OwnPort(scrape);
    return {
      ...parts,
      announce: async () => `Metrics: ${await port.listen(metricsPort, metricsHost)}`,
      close: () => port.close(),
    };
  },
});

function* findProblems(
  token: string | undefined,
  port: number | undefined,
  host: string | undefined,
  isDevelopment: boolean | null,
): Generator<Problem> {
  if (host !== undefined && port === undefined) {
    yield { option: "metricsHost", message: "needs", other: "metricsPort" };
  }
  if (port !== undefined && isDevelopment === null) {
    const message = "works only with createServer. Serve the route in auth.routes instead, and set";
    yield { option: "metricsPort", message, other: "metricsToken" };
  } else if (token === undefined && port === undefined && isDevelopment !== true) {
    yield {
      option: "metricsToken",
      message: {
        option: "or metricsPort is required if others can reach the server",
        variable: "or METRICS_PORT is required if others can reach the server",
      },
    };
  }
}

import { onOff } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /**
   * Whether requests, SQL statements, password hashes and deliveries are recorded as spans of OpenTelemetry. The
   * process needs an SDK, loaded before Gatehouse with `node --import`.
   */
  traces: onOff({ variable: "TRACES", default: false }),
};

export const traces = defineFeature({
  name: "traces",
  settings,
  isOn: (config) => config.traces,
  create: async ({ spans, observeStatements, sql }: CoreServices) => {
    const { Traces } = await import("./traces.service.js").catch((cause: unknown) => {
      const message = "needs the package @opentelemetry/api";
      throw new WrongSettings([{ option: "traces", message }], { cause });
    });
    const recorded = new Traces(sql.skipLocked === "" ? "sqlite" : "postgresql");
    if (!recorded.hasSdk) {
      const message = "needs an SDK of OpenTelemetry, loaded before Gatehouse with `node --import`";
      throw new WrongSettings([{ option: "traces", message }]);
    }
    spans.recordWith(recorded);
    observeStatements(recorded.addStatement);
    return { observeRequest: recorded.observeRequest, close: recorded.flush };
  },
});

import type { KeyObject } from "node:crypto";
import { durationOrOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { auditEvent } from "./migration.js";

const settings = {
  /** How long the events of the audit trail are stored. `off` switches the feature off: then no event is stored. */
  auditRetention: durationOrOff({ variable: "AUDIT_RETENTION", from: "1h", default: "90d" }),
};

/** Stores the audit trail, and adds `auditEvents`. */
export const audit = defineFeature({
  name: "audit",
  settings,
  migrations: [auditEvent],
  isOn: (config) => config.auditRetention !== false,
  create: async ({ sql, now, accounts, deriveKeys }: CoreServices, { auditRetention }) => {
    const { AuditTrail } = await import("./audit.service.js");
    const { AuditList } = await import("./audit-list.js");
    const { AuditResolver } = await import("./audit.resolver.js");
    const { auditPruneRules } = await import("./prune-rules.js");
    const [key] = deriveKeys("audit") as [KeyObject];
    const trail = new AuditTrail(sql, now, key);
    return {
      resolvers: [new AuditResolver(new AuditList(sql), accounts)],
      onEvent: (event, client) => {
        trail.record(event, client);
      },
      prune: auditPruneRules(Number(auditRetention)),
      close: () => trail.close(),
    };
  },
});

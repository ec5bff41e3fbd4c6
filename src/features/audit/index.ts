import type { KeyObject } from "node:crypto";
import { durationOrOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import type { AuditTrail } from "./audit.service.js";
import { auditEvent } from "./migration.js";

const settings = {
  /** How long the events of the audit trail are stored. `off` means that no event is stored. */
  auditRetention: durationOrOff({ variable: "AUDIT_RETENTION", from: "1h", default: "90d" }),
};

/** The part of the audit trail that other features can use. */
export type FollowedTrail = Pick<AuditTrail, "follow">;

/** Stores the audit trail, and adds the query `auditEvents`. */
export const audit = defineFeature({
  name: "audit",
  settings,
  migrations: [auditEvent],
  isOn: (config) => config.auditRetention !== false,
  create: async (core: CoreServices, { auditRetention }) => {
    const { sql, now, accounts, deriveKeys, storeEventsWith } = core;
    const { AuditTrail } = await import("./audit.service.js");
    const { AuditList } = await import("./audit-list.js");
    const { toAuditEvent } = await import("./audit-event.type.js");
    const { AuditResolver } = await import("./audit.resolver.js");
    const { auditMeasurements } = await import("./measurements.js");
    const { auditPruneRules } = await import("./prune-rules.js");
    const [key] = deriveKeys("audit") as [KeyObject];
    const trail = new AuditTrail(sql, now, key);
    storeEventsWith((run, events, client) => trail.store(run, events, client));
    const list = new AuditList(sql);
    const auditTrail: FollowedTrail = trail;
    return {
      api: { auditTrail },
      resolvers: [new AuditResolver(list, accounts)],
      onEvent: (event, client) => {
        trail.record(event, client);
      },
      // An export must not contain the data of other users, so `isAdmin` is false even for an administrator.
      exportUser: async (id) =>
        (await list.all(id)).map((event) => toAuditEvent(event, { id, isAdmin: false })),
      measurements: auditMeasurements(trail),
      prune: auditPruneRules(Number(auditRetention)),
      close: () => trail.close(),
    };
  },
});

export type { SettlingEvent } from "./audit-row.js";
export type { Follower } from "./audit.service.js";

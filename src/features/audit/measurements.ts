import type { Measurement } from "../../maintenance/measurement.js";
import type { AuditTrail } from "./audit.service.js";

export function auditMeasurements(trail: AuditTrail): readonly Measurement[] {
  return [
    {
      name: "gatehouse_audit_pending_events",
      help: "The events of the audit trail that wait for the database.",
      kind: "gauge",
      read: () => trail.load.pending,
    },
    {
      name: "gatehouse_audit_dropped_events_total",
      help: "The refusals that the audit trail only counted, because there were too many.",
      kind: "counter",
      read: () => trail.load.dropped,
    },
    {
      name: "gatehouse_audit_lost_events_total",
      help: "The events that the audit trail could not store.",
      kind: "counter",
      read: () => trail.load.lost,
    },
  ];
}

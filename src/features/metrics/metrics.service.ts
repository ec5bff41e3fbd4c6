import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type ErrorCode, HTTP_STATUS, REASONS } from "../../errors.js";
import type { AuthEvent } from "../../events.js";
import type { Measurement, Sample } from "../../maintenance/measurement.js";
import { withinTime } from "../../within-time.js";
import type { CoreServices } from "../feature.js";
import type { ServedResponse } from "../served-response.js";
import { LabelValues, OTHER } from "./label-values.js";
import { processMetrics } from "./process-metrics.js";

/**
 * How long a measurement may take, in milliseconds. A slow database must not delay the metrics that show why it is
 * slow.
 */
const READ_TIMEOUT = 1000;

/** How many error reasons of features, and how many event types of features, are counted separately. */
const MAX_OF_FEATURES = 100;

/** The upper bounds of the buckets, in seconds. A login takes about 0.03 s, and an operation rarely more than 10 s. */
const OPERATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STATEMENT_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5];

type CoreEvent = Exclude<AuthEvent["type"], `${string}:${string}`>;

/** The core's events. Their counters start at 0, because an alert does not notice a counter that starts at 1. */
const EVENTS: Readonly<Record<CoreEvent, true>> = {
  token_issued: true,
  token_refreshed: true,
  token_reused: true,
  session_ended: true,
  token_expired: true,
  login_failed: true,
  password_refused: true,
  account_locked: true,
  account_unlocked: true,
  user_created: true,
  username_changed: true,
  email_changed: true,
  password_changed: true,
  password_removed: true,
  role_changed: true,
  user_activated: true,
  user_deactivated: true,
  user_deleted: true,
  role_denied: true,
  freshness_denied: true,
  second_factor_denied: true,
  key_rotated: true,
};

/** The metrics of one server. Another server in the same process has its own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #process = processMetrics();
  readonly #outcomes = new LabelValues(["ok", ...(Object.keys(HTTP_STATUS) as ErrorCode[])]);
  readonly #reasons = new LabelValues(REASONS, MAX_OF_FEATURES);
  readonly #eventTypes = new LabelValues(Object.keys(EVENTS), MAX_OF_FEATURES);
  readonly #core: CoreServices;
  readonly #operations;
  readonly #durations;
  readonly #responses;
  readonly #refusals;
  readonly #events;
  readonly #sessions;
  readonly #failures;
  readonly #unread;
  #rendering: Promise<string> | undefined;

  constructor(core: CoreServices) {
    this.#core = core;
    const registers = [this.#registry];
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
      new Counter({ name: `gatehouse_${name}`, help, labelNames, registers });
    const histogram = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[],
      buckets: number[],
    ) => new Histogram({ name: `gatehouse_${name}`, help, labelNames, buckets, registers });
    this.#operations = counter(
      "operations_total",
      "GraphQL operations by root field (`multiple`, or `other` if the document was refused) and by outcome: `ok`, or the code of the first error.",
      ["operation", "outcome"],
    );
    this.#durations = histogram(
      "operation_duration_seconds",
      "How long GraphQL operations took, from the request's headers to the end of the response.",
      ["operation"],
      OPERATION_BUCKETS,
    );
    this.#responses = counter("http_responses_total", "Responses by route and HTTP status.", [
      "route",
      "status",
    ]);
    this.#refusals = counter("refusals_total", "Refused GraphQL operations by reason.", ["reason"]);
    this.#events = counter("events_total", "Events of the audit trail by type.", ["type"]);
    this.#sessions = counter("sessions_opened_total", "Sessions that were opened, by scheme.", [
      "scheme",
    ]);
    this.#failures = counter("login_failures_total", "Failed logins by reason.", ["reason"]);
    this.#unread = counter("unread_measurements_total", "How often a measurement failed.", [
      "measurement",
    ]);
    for (const reason of REASONS) this.#refusals.inc({ reason }, 0);
    for (const type of Object.keys(EVENTS)) this.#events.inc({ type }, 0);
    for (const scheme of ["TOKEN", "JWT", "SLIDING"]) this.#sessions.inc({ scheme }, 0);
    for (const reason of ["invalid_credentials", "throttled"]) this.#failures.inc({ reason }, 0);
    const info = { name: "gatehouse_build_info", help: "Always 1. The labels say the versions." };
    new Gauge({ ...info, labelNames: ["version", "node"], registers }).set(
      { version: readVersion(), node: process.version },
      1,
    );
    this.#observeStatements(
      histogram(
        "statement_duration_seconds",
        "How long SQL statements took, including the wait for a connection. A transaction counts as one statement.",
        ["kind"],
        STATEMENT_BUCKETS,
      ),
      counter(
        "statement_errors_total",
        "SQL statements and transactions that failed because the database was unavailable or too slow.",
        ["kind"],
      ),
    );
  }

  #observeStatements(durations: Histogram<"kind">, errors: Counter<"kind">): void {
    for (const kind of ["read", "write", "exclusive", "transaction"]) {
      durations.zero({ kind });
      errors.inc({ kind }, 0);
    }
    this.#core.observeStatements((kind, seconds, isUnavailable) => {
      durations.observe({ kind }, seconds);
      if (isUnavailable) errors.inc({ kind });
    });
  }

  readonly countEvent = (event: AuthEvent): void => {
    this.#events.inc({ type: this.#eventTypes.of(event.type) });
    if (event.type === "token_issued") this.#sessions.inc({ scheme: event.scheme });
    if (event.type === "login_failed") {
      this.#failures.inc({ reason: this.#reasons.of(event.reason) });
    }
  };

  readonly countResponse = ({
    route,
    status,
    seconds,
    operation: served,
  }: ServedResponse): void => {
    this.#responses.inc({ route: route ?? OTHER, status });
    if (served === null) return;
    const operation = served.field ?? OTHER;
    this.#operations.inc({ operation, outcome: this.#outcomes.of(served.outcome) });
    this.#durations.observe({ operation }, seconds);
    if (served.reason !== null) this.#refusals.inc({ reason: this.#reasons.of(served.reason) });
  };

  /** Returns all metrics as text. Scrapes at the same time share one text. */
  render(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined;
    });
    return this.#rendering;
  }

  async #render(): Promise<string> {
    const registries = [await this.#measure(), this.#registry, this.#process];
    const texts = await Promise.all(registries.map((registry) => registry.metrics()));
    return texts.join("\n");
  }

  /** Reads all measurements. Leaves out a measurement that fails, so that the others are still returned. */
  async #measure(): Promise<Registry> {
    const registry = new Registry();
    const add = async (measurement: Measurement) => {
      try {
        addTo(registry, measurement, await withinTime(read(measurement), READ_TIMEOUT, tooLate));
      } catch {
        this.#unread.inc({ measurement: measurement.name });
      }
    };
    await Promise.all(this.#core.measurements().map(add));
    return registry;
  }
}

async function read(measurement: Measurement): Promise<readonly Sample[]> {
  const found = await measurement.read();
  return typeof found === "number" ? [{ labels: {}, value: found }] : found;
}

function tooLate(): never {
  throw new Error("The measurement took too long.");
}

function addTo(
  registry: Registry,
  { name, help, kind, labels = [] }: Measurement,
  samples: readonly Sample[],
): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === "gauge") {
    const gauge = new Gauge(options);
    for (const sample of samples) gauge.set(sample.labels, sample.value);
  } else {
    const counter = new Counter(options);
    for (const sample of samples) counter.inc(sample.labels, sample.value);
  }
}

function readVersion(): string {
  const path = join(import.meta.dirname, "../../../package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

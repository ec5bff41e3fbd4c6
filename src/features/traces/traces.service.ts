import {
  type Attributes,
  context,
  type Context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";
import { parseTraceparent } from "../../authentication/trace-context.js";
import { AuthError, type ErrorCode } from "../../errors.js";
import type { SpanOptions, Tracer } from "../../spans.js";
import type { StatementObserver } from "../../sql.js";
import { withinTime } from "../../within-time.js";
import type { RequestObserver } from "../served-response.js";
import { summaryOf } from "./summary.js";

/** The headers that are read and sent. `baggage` is not among them, because clients can put any text into it. */
const HEADERS = ["traceparent", "tracestate"];

/** How long {@link Traces.flush} may take, in milliseconds. */
const FLUSH_TIMEOUT = 3000;

/**
 * The tracer provider of the OpenTelemetry SDK, or the proxy of the OpenTelemetry API, whose `getDelegate` returns that
 * provider.
 */
interface SdkProvider extends TracerProvider {
  getDelegate?(): SdkProvider;
  forceFlush?(): Promise<void>;
}

/** The outcomes that are the server's fault. */
const FAULTS: readonly string[] = [
  "INTERNAL_SERVER_ERROR",
  "SERVICE_UNAVAILABLE",
] satisfies ErrorCode[];

/**
 * Records spans with the SDK that the process has loaded. Attributes contain the HTTP method and the name of the
 * GraphQL operation, but no argument, header or parameter of a statement.
 * @see https://opentelemetry.io/docs/specs/semconv/
 */
export class Traces implements Tracer {
  readonly #tracer = trace.getTracer("graphql-gatehouse");
  readonly #database: string;

  /** @param database the value of `db.system.name` */
  constructor(database: string) {
    this.#database = database;
  }

  /** Whether an SDK is loaded. Without one, spans are lost. */
  get hasSdk(): boolean {
    return isSpanContextValid(this.#tracer.startSpan("start").spanContext());
  }

  /** Continues the trace of the client, or starts one. @see https://www.w3.org/TR/trace-context/ */
  readonly observeRequest: RequestObserver = ({ method, route, headers, milliseconds }, handle) => {
    const startTime = performance.now() - milliseconds;
    const attributes: Attributes = { "http.request.method": method };
    if (route !== null) attributes["http.route"] = route;
    const span = this.#tracer.startSpan(
      route === null ? method : `${method} ${route}`,
      { kind: SpanKind.SERVER, attributes, startTime },
      parentOf(headers),
    );
    context.with(trace.setSpan(ROOT_CONTEXT, span), handle);
    return ({ status, operation }, { type, name }) => {
      span.setAttribute("http.response.status_code", status);
      if (type !== undefined) span.setAttribute("graphql.operation.type", type);
      if (name !== undefined) span.setAttribute("graphql.operation.name", name);
      if (operation !== null) {
        const { field } = operation;
        if (type !== undefined && field !== null) span.updateName(`${type} ${field}`);
        span.setAttribute("gatehouse.outcome", operation.outcome);
        if (operation.reason !== null) span.setAttribute("gatehouse.reason", operation.reason);
      }
      const outcome = operation?.outcome ?? status.toString();
      if (status >= 500 || FAULTS.includes(outcome)) markFailed(span, outcome);
      span.end(performance.now());
    };
  };

  /**
   * Adds a statement to the span of its request or delivery. Ignores a statement if that span is not being recorded,
   * for example because the request has ended while a timer that it started still runs.
   */
  readonly addStatement: StatementObserver = (kind, seconds, isUnavailable, statement) => {
    if (trace.getActiveSpan()?.isRecording() !== true) return;
    const summary = statement === null ? kind : summaryOf(statement);
    const span = this.#tracer.startSpan(summary, {
      kind: SpanKind.CLIENT,
      attributes: { "db.system.name": this.#database, "db.query.summary": summary },
      startTime: performance.now() - seconds * 1000,
    });
    if (isUnavailable) markFailed(span, "SERVICE_UNAVAILABLE");
    span.end(performance.now());
  };

  run<Result>(
    name: string,
    work: () => Promise<Result>,
    { isSeparate = false, faultOf = () => null }: SpanOptions<Result>,
  ): Promise<Result> {
    const kind = isSeparate ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const span = this.#tracer.startSpan(name, { kind, root: isSeparate });
    return context.with(trace.setSpan(context.active(), span), async () => {
      try {
        const result = await work();
        const fault = faultOf(result);
        if (fault !== null) markFailed(span, fault);
        return result;
      } catch (error) {
        markFailed(span, error instanceof AuthError ? error.code : "INTERNAL_SERVER_ERROR");
        throw error;
      } finally {
        span.end();
      }
    });
  }

  /** Makes the SDK send all recorded spans, because the process may end soon. */
  readonly flush = async (): Promise<void> => {
    const provider: SdkProvider = trace.getTracerProvider();
    const sdk = provider.getDelegate?.() ?? provider;
    await withinTime(sdk.forceFlush?.() ?? Promise.resolve(), FLUSH_TIMEOUT, () => undefined);
  };

  headers(): Record<string, string> {
    const all: Record<string, string> = {};
    propagation.inject(context.active(), all);
    return Object.fromEntries(Object.entries(all).filter(([name]) => HEADERS.includes(name)));
  }
}

/** Returns the context of the client's trace. A malformed `traceparent` counts as missing. */
function parentOf(headers: Readonly<Record<string, unknown>>): Context {
  if (parseTraceparent(headers["traceparent"]) === null) return ROOT_CONTEXT;
  const carrier = Object.fromEntries(HEADERS.map((name) => [name, headers[name]]));
  return propagation.extract(ROOT_CONTEXT, carrier);
}

/** Marks a span as failed. Leaves out the error's message, because it may contain a value of the request. */
function markFailed(span: Span, code: string): void {
  span.setAttribute("error.type", code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OperationRecord } from "../apollo/plugins.js";
import { publishTo } from "../events.js";
import type {
  RequestObserver,
  ResponseListener,
  ServedResponse,
} from "../features/served-response.js";
import { addressOf } from "./headers.js";

/** The name of the request decorator that holds the {@link OperationRecord}. */
export const RECORD = "operationRecord";

/** Logs a request after its response. */
export function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { routeOptions, method } = request;
  const ip = addressOf(request);
  const path = routeOptions.url ?? null;
  const ms = Math.round(reply.elapsedTime * 10) / 10;
  const record = request.getDecorator<OperationRecord | null>(RECORD);
  const { statusCode: status } = reply;
  const outcome = record?.outcome ?? (status < 400 ? "ok" : "refused");
  const operation = record?.operation;
  request.log.info({ method, path, ip, status, ms, operation, outcome }, "request");
}

/** Calls the listeners after each response. */
export function addResponseListeners(
  app: FastifyInstance,
  listeners: readonly ResponseListener[],
): void {
  const publish = publishTo(listeners);
  app.addHook("onResponse", (request, reply, done) => {
    publish(servedResponseOf(request, reply));
    done();
  });
}

/** Lets each observer run the handler of each request, for example within a span. */
export function addRequestObservers(
  app: FastifyInstance,
  observers: readonly RequestObserver[],
): void {
  for (const observe of observers) {
    const observed = new WeakMap<FastifyRequest, ReturnType<RequestObserver>>();
    // Do not use the hook `onRequest`, because an async context that starts there is lost when the body arrives.
    app.addHook("preHandler", (request, reply, done) => {
      const { method, headers, routeOptions } = request;
      const route = routeOptions.url ?? null;
      const started = { method, route, headers, milliseconds: reply.elapsedTime };
      observed.set(request, observe(started, done));
    });
    app.addHook("onResponse", (request, reply, done) => {
      const record = request.getDecorator<OperationRecord | null>(RECORD);
      const named = { type: record?.type, name: record?.operation };
      observed.get(request)?.(servedResponseOf(request, reply), named);
      done();
    });
  }
}

function servedResponseOf(request: FastifyRequest, reply: FastifyReply): ServedResponse {
  const { url } = request.routeOptions;
  const record = request.getDecorator<OperationRecord | null>(RECORD);
  return {
    route: url === undefined ? null : `${request.method} ${url}`,
    status: reply.statusCode,
    seconds: reply.elapsedTime / 1000,
    operation: record && {
      field: record.field ?? null,
      outcome: record.outcome,
      reason: record.reason ?? null,
    },
  };
}

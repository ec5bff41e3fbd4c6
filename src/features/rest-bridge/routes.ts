import { AuthError } from "../../errors.js";
import type { Client } from "../../events.js";
import type { CoreServices } from "../feature.js";
import { type Route, ROUTE_METHODS } from "../route.js";
import { ApiException, MethodNotAllowed, toApiException, toDetail } from "./api-exception.js";
import { authenticate } from "./authenticate.js";
import type { GuardedView, OpenView, View } from "./views.js";

type Services = Pick<CoreServices, "authentication" | "onEvent" | "log">;

/**
 * Returns a route for each of {@link ROUTE_METHODS}, and routes that redirect from the path without the final slash.
 * The view itself refuses methods that it does not support, as in Django REST framework.
 */
export function routesOf(view: OpenView | GuardedView, services: Services): Route[] {
  const { path } = view;
  const served = ROUTE_METHODS.map((method) => ({
    method,
    path,
    refusalBody: toDetail,
    handle: (request: Request, client: Client) => answer(view, services, request, client),
  }));
  const withoutSlash = path.slice(0, -1);
  const redirected = (["GET", "POST"] as const).map((method) => ({
    method,
    path: withoutSlash,
    handle: (request: Request) => addSlash(path, request),
  }));
  return [...served, ...redirected];
}

/** Redirects as Django's `APPEND_SLASH` does. A POST gets a 308, because many clients follow a 301 with a GET. */
function addSlash(path: string, { method, url }: Request): Response {
  const location = path + new URL(url).search;
  return new Response(null, { status: method === "POST" ? 308 : 301, headers: { location } });
}

async function answer(
  view: OpenView | GuardedView,
  services: Services,
  request: Request,
  client: Client,
): Promise<Response> {
  const headers = { allow: allowOf(view) };
  try {
    return Response.json(await bodyFor(view, services, request, client), { headers });
  } catch (error) {
    const refusal = toRefusal(error, view, services);
    const { status, body, retryAfter } = refusal;
    return Response.json(body, {
      status,
      headers: {
        ...headers,
        ...(status === 401 && { "www-authenticate": view.challenge }),
        ...(retryAfter !== undefined && { "retry-after": retryAfter.toString() }),
      },
    });
  }
}

async function bodyFor(
  view: OpenView | GuardedView,
  services: Services,
  request: Request,
  client: Client,
): Promise<object> {
  const signedIn = "answerTo" in view ? await authenticate(services, request, client) : null;
  const { method } = request;
  if (method === "OPTIONS") return {};
  const isServed = method === view.method || (method === "HEAD" && view.method === "GET");
  if (!isServed) throw new MethodNotAllowed(method);
  if (signedIn !== null && "answerTo" in view) return view.answerTo(signedIn, request, client);
  return (view as OpenView).answer(request, client);
}

function toRefusal(error: unknown, { path }: View, { log }: Services): ApiException {
  if (error instanceof ApiException) return error;
  if (!(error instanceof AuthError)) throw error;
  if (error.cause instanceof Error) log(`${path} failed: ${error.cause.message}`);
  return toApiException(error);
}

function allowOf({ method }: View): string {
  return method === "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
}

import type { Client } from "../events.js";

/** The HTTP methods of routes. The server also answers `HEAD` where it serves `GET`. */
export const ROUTE_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** An HTTP route. `handle` uses the Fetch API, so an application that embeds Gatehouse can serve the route, too. */
export interface Route {
  readonly method: (typeof ROUTE_METHODS)[number];
  /** Starts with a slash, such as `/health/live`. */
  readonly path: string;
  /**
   * Whether each request is logged. Use false for frequent requests, such as health checks. With false, requests also
   * never wait behind other requests.
   * @default true
   */
  readonly isLogged?: boolean;
  /**
   * Returns the JSON body of a response in which the server itself refuses a request, for example in these cases:
   * - The request's body is too large, or a header is wrong.
   * - There are too many connections, or too many requests from one address.
   * - `handle` threw an error that is not an {@link AuthError}.
   * @default a body like that of GraphQL errors
   */
  readonly refusalBody?: ((status: number) => object) | undefined;
  /**
   * Answers a request.
   * @param request the request, with an unparsed body for every content type
   * @param client the sender of the request. Pass it to `core.authentication`, for rate limits and the audit trail.
   * @throws {@link AuthError} to refuse the request. The error's code determines the HTTP status.
   */
  handle(this: void, request: Request, client: Client): Response | Promise<Response>;
}

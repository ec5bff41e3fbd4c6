export type ResponseListener = (response: ServedResponse) => unknown;

/** A response that the server has sent. */
export interface ServedResponse {
  /** The method and the path of the route, such as `POST /graphql`. Null if no route matched. */
  readonly route: string | null;
  readonly status: number;
  readonly seconds: number;
  /** The GraphQL operation. Null for a route other than `/graphql`. */
  readonly operation: ServedOperation | null;
}

export interface ServedOperation {
  /** The root field, such as `login`, or `multiple` if there are several. Null if the document was refused. */
  readonly field: string | null;
  /** `ok`, or the code of the first error, or `error` if that code is not a string. */
  readonly outcome: string;
  /** The `extensions.reason` of the first error, if it has one. */
  readonly reason: string | null;
}

/** A request that the server is about to handle. */
interface StartedRequest {
  readonly method: string;
  /** The path of the route, such as `/graphql`. Null if no route matched. */
  readonly route: string | null;
  readonly headers: Readonly<Record<string, unknown>>;
  /** How long ago the request arrived. */
  readonly milliseconds: number;
}

/**
 * The type and name of an operation. They are not in {@link ServedOperation}, because a client can put anything into
 * the name.
 */
interface NamedOperation {
  /** `query` or `mutation`. Undefined if the document was refused, and for a route other than `/graphql`. */
  readonly type: string | undefined;
  readonly name: string | undefined;
}

/**
 * Calls `handle`, which handles the request. For example, calls it within the async context of a span. Returns a
 * function that is called after the response.
 * @internal
 */
export type RequestObserver = (
  request: StartedRequest,
  handle: () => void,
) => (response: ServedResponse, operation: NamedOperation) => void;

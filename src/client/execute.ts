import { type Failure, type GraphQLErrorLike, toFailure } from "./failure.js";
import { isHttp, sleep } from "./platform.js";

export interface Endpoint {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** The longest wait for a response, in seconds. */
  readonly timeout: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: CookieMode;
}

/** The option `credentials` of `fetch`, which decides whether requests carry cookies. */
export type CookieMode = "omit" | "same-origin" | "include";

export interface Operation {
  readonly query: string;
  readonly variables?: object;
  readonly authorization?: string | null | undefined;
}

export type Result<Data> = (Success<Data> | Failed) & {
  /** Whether this is the result of a retry. The server may have executed the operation before the retry. */
  readonly isRetry?: boolean;
};

interface Success<Data> {
  readonly data: Data;
  readonly failure?: never;
  readonly isLost?: never;
}

interface Failed {
  readonly data?: never;
  readonly failure: Failure;
  /** Whether no usable response arrived. The server may still have executed the operation. */
  readonly isLost?: boolean;
}

/** Sends an operation once. Never rejects. */
export async function execute<Data>(
  { url, fetch, timeout, headers, credentials }: Endpoint,
  { authorization, ...body }: Operation,
): Promise<Result<Data>> {
  if (!isHttp(url)) return { failure: NO_PAGE };
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, timeout * 1000);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // With this media type, a refused login has status 200. Browsers log an error for statuses from 400.
        accept: "application/json",
        ...headers,
        ...(authorization && { authorization }),
      },
      body: JSON.stringify(body),
      // A redirect could send the tokens in the body to another host.
      redirect: "error",
      signal: abort.signal,
      credentials,
    });
    return toResult(response, await response.text());
  } catch (error) {
    return lost("offline", String(error));
  } finally {
    clearTimeout(timer);
  }
}

const NO_PAGE: Failure = {
  reason: "bad_request",
  message: "url: is relative, and there is no page to resolve it against; give the whole URL",
};

/** The longest delay before each retry, in milliseconds. */
const RETRY_DELAYS = [250, 500, 1000];

/**
 * Sends an operation, and retries up to three times if no usable response arrives. The first attempt may take 40% of
 * `timeout`. No retry starts after 80% of `timeout`.
 */
export async function executeWithRetries<Data>(
  endpoint: Endpoint,
  operation: Operation,
): Promise<Result<Data>> {
  const { timeout } = endpoint;
  const end = performance.now() + timeout * 800;
  let result = await execute<Data>({ ...endpoint, timeout: timeout * 0.4 }, operation);
  for (const maximum of RETRY_DELAYS) {
    const delay = maximum * (0.5 + Math.random() / 2);
    if (!result.isLost || performance.now() + delay > end) break;
    await sleep(delay);
    result = { ...(await execute<Data>(endpoint, operation)), isRetry: true };
  }
  return result;
}

function toResult<Data>({ status, headers }: Response, text: string): Result<Data> {
  const { data, errors } = parseBody<Data>(text);
  const error = errors?.[0];
  if (error) {
    const failure = toFailure(error);
    return { failure, isLost: failure.reason === "internal_server_error" };
  }
  if (data) return { data };
  const message = `The response has status ${status} and no GraphQL.`;
  if (status !== 429) return lost("bad_answer", message);
  const retryAfter = Number(headers.get("retry-after")) || 1;
  return { failure: { reason: "throttled", message, retryAfter } };
}

interface Body<Data> {
  data?: Data | null;
  errors?: GraphQLErrorLike[];
}

function parseBody<Data>(text: string): Body<Data> {
  try {
    return (JSON.parse(text) as Body<Data> | null) ?? {};
  } catch {
    return {};
  }
}

function lost(reason: "offline" | "bad_answer", message: string): Failed {
  return { failure: { reason, message }, isLost: true };
}

import { type Failure, type GraphQLErrorLike, toFailure } from "./failure.js";

/** What an operation gave: its data, or why there is none. */
export type Answer<Data> =
  | {
      readonly data: Data;
      readonly failure?: never;
      readonly isLost?: never;
      readonly isRepeat?: boolean;
    }
  | {
      readonly data?: never;
      readonly failure: Failure;
      /** Whether the server may have done it all the same, so that the same request may be sent again. */
      readonly isLost: boolean;
      /** Whether it was sent before, and may have been done then. */
      readonly isRepeat?: boolean;
    };

/** Whether cookies go along with a request. */
export type Credentials = "omit" | "same-origin" | "include";

/** How the auth server is reached. */
export interface Endpoint {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** In seconds. */
  readonly timeout: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: Credentials;
}

/** One GraphQL request. */
export interface Question {
  readonly query: string;
  readonly variables?: object;
  readonly authorization?: string | null | undefined;
}

/** In seconds, before each further attempt. */
const PAUSES = [0.25, 0.5, 1];

/** Asks once. Never rejects. */
export async function ask<Data>(
  { url, fetch, timeout, headers, credentials }: Endpoint,
  { query, variables, authorization }: Question,
): Promise<Answer<Data>> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, timeout * 1000);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // The plain media type, so that a refusal is no failed request in a browser's console.
        accept: "application/json",
        ...headers,
        ...(authorization && { authorization }),
      },
      body: JSON.stringify({ query, variables }),
      // A token in the body must not follow to another host.
      redirect: "error",
      signal: abort.signal,
      credentials,
    });
    return toAnswer(response, await response.text());
  } catch (error) {
    return lost("offline", String(error));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks until there is an answer, at most four times: an answer that was lost is safe to ask for again, with the same
 * token, for as long as the server's reuse window is open. That is `timeout`, and the first attempt may not use it up.
 */
export async function askAgain<Data>(
  endpoint: Endpoint,
  question: Question,
): Promise<Answer<Data>> {
  const { timeout } = endpoint;
  const end = performance.now() + timeout * 800;
  let answer = await ask<Data>({ ...endpoint, timeout: timeout * 0.4 }, question);
  for (const pause of PAUSES) {
    const delay = pause * (500 + Math.random() * 500);
    if (!answer.isLost || performance.now() + delay > end) break;
    await sleep(delay);
    answer = { ...(await ask<Data>(endpoint, question)), isRepeat: true };
  }
  return answer;
}

/** In milliseconds. */
export function sleep(delay: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delay);
  });
}

function toAnswer<Data>({ status, headers }: Response, text: string): Answer<Data> {
  const { data, errors } = parse<Data>(text);
  const error = errors?.[0];
  if (error) {
    const failure = toFailure(error);
    return { failure, isLost: failure.reason === "internal_server_error" };
  }
  if (data) return { data };
  const message = `The server answered ${status}, without GraphQL.`;
  if (status !== 429) return lost("bad_answer", message);
  const retryAfter = Number(headers.get("retry-after")) || 1;
  return { failure: { reason: "throttled", message, retryAfter }, isLost: false };
}

interface Body<Data> {
  data?: Data | null;
  errors?: GraphQLErrorLike[];
}

/** The body of a GraphQL answer; empty where it is none. */
function parse<Data>(text: string): Body<Data> {
  try {
    return (JSON.parse(text) as Body<Data> | null) ?? {};
  } catch {
    return {};
  }
}

function lost(reason: "offline" | "bad_answer", message: string): Answer<never> {
  return { failure: { reason, message }, isLost: true };
}

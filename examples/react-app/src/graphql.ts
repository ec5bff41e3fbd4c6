import {
  type AuthClient,
  type Failure,
  type FailureReason,
  findRefusal,
  type GraphQLErrorLike,
} from "graphql-gatehouse/client";
import { useCallback, useEffect, useState } from "react";

/** The result of an operation: its data, or the failure. */
export type Result<Data> =
  | { readonly data: Data; readonly failure: null }
  | { readonly data: null; readonly failure: Failure };

/** Executes an operation once, as the signed-in user. Never rejects. */
export type Execute = <Data>(query: string, variables?: object) => Promise<Result<Data>>;

/** Milliseconds to wait for a response. */
const TIMEOUT = 10_000;

/** Creates a function that executes operations at a URL with the token of a client. */
export function createExecute({ authFetch, getSession }: AuthClient, url: string): Execute {
  /** Prefers the error of a failed refresh: it explains more than the error for the expired token. */
  const toFirstFailure = (errors: readonly GraphQLErrorLike[]) =>
    (findRefusal(errors) && getSession().error) ?? errors.map(toFailure)[0];

  return async <Data>(query: string, variables = {}): Promise<Result<Data>> => {
    try {
      const response = await authFetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      // Not `json()`: in WebKit, it throws no SyntaxError for malformed JSON.
      const body = JSON.parse(await response.text()) as Body<Data> | null;
      const failure = toFirstFailure(body?.errors ?? []);
      if (failure) return { data: null, failure };
      return body?.data ? { data: body.data, failure: null } : NOT_GRAPHQL;
    } catch (error) {
      // A body that is not JSON is a proxy's page, or a truncated response.
      const reason = error instanceof SyntaxError ? "bad_answer" : "offline";
      return { data: null, failure: { reason, message: String(error) } };
    }
  };
}

interface Body<Data> {
  data?: Data | null;
  errors?: readonly GraphQLErrorLike[];
}

const NOT_GRAPHQL: Result<never> = {
  data: null,
  failure: { reason: "bad_answer", message: "The response is not GraphQL." },
};

function toFailure({ message, extensions = {} }: GraphQLErrorLike): Failure {
  const { code, reason = code, retryAfter } = extensions;
  return {
    reason: String(reason).toLowerCase() as FailureReason,
    message,
    ...(typeof retryAfter === "number" && { retryAfter }),
  };
}

/**
 * Executes a query, and returns null until it has a result. Executes it again when the variables change, on `reload`,
 * and when the browser is back online.
 */
export function useQuery<Data>(
  execute: Execute,
  query: string,
  variables: object = {},
): { result: Result<Data> | null; reload: () => void } {
  const [last, setLast] = useState<{ key: string; result: Result<Data> } | null>(null);
  const [reloads, setReloads] = useState(0);
  const key = JSON.stringify(variables);

  useEffect(() => {
    let isCurrent = true;
    void execute<Data>(query, JSON.parse(key) as object).then((result) => {
      if (isCurrent) setLast({ key, result });
    });
    return () => {
      isCurrent = false;
    };
  }, [execute, query, key, reloads]);

  const reload = useCallback(() => {
    setReloads((count) => count + 1);
  }, []);
  useEffect(() => {
    addEventListener("online", reload);
    return () => {
      removeEventListener("online", reload);
    };
  }, [reload]);
  // A result for other variables must not be shown.
  return { result: last?.key === key ? last.result : null, reload };
}

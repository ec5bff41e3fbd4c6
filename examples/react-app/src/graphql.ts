import {
  type AuthClient,
  type Failure,
  type FailureReason,
  findRefusal,
  type GraphQLErrorLike,
} from "gatehouse/client";
import { useCallback, useEffect, useState } from "react";

export type Answer<Data> =
  | { readonly data: Data; readonly failure: null }
  | { readonly data: null; readonly failure: Failure };

/** Asks once, as whoever is signed in. Never rejects. */
export type Ask = <Data>(query: string, variables?: object) => Promise<Answer<Data>>;

/** In milliseconds: how long a page waits for an answer. */
const PATIENCE = 10_000;

export function createAsk({ authFetch, getSession }: AuthClient, url: string): Ask {
  /** Where a login could not be renewed, that is the reason, and not that its token expired. */
  const explain = (errors: readonly GraphQLErrorLike[]) =>
    (findRefusal(errors) && getSession().error) ?? errors.map(toFailure)[0];

  return async <Data>(query: string, variables = {}): Promise<Answer<Data>> => {
    try {
      const response = await authFetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(PATIENCE),
      });
      const body = (await response.json()) as Body<Data> | null;
      const failure = explain(body?.errors ?? []);
      if (failure) return { data: null, failure };
      return body?.data ? { data: body.data, failure: null } : NO_ANSWER;
    } catch (error) {
      // What is no JSON is a proxy's page, or half an answer.
      const reason = error instanceof SyntaxError ? "bad_answer" : "offline";
      return { data: null, failure: { reason, message: String(error) } };
    }
  };
}

interface Body<Data> {
  data?: Data | null;
  errors?: readonly GraphQLErrorLike[];
}

const NO_ANSWER: Answer<never> = {
  data: null,
  failure: { reason: "bad_answer", message: "This is not GraphQL." },
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
 * The answer to a query: null until it is there. Asked for again when the variables change, by `reload`,
 * and when the browser is back online.
 */
export function useQuery<Data>(
  ask: Ask,
  query: string,
  variables: object = {},
): { answer: Answer<Data> | null; reload: () => void } {
  const [last, setLast] = useState<{ key: string; answer: Answer<Data> } | null>(null);
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify(variables);

  useEffect(() => {
    let isCurrent = true;
    void ask<Data>(query, JSON.parse(key) as object).then((answer) => {
      if (isCurrent) setLast({ key, answer });
    });
    return () => {
      isCurrent = false;
    };
  }, [ask, query, key, turn]);

  const reload = useCallback(() => {
    setTurn((last) => last + 1);
  }, []);
  useEffect(() => {
    addEventListener("online", reload);
    return () => {
      removeEventListener("online", reload);
    };
  }, [reload]);
  // What was answered to other variables must not stand under the new ones.
  return { answer: last?.key === key ? last.answer : null, reload };
}

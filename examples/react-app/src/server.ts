import {
  ApolloClient,
  type ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  type OperationVariables,
  ServerError,
  ServerParseError,
  type TypedDocumentNode,
} from "@apollo/client";
import { useQuery } from "@apollo/client/react";
import { createAuthLink } from "graphql-gatehouse/apollo";
import { type AuthClient, type Failure, findRefusal, toFailure } from "graphql-gatehouse/client";
import type { Result } from "graphql-gatehouse/client/account";
import { useCallback, useEffect } from "react";
import { useServices } from "./services.js";

/** Milliseconds to wait for a response. */
const TIMEOUT = 10_000;

export function openApollo(client: AuthClient, uri: string): ApolloClient {
  const http: ApolloLink = new HttpLink({
    uri,
    headers: { accept: "application/json" },
    fetch: (input, init) => {
      const signals = [AbortSignal.timeout(TIMEOUT), ...(init?.signal ? [init.signal] : [])];
      return fetch(input, { ...init, signal: AbortSignal.any(signals) });
    },
  });
  return new ApolloClient({
    link: createAuthLink(client).concat(http),
    cache: new InMemoryCache(),
  });
}

/** Executes a mutation as the signed-in user. Never rejects. */
export async function mutate<Data, Variables extends OperationVariables>(
  { apollo, auth }: { apollo: ApolloClient; auth: AuthClient },
  mutation: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Result<Data>> {
  try {
    // The result type of Apollo's `mutate` depends on options that this function does not know.
    const mutateData = apollo.mutate as (options: object) => Promise<{ data: Data }>;
    const { data } = await mutateData({ mutation, variables, fetchPolicy: "no-cache" });
    return { data, error: null };
  } catch (error) {
    return { data: null, error: failureOf(error, auth) };
  }
}

/**
 * Executes a query, and returns no data until it has a result. Executes it again when the variables change, on `reload`,
 * and when the browser is back online.
 */
export function useData<Data, Variables extends OperationVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): { data: Data | undefined; failure: Failure | null; reload: () => void } {
  const { auth } = useServices();
  const options = { variables, fetchPolicy: "network-only" as const };
  const { data, error, refetch } = useQuery(query as TypedDocumentNode<Data>, options);
  const reload = useCallback(() => {
    // The hook reports the error.
    refetch().catch(() => undefined);
  }, [refetch]);
  useEffect(() => {
    addEventListener("online", reload);
    return () => {
      removeEventListener("online", reload);
    };
  }, [reload]);
  return {
    data: error ? undefined : data,
    failure: error ? failureOf(error, auth) : null,
    reload,
  };
}

function failureOf(error: unknown, auth: AuthClient): Failure {
  const message = String(error);
  if (CombinedGraphQLErrors.is(error)) {
    // The error of a failed refresh explains more than the error for the expired token.
    const ended = findRefusal(error.errors) && auth.getSession().error;
    const [first] = error.errors;
    return ended ?? (first ? toFailure(first) : { reason: "bad_answer", message });
  }
  // A response that is not GraphQL is a proxy's page, or a truncated response.
  const isAnswer = ServerError.is(error) || ServerParseError.is(error);
  return { reason: isAnswer ? "bad_answer" : "offline", message };
}

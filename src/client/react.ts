"use client";

import * as React from "react";
import type { AuthClient } from "./auth-client.js";
import { cancelLogin, completeLogin, type SecondFactorAnswer } from "./challenge.js";
import { createAuthClient } from "./create-auth-client.js";
import type { Challenge } from "./failure.js";
import { type AuthState, toState } from "./state.js";

// React 17 lacks `useSyncExternalStore`. A named import of it would fail with an error that does not mention the
// version.
if (typeof React.useSyncExternalStore !== "function") {
  throw new Error(
    `graphql-gatehouse/react needs React 18 or newer, but found ${React.version}. Install react@18 or newer.`,
  );
}

export type Auth = AuthState &
  Pick<AuthClient, "login" | "emailLogin" | "logout" | "logoutAll" | "authFetch"> & {
    /**
     * The challenge of a login that waits for a second step, or null. Becomes null when the server refuses the
     * challenge itself, for example because it has expired.
     */
    readonly challenge: Challenge | null;
    /** Answers the challenge. The state has the outcome, as after `login`. */
    readonly completeLogin: (answer: SecondFactorAnswer) => Promise<AuthState>;
    /** Drops the challenge, for a user who wants to log in another way. */
    readonly cancelLogin: () => void;
  };

const Context = React.createContext<AuthClient | null>(null);

/**
 * Provides a client to all components inside the provider.
 * @throws Error for example when the application and this package import different copies of React
 */
export function AuthProvider(props: {
  client: AuthClient;
  children?: React.ReactNode;
}): React.ReactNode {
  useProvided();
  return React.createElement(Context.Provider, { value: props.client }, props.children);
}

/** The state while a server renders the page, and until the page is hydrated. */
const UNKNOWN = toState(undefined, null, false);
const getServerState = () => UNKNOWN;

/**
 * Returns the state and the functions of a client. The client comes from {@link AuthProvider} if `scheme` is missing or
 * is the scheme of that client. Otherwise all components with the same `scheme` share a client, with the endpoint
 * `/graphql` and the storage `"localStorage"`.
 * @throws Error when there is no provider and no scheme
 * @throws Error outside a component, and when the application and this package import different copies of React
 */
export function useAuth(scheme?: "jwt" | "token"): Auth {
  const provided = useProvided();
  const isProvided = provided !== null && (scheme ?? provided.scheme) === provided.scheme;
  const client = isProvided ? provided : sharedClient(scheme);
  const state = React.useSyncExternalStore(client.subscribe, client.getSession, getServerState);
  const { login, emailLogin, logout, logoutAll, authFetch } = client;
  const steps = React.useMemo(
    () => ({
      completeLogin: (answer: SecondFactorAnswer) => completeLogin(client, answer),
      cancelLogin: () => {
        cancelLogin(client);
      },
    }),
    [client],
  );
  const challenge = state.error?.challenge ?? null;
  return { ...state, challenge, ...steps, login, emailLogin, logout, logoutAll, authFetch };
}

function useProvided(): AuthClient | null {
  try {
    return React.useContext(Context);
  } catch (cause) {
    // `useContext` throws outside a component, and in a component that another copy of React renders.
    throw new Error(
      "useAuth and AuthProvider work only inside components, and with one copy of React. If `npm ls react` shows two, " +
        "keep one with `npm dedupe` or `overrides`. A linked package or folder brings its own copy; install the packed file instead.",
      { cause },
    );
  }
}

const sharedClients = new Map<string, AuthClient>();

function sharedClient(scheme: "jwt" | "token" | undefined): AuthClient {
  if (scheme === undefined)
    throw new Error("useAuth() needs an AuthProvider above it, or a scheme.");
  const client =
    sharedClients.get(scheme) ??
    createAuthClient({ url: "/graphql", scheme, storage: "localStorage" });
  sharedClients.set(scheme, client);
  return client;
}

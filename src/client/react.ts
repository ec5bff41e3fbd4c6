"use client";

import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useSyncExternalStore,
} from "react";
import type { AuthClient } from "./auth-client.js";
import { createAuthClient } from "./create-auth-client.js";
import { type AuthState, toState } from "./state.js";

/** The state, and the functions that change it. */
export type Auth = AuthState &
  Pick<AuthClient, "login" | "emailLogin" | "logout" | "logoutAll" | "authFetch">;

const Context = createContext<AuthClient | null>(null);

/** Provides a client to the components below. */
export function AuthProvider(props: { client: AuthClient; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

/** The state while a server renders, and until the page is hydrated. */
const UNKNOWN = toState(undefined, null, false);
const getServerState = () => UNKNOWN;

/**
 * Returns the state of the client from {@link AuthProvider}, and the functions that change it. Without a provider, or
 * with another scheme than the provider's, all components share one client per scheme, for `/graphql` and stored in
 * localStorage.
 * @throws Error without a provider and without a scheme
 */
export function useAuth(scheme?: "jwt" | "token"): Auth {
  const provided = useContext(Context);
  const isProvided = provided !== null && (scheme ?? provided.scheme) === provided.scheme;
  const client = isProvided ? provided : sharedClient(scheme);
  const state = useSyncExternalStore(client.subscribe, client.getSession, getServerState);
  const { login, emailLogin, logout, logoutAll, authFetch } = client;
  return { ...state, login, emailLogin, logout, logoutAll, authFetch };
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

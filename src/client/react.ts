"use client";

import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useSyncExternalStore,
} from "react";
import { type AuthClient, createAuthClient } from "./client.js";
import { type AuthState, toState } from "./state.js";

/** The state, and what changes it. */
export type Auth = AuthState &
  Pick<AuthClient, "login" | "emailLogin" | "logout" | "logoutAll" | "authFetch">;

const Context = createContext<AuthClient | null>(null);

/** Gives a client to the components below. */
export function AuthProvider(props: { client: AuthClient; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

/** While a server renders, and until the page is hydrated, nobody knows. */
const UNKNOWN = toState(undefined, null, false);
const getServerState = () => UNKNOWN;

/**
 * Who is signed in, and the means to change it, of the client that {@link AuthProvider} gives. With a scheme that is not
 * the provider's, or without a provider: of one client a scheme, for `/graphql` and kept in localStorage.
 * @throws Error where there is neither a provider nor a scheme
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

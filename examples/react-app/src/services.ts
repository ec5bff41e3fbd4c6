import type { ApolloClient } from "@apollo/client";
import type { AuthClient } from "graphql-gatehouse/client";
import type {
  AccountClient,
  ExternalLogins,
  Impersonation,
  LoginCodes,
  Passkeys,
  SecondFactorClient,
} from "graphql-gatehouse/client/account";
import { createContext, useContext } from "react";
import type { Connection } from "./connection.js";

/** The clients of one session. */
export interface Clients {
  readonly auth: AuthClient;
  readonly account: AccountClient;
  readonly loginCodes: LoginCodes;
  readonly externalLogins: ExternalLogins;
  readonly secondFactor: SecondFactorClient;
  readonly passkeys: Passkeys;
  readonly apollo: ApolloClient;
}

/** The clients and functions that all pages share. */
export interface Services extends Clients {
  readonly connection: Connection;
  readonly impersonation: Impersonation;
  /** Whether an administrator acts as the user. The server then refuses to change the user's credentials. */
  readonly isActing: boolean;
  /** Shows a message above the page, and has a screen reader announce it. */
  readonly notify: (message: string) => void;
  readonly signOut: (everywhere: boolean) => Promise<void>;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (!services) throw new Error("useServices needs a ServicesContext above it.");
  return services;
}

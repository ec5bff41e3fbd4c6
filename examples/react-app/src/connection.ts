import { type AuthClient, createAuthClient, type StorageKind } from "graphql-gatehouse/client";

/** How this page signs in. The demo offers several ways. A page of your own would use only one of them. */
export interface Connection {
  readonly scheme: AuthClient["scheme"];
  readonly storage: StorageKind;
}

/** A server either keeps refresh tokens in a cookie or gives them to the page. The demo has a server of each kind. */
const COOKIE_URL = "/cookie/graphql";
const GRAPHQL_URL = "/graphql";

const KEY = "gatehouse-demo";
const DEFAULT: Connection = { scheme: "jwt", storage: "sessionStorage" };

/** A value that the user can choose. */
export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint: string;
}

export const SCHEMES: readonly Choice<Connection["scheme"]>[] = [
  { value: "jwt", label: "JWT", hint: "Short-lived, renewed in the background" },
  { value: "token", label: "Token", hint: "One key, valid until you sign out" },
  { value: "sliding", label: "Sliding token", hint: "Stays valid while you use it" },
];

export const STORAGES: readonly Choice<StorageKind>[] = [
  { value: "memory", label: "Memory", hint: "Lost when you reload" },
  { value: "sessionStorage", label: "Session storage", hint: "This tab, until it is closed" },
  { value: "localStorage", label: "Local storage", hint: "Every tab of this browser" },
  { value: "cookie", label: "Cookie", hint: "Every tab, hidden from scripts" },
];

export function labelOf<Value>(choices: readonly Choice<Value>[], chosen: Value): string {
  return choices.find(({ value }) => value === chosen)?.label ?? "";
}

export function urlOf({ storage }: Connection): string {
  return storage === "cookie" ? COOKIE_URL : GRAPHQL_URL;
}

export function openClient(connection: Connection): AuthClient {
  return createAuthClient({ ...connection, url: urlOf(connection) });
}

/** Returns whether the storage supports the scheme: only a JWT login has a refresh token for the cookie. */
export function isSupported({ scheme, storage }: Connection): boolean {
  return storage !== "cookie" || scheme === "jwt";
}

/** Returns the last choice, or the default if the storage is forbidden or holds something else. */
export function readConnection(): Connection {
  try {
    const chosen = JSON.parse(localStorage.getItem(KEY) ?? "null") as Connection | null;
    const isKnown =
      chosen !== null &&
      SCHEMES.some(({ value }) => value === chosen.scheme) &&
      STORAGES.some(({ value }) => value === chosen.storage);
    return isKnown && isSupported(chosen) ? chosen : DEFAULT;
  } catch {
    return DEFAULT;
  }
}

export function saveConnection(connection: Connection): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(connection));
  } catch {
    // The storage is full or forbidden, so the choice is lost at the next reload.
  }
}

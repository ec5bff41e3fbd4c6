import type { Auth } from "graphql-gatehouse";

/** Next bundles the server and the route separately, so a global variable holds the one {@link Auth} of the process. */
const shared = globalThis as typeof globalThis & { auth?: Auth };

export function setAuth(auth: Auth): void {
  shared.auth = auth;
}

export function getAuth(): Auth {
  if (shared.auth === undefined) throw new Error("Start the application with server.ts.");
  return shared.auth;
}

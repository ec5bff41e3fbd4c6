export { type AuthClient, createAuthClient } from "./client.js";
export { type Failure, type FailureReason, findRefusal, type GraphQLErrorLike } from "./failure.js";
export type { User } from "./login.js";
export type { AuthClientOptions } from "./options.js";
export type { AuthStorage } from "./platform.js";
export type { Authenticated, AuthState, NotAuthenticated } from "./state.js";
export type { StorageKind } from "./store.js";

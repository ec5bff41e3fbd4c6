export type { AuthClient } from "./auth-client.js";
export { createAuthClient } from "./create-auth-client.js";
export type { User } from "./credentials.js";
export {
  type Challenge,
  type Failure,
  type FailureReason,
  findRefusal,
  type GraphQLErrorLike,
  toFailure,
} from "./failure.js";
export type { AuthClientOptions } from "./options.js";
export type { AuthStorage } from "./platform.js";
export type { Authenticated, AuthState, NotAuthenticated } from "./state.js";
export type { StorageKind } from "./store.js";

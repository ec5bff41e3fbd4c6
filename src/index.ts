import "./graphql-package.js";
import "reflect-metadata";

export type { Auth, AuthOptions } from "./auth-api.js";
export { createAuth, createServer } from "./create.js";
export type { Accounts, Login, NewUser, PasswordChange, UserChanges } from "./accounts/accounts.js";
export type { PasswordPolicy } from "./accounts/password-policy.js";
export type { CustomTypes, Role, Roles } from "./accounts/role.js";
export type { User } from "./accounts/user.js";
export type { UserCursor, UserOrder, UserPage, UserQuery } from "./accounts/user-query.js";
export type { UserRef } from "./accounts/user-ref.js";
export type { Credential } from "./authentication/authorization-header.js";
export type { Hooks, HookUser, NewHookUser } from "./authentication/hooks.js";
export type { Authentication } from "./authentication/authentication.js";
export type { Issued } from "./authentication/token-issuer.js";
export type { JwtAlgorithm } from "./config/auth-config.js";
export * as setting from "./config/kinds.js";
export { type Problem, type Wording, WrongSettings } from "./config/problems.js";
export type { Setting, Settings } from "./config/setting.js";
export type { Verification } from "./authentication/token-verifier.js";
export {
  type Core,
  defineFeature,
  type Feature,
  type FeatureCommand,
  type FeatureConfig,
  type FeatureParts,
} from "./features/feature.js";
export type { CommandOption, CommandOptions } from "./features/command-option.js";
export type { Route } from "./features/route.js";
export type {
  ResponseListener,
  ServedOperation,
  ServedResponse,
} from "./features/served-response.js";
export type * from "./features/index.js";
export type { AuthContext, SignedInContext } from "./authentication/context.js";
export type { ContextOptions, RequestLike } from "./authentication/request.js";
export {
  AuthError,
  BadUserInput,
  Closed,
  type ErrorCode,
  type Reason,
  ServiceUnavailable,
  TooManyRequests,
  Unauthenticated,
  Vetoed,
} from "./errors.js";
export {
  EmailTaken,
  InvalidCredentials,
  NoSuchUser,
  type PasswordProblem,
  PasswordTooWeak,
  UsernameTaken,
} from "./accounts/errors.js";
export { BadAuthorizationHeader, NoCredentials, SchemeNotServed } from "./authentication/errors.js";
export { EnrolmentRequired, ReauthenticationRequired, RoleRequired } from "./permissions/errors.js";
export {
  PasswordChanged,
  TokenReused,
  TokenRevoked,
  UserInactive,
  UserNotFound,
} from "./sessions/errors.js";
export { SessionExpired, TokenExpired, TokenNotValid, TokenWrongType } from "./tokens/errors.js";
export type {
  Actor,
  AuthEvent,
  AuthScheme,
  Client,
  EventListener,
  FeatureEvent,
} from "./events.js";
export type { SchemaExtension } from "./graphql/schema.js";
export type { Subgraph } from "./graphql/subgraph.js";
export type { ProfileType, UserType } from "./graphql/user.type.js";
export type { JsonWebKey, JsonWebKeySet } from "./keys/key-ring.js";
export type { Keys } from "./keys/keys.js";
export type { Maintenance } from "./maintenance/maintenance.js";
export type { Measurement, Sample } from "./maintenance/measurement.js";
export type { Job } from "./maintenance/maintenance.service.js";
export type { PruneRule } from "./maintenance/prune-rule.js";
export type { Sql, SqlValue } from "./sql.js";
export { apolloOptions } from "./apollo/apollo-server.js";
export { documentLimits } from "./apollo/document-limits.js";
export type { Limits, RuleLimits } from "./apollo/limits.js";
export { formatError } from "./apollo/format-error.js";
export { httpStatusPlugin } from "./apollo/plugins.js";
export { requireFresh, requireRole, requireSecondFactor } from "./permissions/guards.js";
export type { GuardOptions } from "./permissions/guard-map.js";
export type { Server, ServerOptions } from "./http/server.js";
export type { Migration } from "./sql.js";
export { STATIC_TOKEN_PATTERN } from "./tokens/static-token.js";
export { Principal, type SessionInfo } from "./sessions/principal.js";
export type { SessionRef, Sessions } from "./sessions/sessions.js";
export { TokenUser, type TokenUserSession } from "./sessions/token-user.js";

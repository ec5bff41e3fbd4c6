import "reflect-metadata";

export { type Auth, createAuth } from "./auth.js";
export type { Account, Login, NewUser } from "./accounts/account.service.js";
export type { Role } from "./accounts/role.js";
export type { Credential } from "./authentication/authorization-header.js";
export type { Verification } from "./authentication/authentication.service.js";
export type { Issued } from "./authentication/token-issuer.js";
export {
  AccessToken,
  RefreshToken,
  SlidingToken,
  Token,
  UntypedToken,
} from "./authentication/jwt-classes.js";
export { StaticToken } from "./authentication/static-token-class.js";
export type { AuthOptions, JwtAlgorithm, ServerOptions } from "./config/config.js";
export type { AuthContext } from "./authentication/context.js";
export type { RequestLike } from "./authentication/create-context.js";
export * from "./errors.js";
export type { AuthEvent, AuthScheme, Client } from "./events.js";
export { apolloOptions, formatError, httpStatusPlugin } from "./apollo/apollo-server.js";
export { documentLimits } from "./apollo/document-limits.js";
export { requireRole } from "./permissions/guards.js";
export type { GuardOptions } from "./permissions/guard-map.js";
export { createServer, type Server } from "./http/server.js";
export { STATIC_TOKEN_PATTERN } from "./tokens/static-token.js";
export { Principal, type SessionInfo, TokenUser } from "./sessions/principal.js";

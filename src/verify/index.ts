export { createVerifier } from "./create-verifier.js";
export type { IntrospectionOptions, VerifierOptions } from "./options.js";
export { Refusal, type RefusalCode, type RefusalReason } from "./refusal.js";
export type { RequestLike } from "./request.js";
export type {
  AccessTokenClaims,
  ApolloContext,
  ExpressMiddleware,
  FastifyHook,
  Introspection,
  RequestRequirements,
  Requirements,
  VerifiedToken,
  Verifier,
} from "./verifier.js";

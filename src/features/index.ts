import { graphiql } from "./graphiql/index.js";
import { health } from "./health/index.js";
import { jwks } from "./jwks/index.js";
import { refreshCookie } from "./refresh-cookie/index.js";
import { tokenClasses } from "./token-classes/index.js";

/**
 * The features that every installation has. Their settings switch them on or off. The type names each one, because an
 * inferred type would copy their settings without the comments that editors show.
 */
export const BUILT_IN: readonly [
  typeof graphiql,
  typeof health,
  typeof jwks,
  typeof refreshCookie,
  typeof tokenClasses,
] = [graphiql, health, jwks, refreshCookie, tokenClasses];

export type * from "./token-classes/index.js";

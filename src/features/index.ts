import { graphiql } from "./graphiql/index.js";
import { health } from "./health/index.js";
import { jwks } from "./jwks/index.js";
import { refreshCookie } from "./refresh-cookie/index.js";
import { tokenClasses } from "./token-classes/index.js";

/** The features that every installation has, on or off by their settings. */
export const BUILT_IN = [graphiql, health, jwks, refreshCookie, tokenClasses] as const;

export type * from "./token-classes/index.js";

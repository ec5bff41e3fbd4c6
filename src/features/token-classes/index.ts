import { type CoreServices, defineFeature } from "../feature.js";
import { createJwtClasses, type JwtClasses } from "./jwt-classes.js";
import { createStaticTokenClass, type StaticToken } from "./static-token.js";

export type {
  AccessToken,
  JwtClasses,
  RefreshToken,
  SlidingToken,
  UntypedToken,
} from "./jwt-classes.js";
export type { StaticToken } from "./static-token.js";
export type { Token } from "./token.js";

/** The properties that the feature adds to the result of `createAuth`. */
export interface TokenClasses {
  /** The token classes, as in simplejwt and Django REST framework. */
  readonly tokens: JwtClasses & { readonly StaticToken: typeof StaticToken };
}

export const tokenClasses = defineFeature({
  name: "token-classes",
  create: ({ sessions, kinds, issuer }: CoreServices, settings) => {
    const backend = { settings, sessions, kinds, issuer };
    const api: TokenClasses = {
      tokens: { ...createJwtClasses(backend), StaticToken: createStaticTokenClass(backend) },
    };
    return { api };
  },
});

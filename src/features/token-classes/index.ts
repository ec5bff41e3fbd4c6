import { defineFeature } from "../feature.js";
import { createJwtClasses, type JwtClasses } from "./jwt-classes.js";
import { createStaticTokenClass, type StaticToken } from "./static-token-class.js";

export type {
  AccessToken,
  JwtClasses,
  RefreshToken,
  SlidingToken,
  Token,
  UntypedToken,
} from "./jwt-classes.js";
export type { StaticToken } from "./static-token-class.js";

/** What the feature adds to the object that `createAuth` returns. */
export interface TokenClasses {
  /** The token classes that users of simplejwt and Django REST framework know. */
  readonly tokens: JwtClasses & { readonly StaticToken: typeof StaticToken };
}

/** `auth.tokens`: tokens as objects, made and read in code. */
export const tokenClasses = defineFeature({
  name: "token-classes",
  create: ({ accounts, sessions, sessionList, kinds }, config) => {
    const backend = { config, accounts, sessions, sessionList, kinds };
    const api: TokenClasses = {
      tokens: { ...createJwtClasses(backend), StaticToken: createStaticTokenClass(backend) },
    };
    return { api };
  },
});

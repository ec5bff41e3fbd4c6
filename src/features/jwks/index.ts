import { defineFeature } from "../feature.js";

/** `GET /.well-known/jwks.json`: the public keys that access tokens verify with. @see RFC 7517 5 */
export const jwks = defineFeature({
  name: "jwks",
  create: (core) => ({
    routes: [
      {
        method: "GET",
        path: "/.well-known/jwks.json",
        handle: () =>
          Response.json(core.jwks(), {
            headers: { "cache-control": "public, max-age=300" },
          }),
      },
    ],
  }),
});

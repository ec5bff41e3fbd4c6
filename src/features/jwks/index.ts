import { defineFeature } from "../feature.js";

/** `GET /.well-known/jwks.json`: the public keys that access tokens verify with. @see RFC 7517 5 */
export const jwks = defineFeature({
  name: "jwks",
  create: ({ keys }) => ({
    routes: [
      {
        method: "GET",
        path: "/.well-known/jwks.json",
        handle: () =>
          Response.json(keys.ring.toJwks(), {
            headers: { "cache-control": "public, max-age=300" },
          }),
      },
    ],
  }),
});

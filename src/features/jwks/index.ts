import { onOff } from "../../config/kinds.js";
import { defineFeature } from "../feature.js";

const settings = {
  /** Whether the public keys are served at `GET /.well-known/jwks.json`. */
  jwksEndpoint: onOff({ variable: "JWKS_ENDPOINT", default: true }),
};

/** Serves `GET /.well-known/jwks.json`: the public keys that verify access tokens. @see RFC 7517 5 */
export const jwks = defineFeature({
  name: "jwks",
  settings,
  isOn: (config) => config.jwksEndpoint,
  create: (core) => ({
    routes: [
      {
        method: "GET",
        path: "/.well-known/jwks.json",
        handle: () =>
          Response.json(core.jwks(), { headers: { "cache-control": "public, max-age=300" } }),
      },
    ],
  }),
});

import type { Route } from "../route.js";

export const PATHS = {
  introspection: "/oauth/introspect",
  revocation: "/oauth/revoke",
  userInfo: "/oauth/userinfo",
};

/** @see OpenID Connect Discovery 1.0 4, RFC 8414 3 */
const METADATA_PATHS = [
  "/.well-known/openid-configuration",
  "/.well-known/oauth-authorization-server",
];

/**
 * Returns the routes of the metadata. The metadata has no `authorization_endpoint`, because Gatehouse does not serve
 * one.
 * @param issuer the `iss` of every token. It must be the URL of the server, otherwise clients refuse the metadata
 * @see RFC 8414 2, 3.3
 */
export function metadataRoutes(issuer: string, hasJwks: () => boolean): Route[] {
  const methods = ["client_secret_basic"];
  return METADATA_PATHS.map((path) => ({
    method: "GET",
    path,
    handle: () =>
      Response.json(
        {
          issuer,
          ...(hasJwks() && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
          introspection_endpoint: issuer + PATHS.introspection,
          introspection_endpoint_auth_methods_supported: methods,
          revocation_endpoint: issuer + PATHS.revocation,
          revocation_endpoint_auth_methods_supported: methods,
          userinfo_endpoint: issuer + PATHS.userInfo,
          response_types_supported: [],
          grant_types_supported: [],
          subject_types_supported: ["public"],
        },
        { headers: { "cache-control": "public, max-age=300" } },
      ),
  }));
}

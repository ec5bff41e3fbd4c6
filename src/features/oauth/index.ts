import { z } from "zod";
import { list, onOff } from "../../config/kinds.js";
import type { Problem } from "../../config/problems.js";
import type { Setting } from "../../config/setting.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { jwks } from "../jwks/index.js";
import { clientEndpoint } from "./client-endpoint.js";
import { isClient, type OAuthClient, toClient } from "./clients.js";
import { introspect } from "./introspection.js";
import { metadataRoutes, PATHS } from "./metadata.js";
import { revoke } from "./revocation.js";
import { userInfo } from "./user-info.js";

const settings = {
  /**
   * Whether `POST /oauth/introspect`, `POST /oauth/revoke` and `GET /oauth/userinfo` are served. If `PUBLIC_URL` is
   * also the issuer, the metadata is served, too, at `/.well-known/openid-configuration` and
   * `/.well-known/oauth-authorization-server`.
   */
  oauth: onOff({ variable: "OAUTH", default: false }),
  /**
   * The services that may introspect and revoke tokens. To change the secret of a service, list the service twice, with
   * the old and the new secret. Gatehouse keeps only hashes of the secrets.
   */
  oauthClients: {
    ...list({
      variable: "OAUTH_CLIENTS",
      accepts: isClient,
      allowed: "ID:SECRET, with a secret of 32 or more random letters, digits and . _ ~ -",
      faultOf: () => "is not",
    }),
    check: z
      .array(z.string().refine(isClient))
      .optional()
      .transform((texts = []) => texts.map(toClient)),
    hint: "`gatehouse generate-secret` makes a secret",
  } satisfies Setting,
};

/** Lets other services look up the user of a token, check whether the token still works, and revoke the token. */
export const oauth = defineFeature({
  name: "oauth",
  uses: ["jwks"],
  settings,
  isOn: (config) => config.oauth,
  findProblems: (config) => (config.oauth ? findProblems(config.oauthClients) : []),
  create: (core: CoreServices, config, apiOf) => {
    const { oauthClients, publicUrl, jwtIssuer, roles } = config;
    const hasJwks = () => apiOf.ifOn(jwks) !== undefined && core.jwks().keys.length > 0;
    const ids = new Set(oauthClients.map(({ id }) => id));
    return {
      routes: [
        clientEndpoint(PATHS.introspection, oauthClients, core, async (request) =>
          Response.json(await introspect(core, config, request), {
            headers: { "cache-control": "no-store" },
          }),
        ),
        clientEndpoint(PATHS.revocation, oauthClients, core, async (request) => {
          await revoke(core, request);
          return new Response(null, { headers: { "cache-control": "no-store" } });
        }),
        {
          method: "GET",
          path: PATHS.userInfo,
          handle: (request, client) => userInfo(core, roles, request, client),
        },
        ...(publicUrl !== undefined && publicUrl === jwtIssuer
          ? metadataRoutes(publicUrl, hasJwks)
          : []),
      ],
      announce: () => `OAuth: tokens can be introspected and revoked by ${[...ids].join(", ")}`,
    };
  },
});

function findProblems(clients: readonly OAuthClient[]): Problem[] {
  const option = "oauthClients";
  if (clients.length === 0) return [{ option, message: "is required with", other: "oauth" }];
  const secrets = new Set(clients.map(({ secretHash }) => secretHash));
  return secrets.size < clients.length
    ? [{ option, message: "must not hold the same secret twice" }]
    : [];
}

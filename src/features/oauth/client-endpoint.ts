import { AuthError } from "../../errors.js";
import type { Client } from "../../events.js";
import type { CoreServices } from "../feature.js";
import type { Route } from "../route.js";
import { readBody } from "../read-body.js";
import { authenticateClient, type OAuthClient } from "./clients.js";
import { InvalidClient, InvalidRequest, OAuthError, toOAuthError } from "./oauth-error.js";

/** A request of an authenticated client about a token. */
export interface TokenRequest {
  readonly clientId: string;
  readonly token: string;
  /** The token's type, as the client sent it, such as `refresh_token`. It may be wrong. */
  readonly hint: string | null;
  readonly client: Client;
}

/** Returns a route for authenticated OAuth clients. Its errors have OAuth's form. @see RFC 7662 2.1, RFC 7009 2.1 */
export function clientEndpoint(
  path: string,
  clients: readonly OAuthClient[],
  { throttle, log }: Pick<CoreServices, "throttle" | "log">,
  answer: (request: TokenRequest) => Promise<Response>,
): Route {
  return {
    method: "POST",
    path,
    handle: async (request, client) => {
      try {
        const clientId = authenticateClient(clients, request.headers.get("authorization"));
        if (clientId === null) {
          // Limit the rate of wrong credentials only. A service may send any number of requests with right credentials.
          await throttle.request(client);
          throw new InvalidClient();
        }
        return await answer({ clientId, client, ...(await readToken(request)) });
      } catch (error) {
        if (error instanceof OAuthError) return error.toResponse();
        if (!(error instanceof AuthError)) throw error;
        if (error.cause instanceof Error) log(`${path} failed: ${error.cause.message}`);
        return toOAuthError(error).toResponse();
      }
    },
  };
}

/** @throws {@link InvalidRequest} */
async function readToken(request: Request): Promise<Pick<TokenRequest, "token" | "hint">> {
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/x-www-form-urlencoded") {
    throw new InvalidRequest("The content type must be application/x-www-form-urlencoded.");
  }
  const body = await readBody(request);
  if (body === null) throw new InvalidRequest("The body must be at most 100 KiB.", 413);
  const form = new URLSearchParams(body.toString());
  const [tokens, hints] = [form.getAll("token"), form.getAll("token_type_hint")];
  const [token = ""] = tokens;
  if (token === "") throw new InvalidRequest("The parameter token is missing.");
  if (tokens.length > 1 || hints.length > 1) {
    throw new InvalidRequest("A parameter must not be repeated.");
  }
  return { token, hint: hints[0] ?? null };
}

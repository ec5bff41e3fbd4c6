import { type Failure, findRefusal, type GraphQLErrorLike } from "./failure.js";
import type { ResolvedOptions } from "./options.js";
import { resolveUrl } from "./platform.js";
import type { Renewal } from "./renewal.js";

export function createAuthFetch(
  { endpoint, isAllowed }: ResolvedOptions,
  { getAuthorization, recover }: Renewal,
): typeof fetch {
  return async (input, init) => {
    const request = typeof input === "object" && "url" in input ? input : undefined;
    const url = request?.url ?? (input as string | URL).toString();
    const headers = new Headers(init?.headers ?? request?.headers);
    if (!isAllowed(url) || headers.has("authorization")) return endpoint.fetch(input, init);

    const send = (authorization: string | null) => {
      if (authorization) headers.set("authorization", authorization);
      return endpoint.fetch(request?.clone() ?? input, { ...init, headers });
    };

    const authorization = await getAuthorization();
    const response = await send(authorization);
    if (!authorization || (response.redirected && !isAllowed(response.url))) return response;
    const next = await recover(
      authorization,
      await readRefusal(response, resolveUrl(url) === endpoint.url),
    );
    // A stream can be read only once, so it cannot be sent again.
    return next && !("getReader" in Object(init?.body)) ? send(next) : response;
  };
}

/**
 * Returns the reason why the server refused the credential. Returns undefined for a status 401 without a reason.
 * Returns null if the server did not refuse the credential.
 */
async function readRefusal(
  response: Response,
  isGraphQL: boolean,
): Promise<Failure | null | undefined> {
  const isRefused = response.status === 401;
  const isJson = response.headers.get("content-type")?.includes("json");
  if (isJson && (isRefused || isGraphQL)) {
    try {
      const { errors } = (await response.clone().json()) as { errors?: GraphQLErrorLike[] };
      // Gatehouse gives a reason whenever it refuses a credential. An error without a reason is about something else,
      // such as the syntax. The 401 of another service may have no reason.
      if (errors) return findRefusal(errors) ?? (isGraphQL ? null : undefined);
    } catch {
      // The body is not a GraphQL response, so only the status matters.
    }
  }
  return isRefused ? undefined : null;
}

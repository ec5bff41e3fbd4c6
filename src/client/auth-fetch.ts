import { type Failure, findRefusal, type GraphQLErrorLike } from "./failure.js";
import type { ResolvedOptions } from "./options.js";
import { resolveUrl } from "./platform.js";
import type { Renewal } from "./renewal.js";

/** `fetch` with the login's `Authorization`, for allowed origins; and one retry, where a refresh is of use. */
export function createAuthFetch(
  { endpoint, origins }: ResolvedOptions,
  { getAuthorization, recover }: Renewal,
): typeof fetch {
  const isAllowed = (url: string) => origins.has(resolveUrl(url)?.origin ?? "");

  return async (input, init) => {
    const request = typeof input === "object" && "url" in input ? input : undefined;
    const url = request?.url ?? (input as string | URL).toString();
    const headers = new Headers(init?.headers ?? request?.headers);
    if (!isAllowed(url) || headers.has("authorization")) return endpoint.fetch(input, init);

    const isEndpoint = resolveUrl(url)?.href === endpoint.url;
    const { credentials } = endpoint;
    if (isEndpoint)
      for (const [name, value] of Object.entries(endpoint.headers)) headers.set(name, value);
    const send = (authorization: string | null) => {
      if (authorization) headers.set("authorization", authorization);
      return endpoint.fetch(request?.clone() ?? input, {
        ...(isEndpoint && credentials && { credentials }),
        ...init,
        headers,
      });
    };

    const authorization = await getAuthorization();
    const response = await send(authorization);
    if (!authorization || (response.redirected && !isAllowed(response.url))) return response;
    const next = await recover(authorization, await readRefusal(response, isEndpoint));
    // A body that can be read only once cannot be sent again: then the first answer stands.
    return next ? send(next).catch(() => response) : response;
  };
}

/** Why an answer refuses its credential: null where it does not, undefined for a 401 that says no more. */
async function readRefusal(
  response: Response,
  isGraphQL: boolean,
): Promise<Failure | null | undefined> {
  const isRefused = response.status === 401;
  const isJson = response.headers.get("content-type")?.includes("json");
  if (isJson && (isRefused || isGraphQL)) {
    try {
      const { errors } = (await response.clone().json()) as { errors?: GraphQLErrorLike[] };
      if (errors) return findRefusal(errors);
    } catch {
      // The reader of the body will meet the same.
    }
  }
  return isRefused ? undefined : null;
}

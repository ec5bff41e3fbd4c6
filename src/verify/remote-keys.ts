import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import type { ResolvedOptions } from "./options.js";
import { unavailable } from "./refusal.js";
import { reasonOf, shown } from "./unreachable.js";

/** How long keys are used while Gatehouse cannot be reached, in milliseconds. No access token has a longer lifetime. */
const MAX_AGE = 3_600_000;

/**
 * Returns a function that finds the key of a token. The library `jose` loads the keys. For an unknown key, it loads the
 * keys again if `cooldown` has passed since the keys were loaded. After a failure, the keys are not requested again
 * before `cooldown` has passed. Meanwhile, the old keys are used. The keys are also
 * loaded again after `cacheLifetime`, even if that is shorter than `cooldown`.
 *
 * The returned function throws a Refusal with the code SERVICE_UNAVAILABLE when it must load keys, but cannot.
 */
export function createRemoteKeys({
  jwksUrl,
  cacheLifetime,
  cooldown,
  timeout,
  log,
}: Pick<
  ResolvedOptions,
  "jwksUrl" | "cacheLifetime" | "cooldown" | "timeout" | "log"
>): JWTVerifyGetKey {
  let loadedAt = -Infinity;
  /** When the keys may be requested again after a failure. Null if the last request succeeded. */
  let retryAt: number | null = null;

  const keys = createRemoteJWKSet(jwksUrl, {
    cacheMaxAge: MAX_AGE,
    cooldownDuration: cooldown * 1000,
    timeoutDuration: timeout * 1000,
    [customFetch]: load,
  });

  async function load(url: string, options: RequestInit): Promise<Response> {
    const wait = (retryAt ?? 0) - Date.now();
    if (wait > 0) throw unavailable(Math.ceil(wait / 1000));
    try {
      const response = await fetch(url, options);
      const set = await readKeySet(response);
      loadedAt = Date.now();
      retryAt = null;
      return Response.json(set);
    } catch (error) {
      retryAt = Date.now() + cooldown * 1000;
      log(`The keys of ${shown(jwksUrl)} cannot be loaded: ${reasonOf(error, timeout)}.`);
      throw unavailable(Math.ceil(cooldown));
    }
  }

  return async (header, token) => {
    const hasKeys = loadedAt > -Infinity;
    if (hasKeys && Date.now() - loadedAt >= cacheLifetime * 1000) {
      const isAway = retryAt !== null;
      const reloading = keys.reload().catch(() => undefined);
      // While Gatehouse cannot be reached, do not wait for the reload, but use the keys that are loaded.
      if (!isAway) await reloading;
    }
    return keys(header, token);
  };
}

async function readKeySet(response: Response): Promise<object> {
  if (response.status !== 200) throw new Error(`the status is ${response.status}`);
  const body = (await response.json()) as { keys?: unknown } | null;
  if (!Array.isArray(body?.keys)) throw new Error("the response is not a JSON Web Key Set");
  if (body.keys.length === 0) throw new Error("there are none");
  return body;
}

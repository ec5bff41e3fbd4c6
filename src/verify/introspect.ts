import { LRUCache } from "lru-cache";
import type { ResolvedOptions } from "./options.js";
import { tokenNotValid, tokenRevoked, unavailable } from "./refusal.js";
import { reasonOf, shown } from "./unreachable.js";
import type { AccessTokenClaims, Introspection } from "./verifier.js";

/** How many answers are kept at most. */
const CACHE_SIZE = 10_000;
/** Seconds after which a client should retry if Gatehouse's response has no `Retry-After`. */
const RETRY_AFTER = 1;

/** Asks Gatehouse whether a verified token still works. */
export type Introspect = (token: string, claims: AccessTokenClaims) => Promise<Introspection>;

export function createIntrospect({
  introspection,
  timeout,
  log,
}: Pick<ResolvedOptions, "introspection" | "timeout" | "log">): Introspect | null {
  if (introspection === null) return null;
  const { url, clientId, clientSecret, cache } = introspection;
  const known =
    cache > 0 ? new LRUCache<string, Introspection>({ max: CACHE_SIZE, ttl: cache * 1000 }) : null;
  // @see RFC 6749 2.3.1
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const headers = { accept: "application/json", authorization: `Basic ${btoa(credentials)}` };

  async function ask(token: string): Promise<Partial<Introspection>> {
    let retryAfter = RETRY_AFTER;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers,
        body: new URLSearchParams({ token, token_type_hint: "access_token" }),
        // Do not follow a redirect, because it could send the token to another server.
        redirect: "manual",
        signal: AbortSignal.timeout(timeout * 1000),
      });
      const { status } = response;
      if (status === 200) return requireIntrospection(await response.json());
      retryAfter = Number(response.headers.get("retry-after")) || RETRY_AFTER;
      await response.body?.cancel();
      throw new Error(
        status === 401 ? "it refuses clientId and clientSecret" : `the status is ${status}`,
      );
    } catch (error) {
      log(`${shown(url)} cannot be asked about tokens: ${reasonOf(error, timeout)}.`);
      throw unavailable(retryAfter);
    }
  }

  return async (token, { sub }) => {
    const remembered = known?.get(token);
    if (remembered !== undefined) return remembered;
    const answer = await ask(token);
    if (answer.active !== true) throw tokenRevoked();
    if (answer.sub !== sub) throw tokenNotValid();
    known?.set(token, answer as Introspection);
    return answer as Introspection;
  };
}

/** @throws Error if the answer is not an introspection, for example because another server has answered */
function requireIntrospection(answer: unknown): Partial<Introspection> {
  const { active, roles } = Object(answer) as Partial<Introspection>;
  const isKnown = active === true ? Array.isArray(roles) : typeof answer === "object";
  if (answer === null || !isKnown) throw new Error("the response is not an introspection");
  return answer as Partial<Introspection>;
}

import type { CustomFetch } from "openid-client";
import { readBody } from "../read-body.js";

/** How long a login provider's answer may be, in bytes. The key sets of large providers have about 20,000 bytes. */
const MAX_SIZE = 256 * 1024;

/** An answer of a provider is longer than {@link MAX_SIZE}. */
class TooLarge extends Error {
  readonly code = "too_large";
}

/**
 * Works like `fetch`, but reads the whole answer, and fails if it is too large. The time limit of `options.signal` also
 * holds for the answer's body.
 */
export const boundedFetch: CustomFetch = async (url, options) => {
  const response = await fetch(url, options as RequestInit);
  const body = await readBody(response, MAX_SIZE);
  if (body === null) throw new TooLarge("The provider's answer is too large.");
  const { status } = response;
  const headers = new Headers(response.headers);
  // `fetch` has already decoded the body.
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(isEmpty(status) ? null : body, { status, headers });
};

/** Returns whether a response with this status must not have a body. */
function isEmpty(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

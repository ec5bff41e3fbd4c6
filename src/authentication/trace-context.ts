/** Matches `version-traceId-parentId-flags`. The version `ff` is forbidden, and so are ids that consist of zeros. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/**
 * Returns the trace id of a `traceparent` header, or null if the header is missing or malformed.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(header: unknown): string | null {
  return typeof header === "string" ? (TRACEPARENT.exec(header)?.[1] ?? null) : null;
}

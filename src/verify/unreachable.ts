/** Returns why a request to Gatehouse failed, in a few words for the operator. */
export function reasonOf(error: unknown, timeout: number): string {
  const { name, message, cause } = error as Error;
  if (name === "TimeoutError") return `there was no response within ${timeout} s`;
  if (name === "SyntaxError") return "the response is not JSON";
  // The message of `fetch` is only "fetch failed". The cause has the reason.
  const { code, message: why = message } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? why;
}

/** Returns a URL for the log, without a password. */
export function shown({ origin, pathname }: URL): string {
  return origin + pathname;
}

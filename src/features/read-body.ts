/**
 * The largest body, in bytes. Gatehouse's own server has the same limit, but an application that serves the routes may
 * have none.
 */
export const BODY_LIMIT = 100 * 1024;

/**
 * Returns the body of a request or a response, or null if the body is too long.
 * @param limit in bytes
 */
export async function readBody(
  { body }: Pick<Request | Response, "body">,
  limit = BODY_LIMIT,
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream: AsyncIterable<Uint8Array> | null = body;
  for await (const chunk of stream ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the body, and so ends the connection.
    if (size > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

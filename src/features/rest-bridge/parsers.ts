import { readBody } from "../read-body.js";
import { ApiException, ParseError, toDetail, UnsupportedMediaType } from "./api-exception.js";

/**
 * Parses a body as the default parsers of Django REST framework do: JSON, `application/x-www-form-urlencoded` or
 * `multipart/form-data`. An empty body counts as an empty object.
 * @throws {@link UnsupportedMediaType}, {@link ParseError}
 * @throws {@link ApiException} when the body is too large
 */
export async function parseBody(request: Request): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  const body = await readBody(request);
  if (body === null) throw new ApiException(413, toDetail(413));
  if (body.length === 0) return {};
  switch (type.replace(/;.*/s, "").trim().toLowerCase()) {
    case "application/json":
      return parseJson(body);
    case "application/x-www-form-urlencoded":
      return Object.fromEntries(new URLSearchParams(body.toString()));
    case "multipart/form-data":
      return parseMultipart(body, type);
    default:
      throw new UnsupportedMediaType(type);
  }
}

/** Parses JSON. The error for malformed JSON leaves out the parser's message, because that message quotes the body. */
function parseJson(body: Buffer): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    return JSON.parse(text);
  } catch {
    throw new ParseError("JSON parse error - The body is not JSON in UTF-8.");
  }
}

async function parseMultipart(body: Buffer, type: string): Promise<unknown> {
  try {
    const response = new Response(new Uint8Array(body), { headers: { "content-type": type } });
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- formData keeps the body in memory, but this body is small
    return Object.fromEntries(await response.formData());
  } catch {
    throw new ParseError("Multipart form parse error - The body does not match its boundary.");
  }
}

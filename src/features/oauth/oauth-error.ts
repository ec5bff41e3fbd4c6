import { type AuthError, HTTP_STATUS } from "../../errors.js";

/** A refusal in OAuth's form. @see RFC 6749 5.2 */
export class OAuthError extends Error {
  override readonly name = "OAuthError";

  constructor(
    readonly status: number,
    readonly code: "invalid_request" | "invalid_client" | "temporarily_unavailable",
    description: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(description);
  }

  toResponse(): Response {
    const { status, headers } = this;
    const body = { error: this.code, error_description: this.message };
    return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
  }
}

export class InvalidRequest extends OAuthError {
  constructor(description: string, status = 400) {
    super(status, "invalid_request", description);
  }
}

export class InvalidClient extends OAuthError {
  constructor() {
    const challenge = { "www-authenticate": 'Basic realm="gatehouse"' };
    super(401, "invalid_client", "The client's id or secret is missing or wrong.", challenge);
  }
}

/**
 * Returns the refusal for an error of Gatehouse's services: a rate limit is reached, or the database is unavailable.
 */
export function toOAuthError({ code, message, retryAfter = 1 }: AuthError): OAuthError {
  const headers = { "retry-after": retryAfter.toString() };
  return new OAuthError(HTTP_STATUS[code], "temporarily_unavailable", message, headers);
}

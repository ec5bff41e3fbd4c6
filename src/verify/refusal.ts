const STATUS = { UNAUTHENTICATED: 401, FORBIDDEN: 403, SERVICE_UNAVAILABLE: 503 } as const;

export const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

/** The codes of refusals, as in Gatehouse's own errors. */
export type RefusalCode = keyof typeof STATUS;

/** The exact reason of a refusal. Clients can rely on it; messages may change. */
export type RefusalReason =
  | "no_credentials"
  | "bad_authorization_header"
  | "token_not_valid"
  | "token_expired"
  | "token_wrong_type"
  | "token_revoked"
  | "role_required";

/** The `error` in `WWW-Authenticate`. A request without a token gets none. @see RFC 6750 3.1 */
const ERRORS: Partial<Record<RefusalReason, string>> = {
  bad_authorization_header: "invalid_token",
  token_not_valid: "invalid_token",
  token_expired: "invalid_token",
  token_wrong_type: "invalid_token",
  token_revoked: "invalid_token",
  role_required: "insufficient_scope",
};

/** The error for a refused request. It contains no secret. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  /** Undefined for the code `SERVICE_UNAVAILABLE`. */
  readonly reason: RefusalReason | undefined;
  /** Whole seconds after which a retry can succeed. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    refusal: { code: RefusalCode; reason?: RefusalReason; retryAfter?: number },
  ) {
    super(message);
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.retryAfter = refusal.retryAfter;
  }

  /** The HTTP status. */
  get status(): number {
    return STATUS[this.code];
  }

  /** The headers of the response, in lower case, without `content-type`. */
  get headers(): Record<string, string> {
    const headers: Record<string, string> = { "cache-control": "no-store" };
    if (this.retryAfter !== undefined) headers["retry-after"] = this.retryAfter.toString();
    if (this.reason !== undefined)
      headers["www-authenticate"] = challengeOf(this.reason, this.message);
    return headers;
  }

  /** The body of the response: JSON in the form of Gatehouse's own errors. */
  get body(): string {
    const { code, reason, retryAfter, message } = this;
    return JSON.stringify({ errors: [{ message, extensions: { code, reason, retryAfter } }] });
  }

  /** The extensions of the GraphQL error. Apollo Server sends the status and the headers in `http`. */
  get extensions(): Record<string, unknown> {
    const { headers, code, reason, retryAfter, status } = this;
    return {
      code,
      ...(reason !== undefined && { reason }),
      ...(retryAfter !== undefined && { retryAfter }),
      http: { status, headers: new Map(Object.entries(headers)) },
    };
  }

  toResponse(): Response {
    const { status, headers, body } = this;
    return new Response(body, { status, headers: { ...headers, ...JSON_TYPE } });
  }
}

function challengeOf(reason: RefusalReason, message: string): string {
  const realm = 'Bearer realm="gatehouse"';
  const error = ERRORS[reason];
  return error === undefined ? realm : `${realm}, error="${error}", error_description="${message}"`;
}

function unauthenticated(message: string, reason: RefusalReason): Refusal {
  return new Refusal(message, { code: "UNAUTHENTICATED", reason });
}

export function noCredentials(): Refusal {
  return unauthenticated("Authentication credentials were not provided.", "no_credentials");
}

export function badAuthorizationHeader(): Refusal {
  const message = "The Authorization header must hold one Bearer token.";
  return unauthenticated(message, "bad_authorization_header");
}

export function tokenNotValid(): Refusal {
  return unauthenticated("Token is not valid.", "token_not_valid");
}

export function tokenExpired(): Refusal {
  return unauthenticated("Token is expired.", "token_expired");
}

export function tokenWrongType(): Refusal {
  return unauthenticated("Only access tokens are accepted here.", "token_wrong_type");
}

export function tokenRevoked(): Refusal {
  return unauthenticated("Token has been revoked. Log in again.", "token_revoked");
}

export function roleRequired(role: string): Refusal {
  return new Refusal(`This needs the role ${role}.`, {
    code: "FORBIDDEN",
    reason: "role_required",
  });
}

/** @param retryAfter whole seconds */
export function unavailable(retryAfter: number): Refusal {
  const message = "The service is not available right now. Try again shortly.";
  return new Refusal(message, { code: "SERVICE_UNAVAILABLE", retryAfter });
}

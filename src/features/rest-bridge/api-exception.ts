import { type AuthError, HTTP_STATUS } from "../../errors.js";

/**
 * A refusal with the texts of Django REST framework. Never change these texts, because old clients compare them.
 * @see https://www.django-rest-framework.org/api-guide/exceptions/
 */
export class ApiException extends Error {
  override readonly name = "ApiException";

  constructor(
    readonly status: number,
    readonly body: object,
    readonly retryAfter?: number,
  ) {
    super("A request was refused.");
  }
}

export class NotAuthenticated extends ApiException {
  constructor() {
    super(401, { detail: "Authentication credentials were not provided." });
  }
}

export class AuthenticationFailed extends ApiException {
  /** @param more `code` and `messages`, which simplejwt adds */
  constructor(detail: string, more: object = {}) {
    super(401, { detail, ...more });
  }
}

/** The error of simplejwt for a refused token in the body of a request. */
export class InvalidToken extends AuthenticationFailed {
  constructor(detail: TokenFault) {
    super(detail, { code: "token_not_valid" });
  }
}

/** simplejwt's reasons for refusing a token. */
export type TokenFault =
  "Token is invalid or expired" | "Token has wrong type" | "Token is blacklisted";

export class MethodNotAllowed extends ApiException {
  constructor(method: string) {
    super(405, { detail: `Method "${method}" not allowed.` });
  }
}

export class UnsupportedMediaType extends ApiException {
  constructor(type: string) {
    super(415, { detail: `Unsupported media type "${type}" in request.` });
  }
}

export class ParseError extends ApiException {
  constructor(detail: string) {
    super(400, { detail });
  }
}

/** @param errors the messages by field. Messages about the whole body are in `non_field_errors` */
export class ValidationError extends ApiException {
  constructor(errors: Readonly<Record<string, readonly string[]>>) {
    super(400, errors);
  }
}

const UNAVAILABLE = "Service temporarily unavailable, try again later.";

/** The messages of responses in which the server itself refuses a request, by status. */
const DETAILS: Readonly<Record<number, string>> = {
  413: "The body must be at most 100 KiB.",
  415: "The body must be in UTF-8, and must not be compressed.",
  431: "The headers are too long.",
  503: UNAVAILABLE,
};

/** Returns the body of a response in which the server itself refuses a request. */
export function toDetail(status: number): object {
  const usual = status >= 500 ? "A server error occurred." : "Malformed request.";
  return { detail: DETAILS[status] ?? usual };
}

export function toApiException(error: AuthError): ApiException {
  const { code, message, retryAfter } = error;
  return new ApiException(HTTP_STATUS[code], { detail: detailOf(error, message) }, retryAfter);
}

function detailOf({ code, retryAfter = 0 }: AuthError, message: string): string {
  if (code === "SERVICE_UNAVAILABLE") return UNAVAILABLE;
  if (code !== "TOO_MANY_REQUESTS") return message;
  const unit = retryAfter === 1 ? "second" : "seconds";
  return `Request was throttled. Expected available in ${retryAfter} ${unit}.`;
}

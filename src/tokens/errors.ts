import { Unauthenticated } from "../errors.js";

/** The token is not valid, for example because it is malformed or forged, or because another server issued it. */
export class TokenNotValid extends Unauthenticated {
  constructor() {
    super("Token is not valid.", "token_not_valid");
  }
}

/** This instance does not know the signing key of the token. The client sees a {@link TokenNotValid}. */
export class UnknownKey extends TokenNotValid {}

/** The token was valid, but has expired. */
export class TokenExpired extends Unauthenticated {
  constructor() {
    super("Token is expired.", "token_expired");
  }
}

/**
 * The operation needs another type of token. For example, the client sent a refresh token instead of an access token.
 */
export class TokenWrongType extends Unauthenticated {
  constructor() {
    super("Token has the wrong type for this use.", "token_wrong_type");
  }
}

/** The lifetime of the session is over. A refresh does not extend it. */
export class SessionExpired extends Unauthenticated {
  constructor() {
    super("Session is over. Log in again.", "session_expired");
  }
}

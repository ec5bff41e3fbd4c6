import { Unauthenticated } from "../errors.js";

/** The accepted credentials, as a client sends them. */
const SERVED = "`Token <key>` or `Bearer <access token>`";

/** The request has no credential that the operation accepts. */
export class NoCredentials extends Unauthenticated {
  constructor(message = "Authentication credentials were not provided.") {
    super(message, "no_credentials");
  }
}

/** The `Authorization` header has another scheme than `Token` or `Bearer`. */
export class SchemeNotServed extends NoCredentials {
  constructor() {
    super(`The scheme of the Authorization header is not served. Send ${SERVED}.`);
  }
}

/** The `Authorization` header does not have exactly one well-formed credential. */
export class BadAuthorizationHeader extends Unauthenticated {
  constructor() {
    super(
      `The Authorization header must hold one credential: ${SERVED}.`,
      "bad_authorization_header",
    );
  }
}

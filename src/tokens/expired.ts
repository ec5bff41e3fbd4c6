import type { AuthScheme } from "../events.js";
import { SessionExpired, TokenExpired } from "./errors.js";

interface ExpiredSession {
  readonly id: string;
  readonly userId: string;
  readonly scheme: AuthScheme;
  /** The id of the administrator who acts as the user; null for the user's own sessions. */
  readonly impersonatorId: string | null;
}

/** A {@link TokenExpired} with the token's session, for the audit trail. */
export class KnownTokenExpired extends TokenExpired {
  readonly session: ExpiredSession;

  constructor(session: ExpiredSession) {
    super();
    this.session = session;
  }
}

/** A {@link SessionExpired} with the session, for the audit trail. */
export class KnownSessionExpired extends SessionExpired {
  readonly session: ExpiredSession;

  constructor(session: ExpiredSession) {
    super();
    this.session = session;
  }
}

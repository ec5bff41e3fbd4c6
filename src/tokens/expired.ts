import { SessionExpired, TokenExpired } from "../errors.js";
import type { AuthScheme } from "../events.js";

/** An expired session, or the session of an expired token, as the audit trail names it. */
interface ExpiredSession {
  readonly id: string;
  readonly userId: string;
  readonly scheme: AuthScheme;
}

/** {@link TokenExpired}, with the session of the token. */
export class KnownTokenExpired extends TokenExpired {
  readonly session: ExpiredSession;

  constructor(session: ExpiredSession) {
    super();
    this.session = session;
  }
}

/** {@link SessionExpired}, with the session. */
export class KnownSessionExpired extends SessionExpired {
  readonly session: ExpiredSession;

  constructor(session: ExpiredSession) {
    super();
    this.session = session;
  }
}

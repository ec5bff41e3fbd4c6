import { SessionExpired, TokenExpired } from "../errors.js";
import type { AuthScheme } from "../events.js";

/** The session of a credential that has expired, for the audit trail. */
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

import { SessionExpired, TokenExpired } from "../errors.js";
import type { TokenSession } from "./token-kinds.js";

/** The session of a credential that has expired, for the audit trail. */
type ExpiredSession = Pick<TokenSession, "id" | "userId" | "scheme">;

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

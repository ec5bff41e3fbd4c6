import type { Roles } from "../../accounts/role.js";
import type { AuthContext } from "../../authentication/context.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { BadUserInput } from "../../errors.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";

/** How long an administrator may act as a user, in milliseconds. A refresh does not extend this time. */
const MAX_LIFETIME = 30 * 60_000;

/** Matches 1 to 500 characters without control characters. At least one character must be visible. */
const REASON = /^(?=.*[^\p{C}\p{Z}])[^\p{Cc}]{1,500}$/u;

type Services = Pick<CoreServices, "accounts" | "authentication" | "now" | "onEvent" | "sessions">;

export class ImpersonationService {
  readonly #core: Services;
  readonly #roles: Roles;

  constructor(core: Services, roles: Roles) {
    this.#core = core;
    this.#roles = roles;
  }

  /**
   * Opens a session in which the caller acts as another user. The session ends after 30 minutes, or earlier if the
   * caller's own session ends.
   * @param reason a text for the audit trail
   * @throws {@link NoSuchUser} when the user does not exist
   * @throws {@link BadUserInput} when the user is inactive or an administrator, or the reason is malformed
   * @throws {@link BadUserInput} when the caller uses a static token, or already acts as a user
   */
  async impersonate(context: AuthContext, userId: string, reason: string): Promise<Issued> {
    const { accounts, authentication, now, onEvent, sessions } = this.#core;
    const { client } = context;
    const caller = await loadOwner(context);
    if (!REASON.test(reason)) {
      throw new BadUserInput(
        "reason must have from 1 to 500 characters, none of them a control character.",
      );
    }
    const user = await accounts.getUser(userId);
    if (this.#roles.isAtLeast(user.role, this.#roles.admin)) {
      throw new BadUserInput(`Nobody can act as a user of the role ${this.#roles.admin}.`);
    }
    const own = await sessions.find(caller.session.id);
    const issued = await authentication.issue(user, {
      scheme: "JWT",
      client,
      impersonator: caller,
      expiresAt: Math.min(
        now() + MAX_LIFETIME,
        own?.expiresAt ?? Infinity,
        own?.refreshExpiresAt ?? Infinity,
      ),
    });
    const details = { sessionId: issued.principal.session.id, reason };
    onEvent({ type: "impersonation:started", userId: user.id, details }, client);
    return issued;
  }
}

import type { AuthContext } from "../../authentication/context.js";
import { InvalidCredentials } from "../../errors.js";
import { requireOwnSession } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";

export class StepUpService {
  readonly #core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">;

  constructor(core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">) {
    this.#core = core;
  }

  /**
   * Checks the caller's own password, and stores the current time as the session's `authenticatedAt`.
   * @returns the stored time, in epoch milliseconds
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or a malformed password
   * @throws {@link InvalidCredentials} for a wrong password or a locked account
   * @throws {@link InvalidCredentials} when the session ended or the password changed during the check
   * @throws {@link TooManyRequests} when a rate limit of logins is reached
   */
  async reauthenticate(context: AuthContext, password: string): Promise<number> {
    const { authentication, onEvent, sessions } = this.#core;
    const { client } = context;
    const user = await context.loadUser();
    requireOwnSession(user);
    const { id: userId, session } = user;
    const { credentialsVersion } = await authentication.requirePassword(userId, password, client);
    const at = await sessions.recordAuthentication(session, credentialsVersion);
    if (at === null) throw new InvalidCredentials();
    const details = { sessionId: session.id };
    onEvent({ type: "step-up:reauthenticated", userId, details }, client);
    return at;
  }
}

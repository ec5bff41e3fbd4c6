import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput, InvalidCredentials } from "../../errors.js";
import type { CoreServices } from "../feature.js";

/** Makes sessions fresh again. */
export class StepUpService {
  readonly #core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">;

  constructor(core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">) {
    this.#core = core;
  }

  /**
   * Checks the caller's own password, and records in the session that it was given now.
   * @returns when it was given, in epoch milliseconds
   * @throws {@link BadUserInput} for a static token, or a malformed password
   * @throws {@link InvalidCredentials} for a wrong password or a locked account. Also if the session ended, or the
   * password was changed, during the check
   * @throws {@link TooManyRequests} when a rate limit of logins is reached
   */
  async reauthenticate(context: AuthContext, password: string): Promise<number> {
    const { authentication, onEvent, sessions } = this.#core;
    const { client } = context;
    const { id: userId, session } = await context.loadUser();
    if (session.scheme === "TOKEN") {
      throw new BadUserInput("A static token cannot reauthenticate. Log in instead.");
    }
    const { credentialsVersion } = await authentication.requirePassword(userId, password, client);
    const at = await sessions.recordAuthentication(session, credentialsVersion);
    if (at === null) throw new InvalidCredentials();
    const details = { sessionId: session.id };
    onEvent({ type: "step-up:reauthenticated", userId, details }, client);
    return at;
  }
}

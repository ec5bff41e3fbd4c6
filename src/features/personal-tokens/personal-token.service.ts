import type { AuthContext } from "../../authentication/context.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { BadUserInput } from "../../errors.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";

const DAY = 86_400;
const MAX_DAYS = 3650;

export class PersonalTokenService {
  readonly #core: Pick<CoreServices, "authentication" | "now" | "onEvent">;
  readonly #lifetime: number | null;

  /** @param lifetime the longest lifetime of a static token, in seconds; null for no limit */
  constructor(
    core: Pick<CoreServices, "authentication" | "now" | "onEvent">,
    lifetime: number | null,
  ) {
    this.#core = core;
    this.#lifetime = lifetime;
  }

  /**
   * Makes a token for the caller.
   * @param label the name of the token: 1 to 100 characters
   * @param days how long the token lives; null for as long as the settings allow
   * @throws {@link BadUserInput} when an argument is not allowed
   * @throws {@link BadUserInput} when the caller uses a static token, or is an administrator who acts as the user
   * @throws {@link TokenRevoked} if the caller's session has just ended
   */
  async create(context: AuthContext, label: string, days: number | null): Promise<Issued> {
    const { authentication, now, onEvent } = this.#core;
    const { client } = context;
    const user = await loadOwner(context);
    if (days !== null) this.#requireAllowed(days);
    const issued = await authentication.issue(user, {
      scheme: "TOKEN",
      label,
      client,
      openedBy: user.session,
      ...(days !== null && { expiresAt: now() + days * DAY * 1000 }),
    });
    const { id: sessionId, expiresAt } = issued.principal.session;
    const details = { sessionId, expiresAt };
    onEvent({ type: "personal-tokens:created", userId: user.id, details }, client);
    return issued;
  }

  #requireAllowed(days: number): void {
    const max = Math.min(MAX_DAYS, Math.floor((this.#lifetime ?? Infinity) / DAY));
    if (days >= 1 && days <= max) return;
    throw new BadUserInput(
      max < 1
        ? "Leave expiresInDays out: static tokens live for less than a day here."
        : `expiresInDays must be from 1 to ${max}.`,
    );
  }
}

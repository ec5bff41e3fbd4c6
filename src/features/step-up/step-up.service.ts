import { InvalidCredentials } from "../../accounts/errors.js";
import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput } from "../../errors.js";
import type { Client } from "../../events.js";
import type { AuthMethod } from "../../sessions/methods.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { Principal } from "../../sessions/principal.js";
import type { CoreServices } from "../feature.js";
import type { Answer, SecondFactors } from "../second-factor/index.js";

/** A password or a second factor. Exactly one must be given. */
export interface GivenProof {
  readonly password: string | null;
  readonly answer: Answer;
}

/** The result of a right password or second factor. */
interface Proved {
  readonly credentialsVersion: number;
  /** The methods to add to the session, such as `otp`. Empty for a password. */
  readonly methods: readonly AuthMethod[];
}

/** Checks again who the caller of a request is. */
export class StepUpService {
  readonly #core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">;
  readonly #factors: SecondFactors | undefined;

  /** @param factors undefined if second factors are off */
  constructor(
    core: Pick<CoreServices, "authentication" | "onEvent" | "sessions">,
    factors: SecondFactors | undefined,
  ) {
    this.#core = core;
    this.#factors = factors;
  }

  /**
   * Checks the caller's own password or second factor, and stores the current time as the session's `authenticatedAt`.
   * @returns the stored time, in epoch milliseconds
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or a malformed proof
   * @throws {@link InvalidCredentials} for a wrong password, or for a password of a locked account
   * @throws {@link InvalidCredentials} when the session ended or the password changed during the check
   * @throws {@link CodeNotValid} for a wrong code, or for a second factor of a locked account
   * @throws the error of the passkeys feature for a wrong passkey
   * @throws {@link TooManyRequests} when a rate limit of logins is reached
   */
  async reauthenticate(context: AuthContext, given: GivenProof): Promise<number> {
    const { onEvent, sessions } = this.#core;
    const { client } = context;
    const user = await loadOwner(context);
    const { id: userId, session } = user;
    const { credentialsVersion, methods } = await this.#prove(user, given, client);
    const at = await sessions.recordAuthentication(session, credentialsVersion, methods);
    if (at === null) throw new InvalidCredentials();
    const details = { sessionId: session.id };
    onEvent({ type: "step-up:reauthenticated", userId, details }, client);
    return at;
  }

  async #prove(user: Principal, { password, answer }: GivenProof, client: Client): Promise<Proved> {
    const hasAnswer = Object.values(answer).some((value) => value != null);
    if (hasAnswer === (password !== null) || (hasAnswer && this.#factors === undefined)) {
      const others = this.#factors === undefined ? "" : ", totp, recoveryCode or passkey";
      throw new BadUserInput(`Give password${others}, and nothing else.`);
    }
    if (password === null && this.#factors !== undefined) {
      return this.#factors.requireAnswer(user, answer, client);
    }
    const { authentication } = this.#core;
    const account = await authentication.requirePassword(user.id, password ?? "", client);
    return { credentialsVersion: account.credentialsVersion, methods: [] };
  }
}

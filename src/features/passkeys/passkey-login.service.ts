import { InvalidCredentials } from "../../accounts/errors.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { BadUserInput } from "../../errors.js";
import type { AuthScheme, Client } from "../../events.js";
import { requireScheme } from "../../sessions/session-opener.js";
import type { CoreServices } from "../feature.js";
import type { LoginChallenges } from "../second-factor/index.js";
import { parseAssertion } from "./answers.js";
import { requestOptions } from "./ceremonies.js";
import { PasskeyNotValid } from "./errors.js";
import { methodsOf, type Passkey } from "./stored-passkeys.js";
import { type PasskeyParts, type PasskeyVerifier, reportRefusals } from "./verifier.js";

/** What a browser needs to use a passkey, or to register one. */
export interface PasskeyOptions {
  /** The options for `navigator.credentials.get` or `navigator.credentials.create`, as JSON. */
  readonly options: object;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Logs users in with passkeys. The passkey says who the user is, so no user name is needed. */
export class PasskeyLoginService {
  readonly #core: Pick<CoreServices, "authentication" | "onEvent" | "throttle">;
  readonly #parts: PasskeyParts;
  readonly #verifier: PasskeyVerifier;
  readonly #logins: LoginChallenges | undefined;

  /** @param logins undefined if second factors are off */
  constructor(
    core: Pick<CoreServices, "authentication" | "onEvent" | "throttle">,
    parts: PasskeyParts,
    verifier: PasskeyVerifier,
    logins: LoginChallenges | undefined,
  ) {
    this.#core = core;
    this.#parts = parts;
    this.#verifier = verifier;
    this.#logins = logins;
  }

  /**
   * Begins a use of a passkey: a login, the second step of a login, or another proof of a signed-in user.
   * @param loginChallenge the challenge of a login that needs a second step, or null. With a challenge, the options
   * name the passkeys of the login's user. With null, the options name no passkey
   * @throws {@link ChallengeNotValid}, {@link ChallengeExpired}
   * @throws {@link BadUserInput} for a challenge if its user has no passkey, or if second factors are off
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async begin(client: Client, loginChallenge: string | null): Promise<PasskeyOptions> {
    const { challenges, party } = this.#parts;
    await this.#core.throttle.request(client);
    const allowed = loginChallenge === null ? undefined : await this.#passkeysOf(loginChallenge);
    const created = await challenges.create({ type: "login" });
    return { options: await requestOptions(party, created, allowed), expiresAt: created.expiresAt };
  }

  async #passkeysOf(loginChallenge: string): Promise<readonly Passkey[]> {
    if (this.#logins === undefined) throw new BadUserInput("Second factors are off.");
    const found = await this.#parts.passkeys.list(await this.#logins.findUser(loginChallenge));
    // Refuse an empty list, because browsers would then offer every passkey.
    if (found.length === 0) throw new BadUserInput("This user has no passkey.");
    return found;
  }

  /**
   * Logs in the owner of a passkey.
   * @throws {@link PasskeyNotValid} for every refusal of the passkey, and for an inactive user
   * @throws {@link BadUserInput} when an argument is malformed
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws the errors of {@link AuthenticationService.signIn}
   */
  async login(response: unknown, scheme: AuthScheme, client: Client): Promise<Issued> {
    const { authentication, onEvent, throttle } = this.#core;
    await throttle.attempt(client);
    requireScheme(scheme);
    const answer = parseAssertion(response);
    return reportRefusals(onEvent, client, async () => {
      const passkey = await this.#verifier.use(answer, { type: "login" }, null, client);
      const { userId, credentialsVersion } = passkey;
      const methods = [...methodsOf(passkey), "mfa"] as const;
      const login = { methods, scheme, client, credentialsVersion };
      const issued = await authentication.signIn(userId, login).catch((error: unknown) => {
        throw error instanceof InvalidCredentials
          ? new PasskeyNotValid("invalid_credentials", userId)
          : error;
      });
      const details = { passkeyId: passkey.id, sessionId: issued.principal.session.id };
      onEvent({ type: "passkeys:used", userId, details }, client);
      return issued;
    });
  }
}

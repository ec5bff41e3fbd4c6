import type { Client } from "../../events.js";
import type { AuthMethod } from "../../sessions/methods.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { Factor } from "../second-factor/index.js";
import { parseAssertion } from "./answers.js";
import { methodsOf, type StoredPasskeys } from "./stored-passkeys.js";
import { type PasskeyVerifier, reportRefusals } from "./verifier.js";

/** Passkeys as a second factor. `beginPasskeyLogin` returns the options for the browser. */
export class PasskeyFactor implements Factor {
  readonly name = "passkey";
  readonly isEnrolled = "EXISTS (SELECT 1 FROM passkey WHERE passkey.user_id = u.id)";
  readonly #core: Pick<CoreServices, "onEvent">;
  readonly #verifier: PasskeyVerifier;
  readonly #passkeys: StoredPasskeys;

  constructor(
    core: Pick<CoreServices, "onEvent">,
    verifier: PasskeyVerifier,
    passkeys: StoredPasskeys,
  ) {
    this.#core = core;
    this.#verifier = verifier;
    this.#passkeys = passkeys;
  }

  requireWellFormed(answer: unknown): void {
    parseAssertion(answer);
  }

  /** @throws {@link PasskeyNotValid} also for a passkey of another user */
  async verify(userId: string, answer: unknown, client: Client): Promise<readonly AuthMethod[]> {
    const assertion = parseAssertion(answer);
    const use = () => this.#verifier.use(assertion, { type: "login" }, userId, client);
    const passkey = await reportRefusals(this.#core.onEvent, client, use);
    const details = { passkeyId: passkey.id };
    this.#core.onEvent({ type: "passkeys:used", userId, details }, client);
    return methodsOf(passkey);
  }

  /** Removes all passkeys of the user. Removes nothing if the user has no other way to log in. */
  remove(run: RunStatement, userId: string): Promise<boolean> {
    return this.#passkeys.removeAll(run, userId);
  }
}

import type { Client } from "../../events.js";
import type { CoreServices } from "../feature.js";
import {
  type AssertionJson,
  type AttestationJson,
  type ClientData,
  parseClientData,
} from "./answers.js";
import { verifyAssertion, verifyAttestation } from "./ceremonies.js";
import type { Ceremony, Challenges } from "./challenges.js";
import { PasskeyNotAdded, PasskeyNotValid, PasskeyRefused } from "./errors.js";
import type { RelyingParty } from "./relying-party.js";
import type { NewCredential, OwnedPasskey, StoredPasskeys } from "./stored-passkeys.js";

export interface PasskeyParts {
  readonly party: RelyingParty;
  readonly challenges: Challenges;
  readonly passkeys: StoredPasskeys;
}

/** Checks the answers of authenticators. An answer normally uses up its challenge, even if the answer is refused. */
export class PasskeyVerifier {
  readonly #core: Pick<CoreServices, "onEvent">;
  readonly #parts: PasskeyParts;

  constructor(core: Pick<CoreServices, "onEvent">, parts: PasskeyParts) {
    this.#core = core;
    this.#parts = parts;
  }

  /**
   * Returns the passkey that an authenticator has made. The passkey may already be registered.
   * @throws {@link PasskeyNotAdded}
   */
  async readNew(answer: AttestationJson, ceremony: Ceremony): Promise<NewCredential> {
    const refuse = (detail: string) => new PasskeyNotAdded(detail);
    const clientData = await this.#requirePage(answer, ceremony, refuse);
    try {
      return await verifyAttestation(this.#parts.party, answer, clientData);
    } catch {
      throw refuse("not_verified");
    }
  }

  /**
   * Returns the passkey that was used, and records the use.
   * @param userId the required owner; null if the passkey says who the user is
   * @throws {@link PasskeyNotValid}
   */
  async use(
    answer: AssertionJson,
    ceremony: Ceremony,
    userId: string | null,
    client: Client,
  ): Promise<OwnedPasskey> {
    const { party, passkeys } = this.#parts;
    const clientData = await this.#requirePage(
      answer,
      ceremony,
      (detail) => new PasskeyNotValid(detail),
    );
    const passkey = await passkeys.find(answer.id);
    if (passkey === null) throw new PasskeyNotValid("unknown");
    const { userHandle = userId && passkey.userHandle } = answer.response;
    const isOwn =
      userHandle === passkey.userHandle && (userId ?? passkey.userId) === passkey.userId;
    if (!isOwn) throw new PasskeyNotValid("other_user", passkey.userId);
    const use = await verifyAssertion(party, answer, clientData, passkey).catch(() => {
      throw new PasskeyNotValid("not_verified", passkey.userId);
    });
    if (!(await passkeys.recordUse(passkey.id, use))) {
      // The user may have removed the passkey since it was found.
      if ((await passkeys.find(answer.id)) === null) throw new PasskeyNotValid("unknown");
      const details = { passkeyId: passkey.id };
      this.#core.onEvent({ type: "passkeys:cloned", userId: passkey.userId, details }, client);
      throw new PasskeyNotValid("counter", passkey.userId);
    }
    return passkey;
  }

  /**
   * Requires that the answer has a challenge that this ceremony gave out. Also requires that the answer comes from a
   * page of this application, and that the page is not in a frame of another origin.
   */
  async #requirePage(
    { response }: AssertionJson | AttestationJson,
    ceremony: Ceremony,
    refuse: (detail: string) => PasskeyRefused,
  ): Promise<ClientData> {
    const { challenges, party } = this.#parts;
    const clientData = parseClientData(response.clientDataJSON);
    if (clientData === null) throw refuse("malformed");
    if (!(await challenges.take(clientData.challenge, ceremony))) throw refuse("challenge");
    if (clientData.crossOrigin || !party.isPage(clientData.origin)) throw refuse("origin");
    return clientData;
  }
}

/** Returns the result of `run`. If `run` refuses a passkey, publishes the event `passkeys:refused`. */
export async function reportRefusals<Result>(
  onEvent: CoreServices["onEvent"],
  client: Client,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PasskeyRefused) {
      const owner = error.userId === null ? {} : { userId: error.userId };
      onEvent({ type: "passkeys:refused", ...owner, details: { code: error.detail } }, client);
    }
    throw error;
  }
}

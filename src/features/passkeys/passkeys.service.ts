import { isId } from "../../accounts/id.js";
import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput, LastSignInMethod } from "../../errors.js";
import { requireOwnSession } from "../../sessions/own-session.js";
import type { Principal } from "../../sessions/principal.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type Mail, queueNotice } from "../mail/index.js";
import { parseAttestation } from "./answers.js";
import { creationOptions } from "./ceremonies.js";
import { PasskeyNotAdded } from "./errors.js";
import type { PasskeyOptions } from "./passkey-login.service.js";
import { MAX_PASSKEYS, type Passkey } from "./stored-passkeys.js";
import { type PasskeyParts, type PasskeyVerifier, reportRefusals } from "./verifier.js";

const LABEL = /^[^\p{Cc}]{1,64}$/u;

/** A passkey, with the values that a browser needs to tell the authenticator about a change. */
export interface OwnPasskey extends Passkey {
  readonly rpId: string;
  readonly userHandle: string;
}

/** A passkey after a change, and the credential ids of all that the user has now. */
export interface ChangedPasskey {
  readonly passkey: OwnPasskey;
  readonly acceptedCredentialIds: readonly string[];
}

/** Adds, lists, renames and removes the passkeys of the caller. */
export class PasskeysService {
  readonly #core: Pick<CoreServices, "onEvent" | "sql" | "throttle">;
  readonly #parts: PasskeyParts;
  readonly #verifier: PasskeyVerifier;
  readonly #mail: Mail | undefined;

  /** @param mail undefined if mails are off */
  constructor(
    core: Pick<CoreServices, "onEvent" | "sql" | "throttle">,
    parts: PasskeyParts,
    verifier: PasskeyVerifier,
    mail: Mail | undefined,
  ) {
    this.#core = core;
    this.#parts = parts;
    this.#verifier = verifier;
    this.#mail = mail;
  }

  /**
   * Begins to register a passkey. Only the caller's session can complete it.
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or too many passkeys
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async beginRegistration(context: AuthContext): Promise<PasskeyOptions> {
    const { challenges, party, passkeys } = this.#parts;
    const { id: userId, username, session } = await loadOwner(context);
    await this.#core.throttle.request(context.client);
    const existing = await passkeys.list(userId);
    if (existing.length >= MAX_PASSKEYS) throw tooManyPasskeys();
    const handle = await passkeys.handleOf(userId);
    const ceremony = { type: "registration", userId, sessionId: session.id } as const;
    const created = await challenges.create(ceremony);
    const options = await creationOptions(party, { handle, username }, created, existing);
    return { options, expiresAt: created.expiresAt };
  }

  /**
   * Adds the passkey that an authenticator has made.
   * @throws {@link PasskeyNotAdded} when the answer is wrong, or is not one to a challenge for this session
   * @throws {@link BadUserInput} for a malformed argument, and as {@link PasskeysService.beginRegistration}
   */
  async add(context: AuthContext, label: string, response: unknown): Promise<ChangedPasskey> {
    const { onEvent } = this.#core;
    const { client } = context;
    const user = await loadOwner(context);
    requireLabel(label);
    const answer = parseAttestation(response);
    const { id: userId, session } = user;
    const passkey = await reportRefusals(onEvent, client, async () => {
      const ceremony = { type: "registration", userId, sessionId: session.id } as const;
      const credential = await this.#verifier.readNew(answer, ceremony);
      const added = await this.#change(user, "passkey-added", (run) =>
        this.#parts.passkeys.add(run, { userId, label, credential }),
      );
      if (added !== null) return added;
      const { length } = await this.#parts.passkeys.list(userId);
      throw length >= MAX_PASSKEYS ? tooManyPasskeys() : new PasskeyNotAdded("known");
    });
    onEvent({ type: "passkeys:added", userId, details: { passkeyId: passkey.id } }, client);
    return this.#changed(userId, passkey);
  }

  /** Returns the caller's passkeys, oldest first. */
  async list(context: AuthContext): Promise<readonly OwnPasskey[]> {
    const { passkeys } = this.#parts;
    const { id } = await context.loadUser();
    const found = await passkeys.list(id);
    if (found.length === 0) return [];
    const names = await this.#namesOf(id);
    return found.map((passkey) => ({ ...passkey, ...names }));
  }

  /**
   * @throws {@link BadUserInput} when the caller has no such passkey, the label is malformed, for a static token, and for
   * an administrator who acts as the user
   */
  async rename(context: AuthContext, id: string, label: string): Promise<ChangedPasskey> {
    const { id: userId } = await loadOwner(context);
    requireLabel(label);
    const renamed = isId(id) ? await this.#parts.passkeys.rename(userId, id, label) : null;
    if (renamed === null) throw noSuchPasskey();
    const event = { type: "passkeys:renamed", userId, details: { passkeyId: id } } as const;
    this.#core.onEvent(event, context.client);
    return this.#changed(userId, renamed);
  }

  /**
   * @returns the passkey that was removed
   * @throws {@link LastSignInMethod} when the user could not log in otherwise
   * @throws {@link BadUserInput} when the caller has no such passkey, for a static token, and for an administrator who
   * acts as the user
   */
  async remove(context: AuthContext, id: string): Promise<ChangedPasskey> {
    const { passkeys } = this.#parts;
    const user = await loadOwner(context);
    if (!isId(id)) throw noSuchPasskey();
    const removed = await this.#change(user, "passkey-removed", (run) =>
      passkeys.remove(run, user.id, id),
    );
    if (removed === null) {
      const isKept = (await passkeys.list(user.id)).some((passkey) => passkey.id === id);
      throw isKept ? new LastSignInMethod() : noSuchPasskey();
    }
    const event = {
      type: "passkeys:removed",
      userId: user.id,
      details: { passkeyId: id },
    } as const;
    this.#core.onEvent(event, context.client);
    return this.#changed(user.id, removed);
  }

  /** Makes a change, and queues a mail about it to the user, in one transaction. */
  async #change(
    user: Principal,
    template: "passkey-added" | "passkey-removed",
    change: (run: RunStatement) => Promise<Passkey | null>,
  ): Promise<Passkey | null> {
    const mail = this.#mail;
    const changed = await this.#core.sql.inTransaction(async (run) => {
      const passkey = await change(run);
      if (passkey !== null && mail) await queueNotice(mail, run, template, user);
      return passkey;
    });
    if (changed !== null) mail?.wake();
    return changed;
  }

  async #changed(userId: string, changed: Passkey): Promise<ChangedPasskey> {
    const accepted = await this.#parts.passkeys.list(userId);
    return {
      passkey: { ...changed, ...(await this.#namesOf(userId)) },
      acceptedCredentialIds: accepted.map(({ credentialId }) => credentialId),
    };
  }

  /** Returns the names by which authenticators know the application and the user. */
  async #namesOf(userId: string): Promise<Pick<OwnPasskey, "rpId" | "userHandle">> {
    const { party, passkeys } = this.#parts;
    return { rpId: party.id, userHandle: await passkeys.handleOf(userId) };
  }
}

async function loadOwner(context: AuthContext): Promise<Principal> {
  const user = await context.loadUser();
  requireOwnSession(user);
  return user;
}

/** @throws {@link BadUserInput} */
function requireLabel(label: string): void {
  if (LABEL.test(label)) return;
  throw new BadUserInput("label must be text of 1 to 64 characters, without control characters.");
}

function noSuchPasskey(): BadUserInput {
  return new BadUserInput("There is no such passkey.");
}

function tooManyPasskeys(): BadUserInput {
  return new BadUserInput(`A user can have ${MAX_PASSKEYS} passkeys. Remove one first.`);
}

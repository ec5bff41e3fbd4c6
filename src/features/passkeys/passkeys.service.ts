import { LastSignInMethod } from "../../accounts/errors.js";
import { isId } from "../../accounts/id.js";
import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput } from "../../errors.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { Principal } from "../../sessions/principal.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import { type Mail, queueNotice } from "../mail/index.js";
import type { SecondFactors } from "../second-factor/index.js";
import { parseAttestation } from "./answers.js";
import { creationOptions } from "./ceremonies.js";
import { PasskeyNotAdded } from "./errors.js";
import type { PasskeyOptions } from "./passkey-login.service.js";
import { MAX_PASSKEYS, methodsOf, type Passkey } from "./stored-passkeys.js";
import { type PasskeyParts, type PasskeyVerifier, reportRefusals } from "./verifier.js";

const LABEL = /^[^\p{Cc}]{1,64}$/u;

/** A passkey, with the values that a browser needs to tell the authenticator about a change. */
export interface OwnPasskey extends Passkey {
  readonly rpId: string;
  readonly userHandle: string;
}

/** A passkey after a change, and the credential ids of all passkeys that the user has now. */
export interface ChangedPasskey {
  readonly passkey: OwnPasskey;
  readonly acceptedCredentialIds: readonly string[];
}

/** A passkey that was added. */
export interface AddedPasskey extends ChangedPasskey {
  /** The user's new recovery codes. Null if the user has codes already, or if second factors are off. */
  readonly recoveryCodes: readonly string[] | null;
}

interface ServiceParts extends PasskeyParts {
  readonly verifier: PasskeyVerifier;
  /** Undefined if mail is off. */
  readonly mail: Mail | undefined;
  /** Undefined if second factors are off. */
  readonly factors: SecondFactors | undefined;
}

type Core = Pick<CoreServices, "onEvent" | "sessions" | "sql" | "throttle">;

/** Adds, lists, renames and removes the passkeys of the caller. */
export class PasskeysService {
  readonly #core: Core;
  readonly #parts: ServiceParts;

  constructor(core: Core, parts: ServiceParts) {
    this.#core = core;
    this.#parts = parts;
  }

  /**
   * Begins to register a passkey. Only the caller's session can complete it.
   * @throws {@link BadUserInput} for a static token, an administrator who acts as the user, or too many passkeys
   * @throws {@link ReauthenticationRequired} when the user has a second factor, but gave none in the last 15 minutes
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async beginRegistration(context: AuthContext): Promise<PasskeyOptions> {
    const { challenges, factors, party, passkeys } = this.#parts;
    const { id: userId, username, session } = await loadOwner(context);
    await factors?.requireProof(context);
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
   * @throws {@link PasskeyNotAdded} when the answer is wrong, the passkey is already registered, or the session has
   * ended since the request began. An answer to the challenge of another session is wrong, too
   * @throws {@link BadUserInput} for a malformed argument, and as {@link PasskeysService.beginRegistration}
   * @throws {@link ReauthenticationRequired} as {@link PasskeysService.beginRegistration}
   */
  async add(context: AuthContext, label: string, response: unknown): Promise<AddedPasskey> {
    const { onEvent } = this.#core;
    const { factors, passkeys, verifier } = this.#parts;
    const { client } = context;
    const user = await loadOwner(context);
    await factors?.requireProof(context);
    requireLabel(label);
    const answer = parseAttestation(response);
    const { id: userId, session } = user;
    const { passkey, recoveryCodes } = await reportRefusals(onEvent, client, async () => {
      const ceremony = { type: "registration", userId, sessionId: session.id } as const;
      const credential = await verifier.readNew(answer, ceremony);
      return this.#store(context, user, async (run) => {
        const { sessionId } = ceremony;
        const added = await passkeys.add(run, { userId, sessionId, label, credential });
        if (added !== null) return added;
        if (await passkeys.isFull(run, userId)) throw tooManyPasskeys();
        const isKnown = await passkeys.isKnown(run, credential.id);
        throw new PasskeyNotAdded(isKnown ? "known" : "session_ended");
      });
    });
    onEvent({ type: "passkeys:added", userId, details: { passkeyId: passkey.id } }, client);
    return { ...(await this.#changed(userId, passkey)), recoveryCodes };
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
   * @throws {@link BadUserInput} when the caller has no such passkey, or the label is malformed
   * @throws {@link BadUserInput} for a static token, or an administrator who acts as the user
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
   * @throws {@link TokenRevoked} when the session has ended since the request began
   * @throws {@link LastSignInMethod} when the user has no other way to log in
   * @throws {@link BadUserInput} when the caller has no such passkey
   * @throws {@link BadUserInput} for a static token, or an administrator who acts as the user
   * @throws {@link ReauthenticationRequired} as {@link PasskeysService.beginRegistration}
   */
  async remove(context: AuthContext, id: string): Promise<ChangedPasskey> {
    const { passkeys } = this.#parts;
    const user = await loadOwner(context);
    if (!isId(id)) throw noSuchPasskey();
    const removed = await this.#delete(context, user, (run) => passkeys.remove(run, user.id, id));
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

  /**
   * Stores a passkey. If mail is on, queues a mail about it in the same transaction. If second factors are on, the
   * passkey becomes a second factor.
   */
  async #store(
    context: AuthContext,
    user: Principal,
    store: (run: RunStatement) => Promise<Passkey>,
  ): Promise<{ passkey: Passkey; recoveryCodes: readonly string[] | null }> {
    const { factors, mail } = this.#parts;
    let passkey!: Passkey;
    if (factors !== undefined) {
      const recoveryCodes = await factors.enrol(context, "passkey", async (run) => {
        passkey = await store(run);
        return methodsOf(passkey);
      });
      return { passkey, recoveryCodes };
    }
    await this.#core.sql.inTransaction(async (run) => {
      passkey = await store(run);
      if (mail) await queueNotice(mail, run, "passkey-added", user);
    });
    mail?.wake();
    return { passkey, recoveryCodes: null };
  }

  /** Removes a passkey. If mail is on, queues a mail about it in the same transaction. */
  async #delete(
    context: AuthContext,
    user: Principal,
    remove: (run: RunStatement) => Promise<Passkey | null>,
  ): Promise<Passkey | null> {
    const { factors, mail } = this.#parts;
    if (factors !== undefined) {
      let removed: Passkey | null = null;
      await factors.withdraw(context, "passkey", async (run) => {
        removed = await remove(run);
        return removed !== null;
      });
      return removed;
    }
    const { sessions, sql } = this.#core;
    const removed = await sql.inTransaction(async (run) => {
      await sessions.requireLive(user.session, run);
      const passkey = await remove(run);
      if (passkey !== null && mail) await queueNotice(mail, run, "passkey-removed", user);
      return passkey;
    });
    mail?.wake();
    return removed;
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

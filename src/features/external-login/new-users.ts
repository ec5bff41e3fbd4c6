import { EmailTaken, UsernameTaken } from "../../accounts/errors.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import type { NewHookUser } from "../../authentication/hooks.js";
import { BadUserInput } from "../../errors.js";
import type { Client } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { SignUps } from "../registration/index.js";
import { deriveNames } from "./derived-name.js";
import { AccountExists, ExternalEmailNotVerified, RegistrationClosed } from "./errors.js";
import type { LinkedAccounts } from "./linked-accounts.js";
import type { Identity, Profile } from "./provider.js";

/**
 * Rolls back the creation of an account, because another request has just linked the same account at the provider to a
 * user.
 */
class LinkedMeanwhile extends Error {}

/**
 * Creates accounts for people who log in for the first time by a provider such as Google. An account gets the e-mail
 * address that the provider has verified.
 */
export class NewUsers {
  readonly #core: Pick<CoreServices, "accounts" | "hooks" | "onEvent">;
  readonly #accounts: LinkedAccounts;
  readonly #signUps: SignUps | undefined;

  /** @param signUps undefined if the feature `registration` is off */
  constructor(
    core: Pick<CoreServices, "accounts" | "hooks" | "onEvent">,
    accounts: LinkedAccounts,
    signUps: SignUps | undefined,
  ) {
    this.#core = core;
    this.#accounts = accounts;
    this.#signUps = signUps;
  }

  /**
   * Creates an account, and links it. If another request of the same user was faster, returns that request's account.
   * @returns the id of the user
   * @throws {@link AccountExists}, {@link ExternalEmailNotVerified}, {@link RegistrationClosed}
   * @throws {@link UsernameTaken} when no derived name is free
   * @throws {@link Vetoed} when a hook refuses the registration
   */
  async create(
    provider: string,
    identity: Identity,
    profile: Profile,
    client: Client,
  ): Promise<string> {
    try {
      return await this.#create(provider, identity, profile, client);
    } catch (error) {
      const found = await this.#accounts.findUser(identity);
      if (found !== null) return found;
      throw error;
    }
  }

  async #create(
    provider: string,
    identity: Identity,
    { email, names }: Profile,
    client: Client,
  ): Promise<string> {
    const { accounts } = this.#core;
    const isOpen = this.#signUps?.isOpen === true;
    if (email === null || !isEmail(email)) {
      throw isOpen ? new ExternalEmailNotVerified() : new RegistrationClosed();
    }
    if ((await accounts.findUser({ email })) !== null) throw new AccountExists();
    if (!isOpen) throw new RegistrationClosed();
    for (const username of deriveNames(names)) {
      const id = await this.#tryName({ username, email }, provider, identity, client);
      if (id !== null) return id;
    }
    throw new UsernameTaken();
  }

  /** @returns the id of the user; null if the name cannot be used */
  async #tryName(
    { username, email }: NewHookUser & { readonly email: string },
    provider: string,
    identity: Identity,
    client: Client,
  ): Promise<string | null> {
    const { accounts, hooks, onEvent } = this.#core;
    if (!(await this.#isFree(username))) return null;
    await hooks.before("beforeRegister", { username, email }, client);
    const finish = async (run: RunStatement, userId: string) => {
      const link = { userId, provider, identity, name: email };
      if (!(await this.#accounts.add(run, link))) throw new LinkedMeanwhile();
      await this.#signUps?.recordProof(run, { userId, address: email });
    };
    try {
      const id = await accounts.createUser({ username, email }, client, finish);
      onEvent({ type: "external-login:registered", userId: id, details: { provider } }, client);
      await hooks.after("afterRegister", { id, username, email }, client);
      return id;
    } catch (error) {
      if (error instanceof UsernameTaken) return null;
      throw error instanceof EmailTaken ? new AccountExists() : error;
    }
  }

  async #isFree(username: string): Promise<boolean> {
    try {
      await this.#core.accounts.requireFreeName(username);
      return true;
    } catch (error) {
      if (error instanceof BadUserInput) return false;
      throw error;
    }
  }
}

function isEmail(text: string): boolean {
  try {
    requireNewEmail(text);
    return true;
  } catch (error) {
    if (error instanceof BadUserInput) return false;
    throw error;
  }
}

import type { AccountService } from "../../accounts/account.service.js";
import type { NewUser } from "../../accounts/accounts.js";
import { requireNewEmail } from "../../accounts/identifiers.js";
import type { Role } from "../../accounts/role.js";
import type { User } from "../../accounts/user.js";
import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput } from "../../errors.js";
import type { Client } from "../../events.js";
import type { Principal } from "../../sessions/principal.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { SessionService } from "../../sessions/session.service.js";
import type { RunStatement } from "../../sql.js";
import { type Mail, queueEmailNotice } from "../mail/index.js";

/** New values of a user. A value that is undefined does not change. */
interface Changes {
  readonly username: string | null | undefined;
  /** Null removes the address. */
  readonly email: string | null | undefined;
}

/**
 * Changes users for administrators. Callers must have logged in: a static token is refused. Callers cannot demote,
 * deactivate or delete themselves.
 * @throws {@link BadUserInput} when a caller breaks these rules
 * @throws {@link BadUserInput} when the user does not exist, or when no active administrator would be left
 */
export class AdministrationService {
  readonly #accounts: AccountService;
  readonly #sessions: SessionService;
  readonly #mail: Mail | undefined;

  constructor(accounts: AccountService, sessions: SessionService, mail: Mail | undefined) {
    this.#accounts = accounts;
    this.#sessions = sessions;
    this.#mail = mail;
  }

  async createUser(context: AuthContext, values: NewUser): Promise<User> {
    const client = await clientOf(context);
    return this.#accounts.getUser(await this.#accounts.createUser(values, client));
  }

  /**
   * If mail is on and the address changes, mails a notice to the old address. For the next week, the user normally gets
   * no mail that lets its reader log in. Otherwise an administrator could enter an address of their own, and take over
   * the account with a link in a mail.
   */
  async updateUser(context: AuthContext, id: string, { username, email }: Changes): Promise<User> {
    const client = await clientOf(context);
    if (username === null) {
      throw new BadUserInput("username must not be null. Leave it out to keep the name.");
    }
    const mail = this.#mail;
    const begin = async (run: RunStatement) => {
      if (mail === undefined || email === undefined) return;
      const emailKey = email === null ? null : requireNewEmail(email);
      await queueEmailNotice(mail, run, id, emailKey);
      await mail.resetHolds.begin(run, id, emailKey);
    };
    await this.#accounts.updateUser(id, { username, email }, client, { begin });
    mail?.wake();
    return this.#accounts.getUser(id);
  }

  async setRole(context: AuthContext, id: string, role: Role): Promise<User> {
    const client = await clientOf(context);
    const caller = await context.loadUser();
    if (role !== caller.role) requireOther(caller, id);
    await this.#accounts.setRole(id, role, client);
    return this.#accounts.getUser(id);
  }

  async setActive(context: AuthContext, id: string, isActive: boolean): Promise<User> {
    const client = await clientOf(context);
    if (!isActive) requireOther(await context.loadUser(), id);
    await this.#accounts.setActive(id, isActive, client);
    return this.#accounts.getUser(id);
  }

  async unlock(context: AuthContext, id: string): Promise<User> {
    await this.#accounts.unlock(id, await clientOf(context));
    return this.#accounts.getUser(id);
  }

  /** @returns how many sessions this call ended */
  async endSessions(context: AuthContext, userId: string): Promise<number> {
    return this.#sessions.endAll(userId, await clientOf(context));
  }

  async deleteUser(context: AuthContext, id: string): Promise<void> {
    const client = await clientOf(context);
    requireOther(await context.loadUser(), id);
    await this.#accounts.deleteUser(id, client);
  }
}

/** @throws {@link BadUserInput} when the caller is the user */
function requireOther(caller: Principal, id: string): void {
  if (caller.id !== id) return;
  throw new BadUserInput("You cannot do this to your own account. Ask another administrator.");
}

/** @throws {@link BadUserInput} for a static token, and for an administrator who acts as a user */
async function clientOf(context: AuthContext): Promise<Client> {
  await loadOwner(context);
  return context.client;
}

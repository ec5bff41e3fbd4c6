import type { SimpleJwt } from "./simplejwt-settings.js";
import type { AccountService } from "../../accounts/account.service.js";
import type { Role, Roles } from "../../accounts/role.js";
import { BadUserInput, NoSuchUser } from "../../errors.js";
import type { Facts, Imported } from "./django-user.js";
import type { Report } from "./report.js";
import type { ImportedUser } from "./users.js";

export interface ImportSettings {
  readonly roles: Roles;
  /** Seconds. */
  readonly sessionLifetime: number;
  /** The role of a Profile that makes its user an administrator. */
  readonly adminValue: string;
  /** Whether the roles of Profiles are imported. */
  readonly hasProfiles: boolean;
  /** How simplejwt names its claims. */
  readonly simpleJwt: SimpleJwt;
  /** Whether to write nothing. */
  readonly isDryRun: boolean;
}

/** Decides and applies the roles and activations of users. */
export class Rights {
  readonly #accounts: AccountService;
  readonly #settings: ImportSettings;
  readonly #report: Report;

  constructor(accounts: AccountService, settings: ImportSettings, report: Report) {
    this.#accounts = accounts;
    this.#settings = settings;
    this.#report = report;
  }

  /**
   * Returns the role of a user. A superuser is an administrator. Other users have the role of their Profile, or the
   * lowest. An import without Profiles leaves the roles of an earlier import with them.
   */
  roleOf({ isSuperuser }: Facts, profile: string | null, before: Imported | undefined): Role {
    const { roles, adminValue, hasProfiles } = this.#settings;
    if (!hasProfiles && before?.isSuperuser === isSuperuser) return before.role;
    return isSuperuser || (hasProfiles && profile === adminValue) ? roles.admin : roles.lowest;
  }

  /**
   * Applies a role and an activation that changed in Django, as an administrator here would: a deactivation ends all
   * sessions, and the last administrator stays one.
   * @returns the user without the change that was refused, so that the next import tries it again
   */
  async apply(user: ImportedUser, before: Imported): Promise<ImportedUser> {
    const { isActive, role } = user.imported;
    if (this.#settings.isDryRun) return user;
    try {
      if (role !== before.role) await this.#accounts.setRole(user.id, role);
      if (isActive !== before.isActive) await this.#accounts.setActive(user.id, isActive);
      return user;
    } catch (error) {
      if (error instanceof NoSuchUser) return user;
      if (!(error instanceof BadUserInput)) throw error;
      const { djangoId, imported } = user;
      this.#report.remark({ djangoId, username: imported.username }, "role", error.message);
      const { isSuperuser, profile } = before;
      const kept = { isActive: before.isActive, role: before.role, isSuperuser, profile };
      return { ...user, imported: { ...imported, ...kept } };
    }
  }
}

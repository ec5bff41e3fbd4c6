import type { Steps } from "../../accounts/account-changes.js";
import { NoSuchUser } from "../../accounts/errors.js";
import type { Role } from "../../accounts/role.js";
import { BadUserInput } from "../../errors.js";
import { NO_CLIENT } from "../../events.js";
import type { RunStatement } from "../../sql.js";
import type { CoreServices } from "../feature.js";
import type { DjangoUser, Facts, Imported } from "./django-user.js";
import type { ImportSettings } from "./import-settings.js";
import { IS_FROM_DJANGO } from "./openable-tokens.js";
import { refuseIssued } from "./refuse-issued.js";
import type { Report } from "./report.js";

/** Decides the roles of users, and applies changes of the role or the activation. */
export class Rights {
  readonly #core: Pick<CoreServices, "accounts" | "now">;
  readonly #settings: ImportSettings;
  readonly #report: Report;
  /** Whether a Profile with the role `adminValue` has been found so far. */
  #hasAdminProfile = false;

  constructor(
    core: Pick<CoreServices, "accounts" | "now">,
    settings: ImportSettings,
    report: Report,
  ) {
    this.#core = core;
    this.#settings = settings;
    this.#report = report;
  }

  /**
   * Decides the role of a user. If the role or the activation has changed in Django since the last import, applies the
   * change, except in a dry run.
   * @param profileRole the role in the user's Profile in Django
   * @returns the values to store for the user. `key` is null, and the caller sets it. If Gatehouse refused the change,
   * the values have the old role and activation, so that the next import tries again
   */
  async update(
    user: DjangoUser,
    profileRole: string | undefined,
    before: Imported | undefined,
  ): Promise<Imported> {
    const profile = this.#settings.hasProfiles ? (profileRole ?? "") : (before?.profile ?? null);
    const role = this.#roleOf(user.facts, profile, before);
    const imported = { ...user.facts, profile, role, key: null };
    if (before === undefined || this.#settings.isDryRun) return imported;
    try {
      await this.#apply(user.id, imported, before);
      return imported;
    } catch (error) {
      if (error instanceof NoSuchUser) return imported;
      if (!(error instanceof BadUserInput)) throw error;
      const { djangoId } = user;
      this.#report.remark({ djangoId, username: imported.username }, "role", error.message);
      return { ...imported, ...rightsOf(before) };
    }
  }

  /**
   * Adds a line to the report if no Profile has the role `adminValue`. The option `--admin-value` or `--role-column` is
   * then probably wrong.
   */
  reportUnusedAdminValue(): void {
    const { adminValue, hasProfiles } = this.#settings;
    if (!hasProfiles || this.#hasAdminProfile) return;
    const text = `No Profile has the role ${JSON.stringify(adminValue)}, so only superusers are administrators. Check --admin-value.`;
    this.#report.remark(null, "role", text);
  }

  /**
   * Returns the role of a user. Superusers, and users whose Profile has the role `adminValue`, are administrators.
   * Other users have the lowest role. If Profiles are not imported, a known user keeps the role until Django changes
   * the superuser flag.
   */
  #roleOf({ isSuperuser }: Facts, profile: string | null, before: Imported | undefined): Role {
    const { roles, adminValue, hasProfiles } = this.#settings;
    if (hasProfiles) {
      const isAdminProfile = profile === adminValue;
      this.#hasAdminProfile ||= isAdminProfile;
      return isSuperuser || isAdminProfile ? roles.admin : roles.lowest;
    }
    // Keep the role, because an earlier import may have read it from a Profile.
    if (before?.isSuperuser === isSuperuser) return before.role;
    return isSuperuser ? roles.admin : roles.lowest;
  }

  /**
   * Applies a change of the role or the activation. The rules of Gatehouse apply. For example, a deactivation ends all
   * sessions, and the last administrator keeps the role.
   */
  async #apply(id: string, { role, isActive }: Imported, before: Imported): Promise<void> {
    const { accounts } = this.#core;
    if (role !== before.role) await accounts.setRole(id, role);
    if (isActive !== before.isActive) {
      await accounts.setActive(id, isActive, NO_CLIENT, this.#stepsOf(isActive));
    }
  }

  /** Returns the steps that run in the transaction of an activation or deactivation. */
  #stepsOf(isActive: boolean): Steps {
    let wasFromDjango = false;
    return {
      begin: async (run, userId) => {
        wasFromDjango = await isFromDjango(run, userId);
      },
      finish: async (run, userId) => {
        if (wasFromDjango) await stayFromDjango(run, userId);
        if (!isActive) await refuseIssued(run, { userId }, this.#core.now());
      },
    };
  }
}

/** Returns the values that decide about a user's rights. */
function rightsOf({ isActive, role, isSuperuser, profile }: Imported) {
  return { isActive, role, isSuperuser, profile };
}

async function isFromDjango(run: RunStatement, userId: string): Promise<boolean> {
  const rows = await run(`SELECT id FROM "user" WHERE id = ? AND ${IS_FROM_DJANGO}`, [userId]);
  return rows.length > 0;
}

/** Keeps {@link IS_FROM_DJANGO} true after a change by the import, so that later imports still update the password. */
async function stayFromDjango(run: RunStatement, userId: string): Promise<void> {
  await run(
    `UPDATE django_user SET credentials_version =
       (SELECT credentials_version FROM "user" WHERE id = django_user.user_id)
     WHERE user_id = ? RETURNING django_id`,
    [userId],
  );
}

import type { Role } from "../../accounts/role.js";
import type { AuthContext } from "../../authentication/context.js";
import { BadUserInput } from "../../errors.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { CoreServices } from "../feature.js";
import type { RecoveryCodes } from "./recovery-codes.js";
import type { SecondFactorsService } from "./second-factors.service.js";
import type { SecondFactorState } from "./second-factor.type.js";
import type { NewTotp, TotpFactor } from "./totp.js";

interface Parts {
  readonly factors: SecondFactorsService;
  readonly totp: TotpFactor;
  readonly codes: RecoveryCodes;
  /** The roles that must have a second factor. */
  readonly requiredOf: readonly Role[];
}

type Core = Pick<CoreServices, "onEvent" | "sessions" | "sql" | "throttle">;

/** Lets users manage their own second factors. */
export class OwnFactorsService {
  readonly #core: Core;
  readonly #parts: Parts;

  constructor(core: Core, parts: Parts) {
    this.#core = core;
    this.#parts = parts;
  }

  async state(context: AuthContext): Promise<SecondFactorState> {
    const { codes, factors, requiredOf } = this.#parts;
    const { id, role } = await context.loadUser();
    return {
      factors: [...(await factors.enrolledOf(id))],
      recoveryCodesLeft: await codes.countLeft(id),
      isRequired: requiredOf.includes(role),
    };
  }

  /**
   * @throws {@link ReauthenticationRequired} when the user has a second factor, but gave none in the last 15 minutes
   * @throws {@link BadUserInput} for a static token, and for an administrator who acts as the user
   * @throws {@link TooManyRequests} when a rate limit is reached
   * @throws {@link TokenRevoked} when the session has ended since the request began
   */
  async beginTotp(context: AuthContext): Promise<NewTotp> {
    await this.#parts.factors.requireProof(context);
    await this.#core.throttle.request(context.client);
    return this.#parts.totp.begin(await context.loadUser());
  }

  /**
   * @returns the recovery codes; null if the user has codes already
   * @throws {@link CodeNotValid} for a wrong code, or when this session did not call `beginTotp` in the last 15 minutes
   * @throws {@link BadUserInput} when the code is malformed
   * @throws the errors of {@link SecondFactors.requireProof} and {@link SecondFactors.enrol}
   * @throws {@link TooManyRequests} when a rate limit is reached
   */
  async confirmTotp(context: AuthContext, code: string): Promise<readonly string[] | null> {
    const { factors, totp } = this.#parts;
    const user = await loadOwner(context);
    totp.requireWellFormed(code);
    await this.#core.throttle.attempt(context.client);
    return factors.enrol(context, "totp", (run) => totp.confirm(run, user, code));
  }

  /**
   * @throws {@link BadUserInput} when the user has no authenticator app
   * @throws {@link TokenRevoked} when the session has ended since the request began
   * @throws the errors of {@link SecondFactors.requireProof}
   */
  async disableTotp(context: AuthContext): Promise<void> {
    const { factors, totp } = this.#parts;
    const { id } = await context.loadUser();
    const isRemoved = await factors.withdraw(context, "totp", (run) => totp.remove(run, id));
    if (!isRemoved) throw new BadUserInput("You have no app that shows codes.");
  }

  /**
   * @throws {@link BadUserInput} when the user has no second factor
   * @throws {@link TokenRevoked} when the session has ended since the request began
   * @throws the errors of {@link SecondFactors.requireProof}
   */
  async regenerateRecoveryCodes(context: AuthContext): Promise<readonly string[]> {
    const { codes, factors } = this.#parts;
    const { onEvent, sessions, sql } = this.#core;
    await factors.requireProof(context);
    const { id: userId, session } = await context.loadUser();
    if (!(await factors.isEnrolled(userId))) {
      throw new BadUserInput("Recovery codes need a second factor. Add one first.");
    }
    const created = await sql.inTransaction(async (run) => {
      await sessions.requireLive(session, run);
      return codes.replace(run, userId);
    });
    onEvent({ type: "second-factor:recovery_codes_regenerated", userId }, context.client);
    return created;
  }
}

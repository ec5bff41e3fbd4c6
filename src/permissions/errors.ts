import { AuthError } from "../errors.js";

/**
 * The value of `acr_values` that asks for a second factor.
 * @see OpenID Provider Authentication Policy Extension 1.0, 4
 */
const SECOND_FACTOR_ACR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/** The user is signed in, but has a role that is too low. */
export class RoleRequired extends AuthError {
  constructor(role: string) {
    super(`This needs the role ${role}.`, { code: "FORBIDDEN", reason: "role_required" });
  }
}

/** The proof that a {@link ReauthenticationRequired} asks for. */
export interface RequiredProof {
  /** How old the proof may be, in seconds. If this is missing, the error has no `max_age`. */
  readonly maxAge?: number | undefined;
  /** Whether the proof must be a second factor. @default false: any proof is enough */
  readonly isSecondFactor?: boolean;
}

/**
 * The user is signed in, but must prove again who they are. For example, the last proof was 20 minutes ago, and the
 * limit is `15m`.
 *
 * If the proof must be recent, `extensions` contains `freshWithin`, such as `15m`, and `max_age`, the same time in
 * seconds. If the proof must be a second factor, `extensions` contains `acr_values`.
 * @see RFC 9470
 */
export class ReauthenticationRequired extends AuthError {
  /** @param freshWithin how recent the proof must be, such as `15m`; null if any proof in this session counts */
  constructor(freshWithin: string | null, { maxAge, isSecondFactor = false }: RequiredProof = {}) {
    const proof = isSecondFactor ? "second factor" : "proof of who you are";
    const advice = isSecondFactor ? "Give it again." : "Prove it again, such as by your password.";
    const within = freshWithin === null ? "" : ` within the last ${freshWithin}`;
    super(`This needs a ${proof}, given in this session${within}. ${advice}`, {
      code: "FORBIDDEN",
      reason: "reauthentication_required",
      extensions: {
        ...(freshWithin !== null && { freshWithin }),
        ...(maxAge !== undefined && { max_age: maxAge }),
        ...(isSecondFactor && { acr_values: SECOND_FACTOR_ACR }),
      },
    });
  }
}

/**
 * The user must have a second factor, but has none yet. Until the user has added one, only some fields are open, such
 * as `me`, `logoutAll` and those that add a factor.
 */
export class EnrolmentRequired extends AuthError {
  constructor() {
    super("Your account needs a second factor. Add one first.", {
      code: "FORBIDDEN",
      reason: "enrolment_required",
    });
  }
}

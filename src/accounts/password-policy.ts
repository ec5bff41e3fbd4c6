import type { AuthConfig } from "../config/auth-config.js";
import type { PasswordProblem } from "../errors.js";

/** The greatest length of a password, in code points. A longer password is refused before it is hashed. */
export const PASSWORD_MAX_LENGTH = 256;

/** The parts of the policy for new passwords that a form can check. Lengths are in code points. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** Everything that a new password can be refused for. */
  readonly problems: readonly PasswordProblem[];
}

/** Every {@link PasswordProblem}. A record, because the compiler then reports a missing problem. */
const PROBLEMS: Readonly<Record<PasswordProblem, true>> = {
  too_short: true,
  too_long: true,
  too_common: true,
  contains_username: true,
  contains_email: true,
};

/** Returns the policy for new passwords. */
export function passwordPolicyOf({
  passwordMinLength,
}: Pick<AuthConfig, "passwordMinLength">): PasswordPolicy {
  return {
    minLength: passwordMinLength,
    maxLength: PASSWORD_MAX_LENGTH,
    problems: Object.keys(PROBLEMS) as PasswordProblem[],
  };
}

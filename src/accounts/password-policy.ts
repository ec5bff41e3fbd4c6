import type { AuthConfig } from "../config/auth-config.js";
import type { PasswordProblem } from "../errors.js";

/** The longest password, in code points. A longer password is refused before it is hashed. */
export const PASSWORD_MAX_LENGTH = 256;

/** The rules for new passwords that a form can check. Lengths are in code points. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** All reasons to refuse a new password. */
  readonly problems: readonly PasswordProblem[];
}

/** A record, so that the compiler reports a missing {@link PasswordProblem}. */
const PROBLEMS: Readonly<Record<PasswordProblem, true>> = {
  too_short: true,
  too_long: true,
  too_common: true,
  contains_username: true,
  contains_email: true,
};

export function passwordPolicyOf({
  passwordMinLength,
}: Pick<AuthConfig, "passwordMinLength">): PasswordPolicy {
  return {
    minLength: passwordMinLength,
    maxLength: PASSWORD_MAX_LENGTH,
    problems: Object.keys(PROBLEMS) as PasswordProblem[],
  };
}

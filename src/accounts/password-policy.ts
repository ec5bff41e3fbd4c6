import type { AuthConfig } from "../config/auth-config.js";
import { PASSWORD_PROBLEMS, type PasswordProblem } from "../errors.js";

/** The longest password, in code points. A longer password is refused before it is hashed. */
export const PASSWORD_MAX_LENGTH = 256;

/** The rules for new passwords that a form can check. Lengths are in code points. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** All reasons to refuse a new password. */
  readonly problems: readonly PasswordProblem[];
}

export function passwordPolicyOf({
  passwordMinLength,
}: Pick<AuthConfig, "passwordMinLength">): PasswordPolicy {
  return {
    minLength: passwordMinLength,
    maxLength: PASSWORD_MAX_LENGTH,
    problems: PASSWORD_PROBLEMS,
  };
}

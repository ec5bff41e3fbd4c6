import type { AuthConfig } from "../config/auth-config.js";
import { PASSWORD_PROBLEMS, type PasswordProblem } from "./errors.js";

/** The longest password, in code points. A longer password is refused before it is hashed. */
export const PASSWORD_MAX_LENGTH = 256;

/** What a form must know about new passwords. Lengths are in code points. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** All problems that the error `PasswordTooWeak` can list. */
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

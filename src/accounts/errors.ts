import { AuthError, BadUserInput, Unauthenticated } from "../errors.js";

/**
 * The login was refused, for example because the user is unknown, the password is wrong, or the account is inactive or
 * locked. The client cannot tell which.
 */
export class InvalidCredentials extends Unauthenticated {
  constructor() {
    super("Unable to log in with the provided credentials.", "invalid_credentials");
  }
}

/**
 * Another user has the user name, or a user name that looks like it. User names are public, so strangers may see this
 * error.
 */
export class UsernameTaken extends BadUserInput {
  constructor() {
    super("A user with this user name, or with one that looks like it, exists already.", {
      reason: "username_taken",
    });
  }
}

/**
 * Another user has the e-mail address. Addresses are private. A field that is open to everyone must not send this error
 * to the client.
 */
export class EmailTaken extends BadUserInput {
  constructor() {
    super("A user with this e-mail address exists already.");
  }
}

export const PASSWORD_PROBLEMS = [
  "too_short",
  "too_long",
  "too_common",
  "contains_username",
  "contains_email",
] as const;

/**
 * Why a new password is refused:
 * - `too_short`, `too_long`: the policy does not allow the length.
 * - `contains_username`: the password is easy to guess, and contains the user name.
 * - `contains_email`: the password is easy to guess, and contains the e-mail address or one side of its `@`.
 * - `too_common`: the password is easy to guess for another reason.
 */
export type PasswordProblem = (typeof PASSWORD_PROBLEMS)[number];

/** The new password is refused. `extensions.problems` lists the reasons. See {@link PasswordProblem}. */
export class PasswordTooWeak extends BadUserInput {
  constructor(
    message: string,
    readonly problems: readonly PasswordProblem[],
  ) {
    super(message, { reason: "password_too_weak", extensions: { problems } });
  }
}

/** No user has the id, user name or e-mail address in the arguments. */
export class NoSuchUser extends BadUserInput {
  constructor() {
    super("There is no such user.");
  }
}

/** A passkey or a linked account was not removed, because the user would have no other way to log in. */
export class LastSignInMethod extends AuthError {
  constructor() {
    super(
      "This is the only way to log in to the account. Add another way first, such as a password.",
      { code: "BAD_USER_INPUT", reason: "last_sign_in_method" },
    );
  }
}

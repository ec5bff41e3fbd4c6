import { AuthError } from "../../errors.js";

/** A login at another provider, or a link to an account there, was refused. The audit trail records each refusal. */
export abstract class ExternalLoginRefused extends AuthError {
  /** A short code for the audit trail, such as `account_exists` or `ECONNREFUSED`. */
  get detail(): string {
    return this.reason ?? "";
  }
}

/**
 * The login at the provider failed. For example, the provider cannot be reached or gave a wrong answer, or this browser
 * did not begin the login in the last 10 minutes. The message does not give the reason, because an attacker could learn
 * from it. The audit trail has the reason.
 */
export class ExternalLoginFailed extends ExternalLoginRefused {
  readonly #detail: string;

  /** @param detail for the audit trail. The client does not get it */
  constructor(detail: string) {
    super("The login at the provider failed. Start it again.", {
      code: "UNAUTHENTICATED",
      reason: "external_login_failed",
    });
    this.#detail = detail;
  }

  override get detail(): string {
    return this.#detail;
  }
}

/** The provider gave no verified e-mail address, so no account can be created. */
export class ExternalEmailNotVerified extends ExternalLoginRefused {
  constructor() {
    super(
      "The provider has no confirmed e-mail address of yours. Confirm one there, or use another way to log in.",
      { code: "FORBIDDEN", reason: "external_email_not_verified" },
    );
  }
}

/**
 * An account already has the e-mail address that the user has at the provider. The account is not linked without proof
 * that it belongs to the user. Only the owner of the address gets this error, so it reveals nothing to strangers.
 */
export class AccountExists extends ExternalLoginRefused {
  constructor() {
    super(
      "An account with this e-mail address exists already. Log in to it, and link the provider there.",
      { code: "FORBIDDEN", reason: "account_exists" },
    );
  }
}

/** There is no account for the user of the provider, and new users cannot sign up. */
export class RegistrationClosed extends ExternalLoginRefused {
  constructor() {
    super("There is no account for this login, and new accounts cannot be created here.", {
      code: "FORBIDDEN",
      reason: "registration_closed",
    });
  }
}

/** The account at the provider is linked to another user. */
export class ExternalAccountTaken extends ExternalLoginRefused {
  constructor() {
    super("This account at the provider belongs to another user here.", {
      code: "BAD_USER_INPUT",
      reason: "external_account_taken",
    });
  }
}

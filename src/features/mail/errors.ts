import { EmailTaken, NoSuchUser } from "../../accounts/errors.js";
import { AuthError } from "../../errors.js";

/** The token of a link cannot be used, for example because it is unknown, was used, or was replaced by a newer one. */
export class MailTokenNotValid extends AuthError {
  constructor() {
    super("This link is not valid. Request a new one.", {
      code: "BAD_USER_INPUT",
      reason: "mail_token_not_valid",
    });
  }
}

/** The token of a link was valid, but its lifetime is over. */
export class MailTokenExpired extends AuthError {
  constructor() {
    super("This link has expired. Request a new one.", {
      code: "BAD_USER_INPUT",
      reason: "mail_token_expired",
    });
  }
}

/**
 * Throws the error of a change that failed, although the token of a mail allowed the change. The client must not learn
 * that the user is deleted, or that another user has the address. So {@link NoSuchUser} and {@link EmailTaken} become
 * {@link MailTokenNotValid}.
 */
export function throwNotValid(error: unknown): never {
  const isHidden = error instanceof NoSuchUser || error instanceof EmailTaken;
  throw isHidden ? new MailTokenNotValid() : error;
}

import { AuthError, EmailTaken, NoSuchUser } from "../../errors.js";

/** The token of a link is unknown, was used, was replaced by a newer one, or belongs to another purpose. */
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
 * Handles an error of a change that a mail's token allows. Hides a deleted user, and an address that another user has:
 * the caller learns only that the token does not work.
 */
export function throwNotValid(error: unknown): never {
  const isHidden = error instanceof NoSuchUser || error instanceof EmailTaken;
  throw isHidden ? new MailTokenNotValid() : error;
}

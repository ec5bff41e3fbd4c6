import { AuthError } from "../../errors.js";

/** The user has registered, but has not proved an e-mail address yet. */
export class EmailNotVerified extends AuthError {
  constructor() {
    super("Confirm your e-mail address first: open the link in the mail that you got.", {
      code: "UNAUTHENTICATED",
      reason: "email_not_verified",
    });
  }
}

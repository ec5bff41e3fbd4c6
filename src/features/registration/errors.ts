import { AuthError } from "../../errors.js";

/** The password is right, but the user who signed up has not opened the link of the mail yet. */
export class EmailNotVerified extends AuthError {
  constructor() {
    super("Confirm your e-mail address first: open the link in the mail that you got.", {
      code: "UNAUTHENTICATED",
      reason: "email_not_verified",
    });
  }
}

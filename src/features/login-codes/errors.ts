import { AuthError } from "../../errors.js";

/** The code or the link is wrong, has expired, was used or replaced, or was tried too often. */
export class CodeNotValid extends AuthError {
  constructor() {
    super("This code is not valid. Check it, or request a new one.", {
      code: "UNAUTHENTICATED",
      reason: "code_not_valid",
    });
  }
}

import { AuthError } from "../../errors.js";

/** A passkey was refused. The audit trail records each refusal, with its {@link PasskeyRefused.detail}. */
export abstract class PasskeyRefused extends AuthError {
  readonly #detail: string;
  /** The owner of the passkey, if it is known. */
  readonly userId: string | null;

  constructor(
    message: string,
    code: "UNAUTHENTICATED" | "BAD_USER_INPUT",
    { detail, userId = null }: Refusal,
  ) {
    super(message, { code, reason: "passkey_not_valid" });
    this.#detail = detail;
    this.userId = userId;
  }

  /** A short code for the audit trail, such as `challenge` or `origin`. The client does not get it. */
  get detail(): string {
    return this.#detail;
  }
}

interface Refusal {
  readonly detail: string;
  readonly userId?: string | null;
}

/**
 * A passkey was refused as a proof of who the user is, for example because it is unknown, its answer is wrong, or the
 * user is inactive. A right answer has a valid signature and a challenge that is at most 5 minutes old. It comes from a
 * page of this application, and the device has checked the user. The client does not learn which check has failed.
 */
export class PasskeyNotValid extends PasskeyRefused {
  constructor(detail: string, userId: string | null = null) {
    super(
      "This passkey does not work. Try again, or use another way to log in.",
      "UNAUTHENTICATED",
      { detail, userId },
    );
  }
}

/**
 * The passkey is not added, because its answer is wrong, it is already registered, or the session has ended. The
 * refusal itself does not end the session.
 */
export class PasskeyNotAdded extends PasskeyRefused {
  constructor(detail: string) {
    super("This passkey cannot be added. Start again.", "BAD_USER_INPUT", { detail });
  }
}

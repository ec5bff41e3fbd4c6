import { Unauthenticated } from "../errors.js";

/** The token no longer works, for example because a logout or an administrator has ended its session. */
export class TokenRevoked extends Unauthenticated {
  constructor() {
    super("Token has been revoked. Log in again.", "token_revoked");
  }
}

/** A refresh or sliding token of the session was used again after it was replaced, so the session was ended. */
export class TokenReused extends Unauthenticated {
  constructor() {
    super("Refresh token was used twice, so its session was ended. Log in again.", "token_reused");
  }
}

/** The user of the token was deleted. */
export class UserNotFound extends Unauthenticated {
  constructor() {
    super("User not found.", "user_not_found");
  }
}

/** The user of the token is deactivated. */
export class UserInactive extends Unauthenticated {
  constructor() {
    super("User is inactive.", "user_inactive");
  }
}

/** The session began before the user's password was changed or removed. */
export class PasswordChanged extends Unauthenticated {
  constructor() {
    super("The password was changed. Log in again.", "password_changed");
  }
}

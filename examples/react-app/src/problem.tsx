import type { Failure, FailureReason } from "graphql-gatehouse/client";
import { useEffect, useState } from "react";

const EXPIRED = "Your session has expired. Sign in again to continue.";
const ENDED =
  "This session was ended: from another device, by an administrator, or because someone else used it. Sign in again to continue.";
const OFFLINE = "The server cannot be reached. Check your connection, then try again.";
const SERVER_ERROR = "The server could not answer. Try again in a moment.";
const DISABLED = "This account is no longer active. Contact an administrator.";

/** The message to the user for each reason. The reason `vetoed` is missing, because the server sends its message. */
const MESSAGES: Readonly<Record<Exclude<FailureReason, "vetoed">, string>> = {
  invalid_credentials: "Your sign-in details are not correct. Check them and try again.",
  throttled: "Too many attempts.",
  token_reused:
    "You were signed out to protect your account. An old copy of your session was used, so it may have been stolen. Sign in again, and change your password if you do not know the reason.",
  token_revoked: ENDED,
  token_expired: EXPIRED,
  session_expired: EXPIRED,
  token_not_valid: EXPIRED,
  token_wrong_type: EXPIRED,
  bad_authorization_header: EXPIRED,
  no_credentials: "Sign in to see this.",
  password_changed: "Your password was changed. Sign in with the new one.",
  user_inactive: DISABLED,
  user_not_found: DISABLED,
  role_required: "Your role does not allow this.",
  reauthentication_required: "Confirm that it is you to do this.",
  enrolment_required: "Your account needs a second factor. Add one first.",
  username_taken: "This user name, or one that looks like it, is taken. Choose another.",
  password_too_weak: "This password is too easy to guess, or has the wrong length. Choose another.",
  email_not_verified:
    "Confirm your e-mail address first: open the link in the mail that we sent you.",
  mail_token_not_valid: "This link does not work any more. Request a new one.",
  mail_token_expired: "This link has expired. Request a new one.",
  code_not_valid: "This code is not valid. Check it, or use a new one.",
  second_factor_required: "Your account needs a second step to sign in.",
  challenge_not_valid: "Sign in again. This sign-in cannot be completed any more.",
  challenge_expired: "Sign in again. This sign-in took too long.",
  passkey_aborted: "No passkey was used. Try again, or use another way to sign in.",
  passkey_not_valid: "This passkey does not work. Try again, or use another way to log in.",
  external_login_failed: "The login at the provider failed. Start it again.",
  external_email_not_verified:
    "The provider has no confirmed e-mail address of yours. Confirm one there, or use another way to sign in.",
  external_account_taken: "This account at the provider belongs to another user here.",
  account_exists:
    "You have an account with this e-mail address already. Sign in to it, and link the provider there.",
  registration_closed: "New accounts cannot be created here.",
  last_sign_in_method: "This is your only way to sign in. Add another one first.",
  bad_user_input: "The server did not accept what you entered. Check it and try again.",
  service_unavailable: "The server is busy.",
  internal_server_error: SERVER_ERROR,
  bad_request: SERVER_ERROR,
  graphql_parse_failed: SERVER_ERROR,
  graphql_validation_failed: SERVER_ERROR,
  operation_resolution_failure: SERVER_ERROR,
  persisted_query_not_supported: SERVER_ERROR,
  bad_answer: SERVER_ERROR,
  offline: OFFLINE,
};

/** Returns the message to the user for a failure. */
export function messageOf({ reason, message: own, retryAfter }: Failure): string {
  // A newer server may have reasons that this page does not know.
  const known = (MESSAGES as Partial<Record<string, string>>)[reason] ?? SERVER_ERROR;
  const message = reason === "vetoed" ? own : known;
  if (retryAfter === undefined) return message;
  return `${message} ${retryAfter > 0 ? `Try again in ${durationOf(retryAfter)}.` : "You can try again now."}`;
}

/** The message to the user for each problem of a new password. */
export const PASSWORD_PROBLEMS: Readonly<Record<string, string>> = {
  too_short: "This is too short.",
  too_long: "This is too long.",
  too_common: "This is easy to guess. Use a few unrelated words.",
  contains_username: "Do not use your user name in it.",
  contains_email: "Do not use your e-mail address in it.",
};

function durationOf(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

/** Shows a failure. The time until a retry counts down, but a screen reader reads it out only once. */
export function Problem({ failure }: { failure: Failure }) {
  const { retryAfter } = failure;
  return (
    <p className="problem" role="alert">
      {retryAfter === undefined ? (
        messageOf(failure)
      ) : (
        <>
          <span className="visually-hidden">{messageOf(failure)}</span>
          <Countdown failure={failure} seconds={retryAfter} />
        </>
      )}
    </p>
  );
}

function Countdown({ failure, seconds }: { failure: Failure; seconds: number }) {
  const [retryAfter, setRetryAfter] = useState(seconds);
  useEffect(() => {
    const end = performance.now() + seconds * 1000;
    const tick = () => {
      setRetryAfter(Math.max(0, Math.ceil((end - performance.now()) / 1000)));
    };
    tick();
    const timer = setInterval(tick, 1000);
    return () => {
      clearInterval(timer);
    };
  }, [failure, seconds]);
  return <span aria-hidden="true">{messageOf({ ...failure, retryAfter })}</span>;
}

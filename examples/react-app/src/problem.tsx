import type { Failure, FailureReason } from "gatehouse/client";
import { useEffect, useState } from "react";

const EXPIRED = "Your session has expired. Sign in again to go on.";
const ENDED =
  "This session was ended: from another device, by an administrator, or because someone else used it. Sign in again to go on.";
const AWAY = "The server cannot be reached. Check your connection, then try again.";
const BROKEN = "The server could not answer. Try again in a moment.";
const GONE = "This account is not active any more.";

/** What went wrong, for the person in front of the page. */
const MESSAGES: Readonly<Record<FailureReason, string>> = {
  invalid_credentials: "That name or e-mail address and that password do not belong together.",
  throttled: "Too many attempts.",
  token_reused:
    "You were signed out to protect your account. An old copy of your session was used, so it may have been stolen. Sign in again, and change your password if you do not know why.",
  token_revoked: ENDED,
  token_expired: EXPIRED,
  session_expired: EXPIRED,
  token_not_valid: EXPIRED,
  token_wrong_type: EXPIRED,
  bad_authorization_header: EXPIRED,
  no_credentials: "Sign in to see this.",
  password_changed: "Your password was changed. Sign in with the new one.",
  user_inactive: GONE,
  user_not_found: GONE,
  role_required: "Your role does not allow this.",
  bad_user_input: "The server did not understand that. Check what you entered.",
  service_unavailable: "The server is very busy.",
  internal_server_error: BROKEN,
  bad_answer: BROKEN,
  offline: AWAY,
};

export function messageOf({ reason, retryAfter }: Failure): string {
  // A server that is newer than this page may have other reasons.
  const message = (MESSAGES as Partial<Record<string, string>>)[reason] ?? BROKEN;
  if (retryAfter === undefined) return message;
  return `${message} ${retryAfter > 0 ? `Try again in ${inWords(retryAfter)}.` : "You can try again now."}`;
}

function inWords(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

/** What went wrong; where it is a matter of waiting, with the time that is left, which is read out once only. */
export function Problem({ failure }: { failure: Failure }) {
  const { retryAfter } = failure;
  return (
    <p className="problem" role="alert">
      {retryAfter === undefined ? (
        messageOf(failure)
      ) : (
        <>
          <span className="heard">{messageOf(failure)}</span>
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

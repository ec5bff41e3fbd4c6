import { type RefObject, useRef } from "react";
import type { PageProps } from "./app.js";
import { nameOfDevice } from "./device.js";
import { useQuery } from "./graphql.js";
import { messageOf, Problem } from "./problem.js";
import { RelativeTime } from "./relative-time.js";

/** The fields that a row shows. */
export const ROW = `fragment Row on Session {
  id scheme label createdAt ipAddress userAgent isCurrent
}`;

const SESSIONS = `${ROW}
query Sessions {
  sessions { ...Row }
}`;
const REVOKE = `mutation Revoke($id: ID!) {
  revokeSession(id: $id) { sessionsEnded }
}`;

export interface Session {
  id: string;
  scheme: string;
  label: string | null;
  createdAt: string;
  ipAddress: string | null;
  userAgent: string | null;
  isCurrent: boolean;
  /** The user name. Only in a list of all users' sessions. */
  owner?: string;
}

export function Sessions(page: PageProps) {
  const { result, reload } = useQuery<{ sessions: Session[] }>(page.execute, SESSIONS);
  const heading = useRef<HTMLHeadingElement>(null);
  const confirmation = useRef<HTMLDialogElement>(null);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Sessions
      </h1>
      <p className="muted">You are signed in on these devices.</p>
      {result?.failure && <Problem failure={result.failure} />}
      {result?.data && (
        <SessionList
          label="Your sessions"
          sessions={result.data.sessions}
          onEnded={reload}
          {...{ page, heading }}
        />
      )}
      <div className="actions">
        <button className="quiet" onClick={reload}>
          Reload
        </button>
        <button className="danger" onClick={() => confirmation.current?.showModal()}>
          Sign out everywhere…
        </button>
      </div>
      <dialog ref={confirmation} aria-labelledby="confirmation">
        <form method="dialog">
          <h2 id="confirmation">Sign out everywhere?</h2>
          <p>You will have to sign in again on every device, including this one.</p>
          <div className="actions">
            <button className="quiet">Cancel</button>
            <button className="danger" onClick={() => void page.signOut(true)}>
              Sign out everywhere
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** Lists sessions, each with a button to end it. Then the button is gone, so the focus moves to the heading. */
export function SessionList({
  label,
  sessions,
  onEnded,
  page: { execute, notify, signOut },
  heading,
}: {
  label: string;
  sessions: readonly Session[];
  onEnded: () => void;
  page: PageProps;
  heading: RefObject<HTMLElement>;
}) {
  async function end({ id, userAgent, isCurrent }: Session) {
    if (isCurrent) return signOut(false);
    const { failure } = await execute(REVOKE, { id });
    notify(failure ? messageOf(failure) : `${nameOfDevice(userAgent)} is signed out.`);
    onEnded();
    heading.current?.focus();
  }

  if (sessions.length === 0) return null;
  return (
    <ul className="rows" aria-label={label}>
      {sessions.map((session) => (
        <li key={session.id}>
          <div>
            <strong id={session.id}>{session.label ?? nameOfDevice(session.userAgent)}</strong>{" "}
            {session.isCurrent && <span className="badge">Current session</span>}
            <p className="muted">
              {session.owner && <>{session.owner} · </>}
              {session.scheme} · {session.ipAddress ?? "unknown address"} · signed in{" "}
              <RelativeTime instant={session.createdAt} />
            </p>
          </div>
          <button className="quiet" aria-describedby={session.id} onClick={() => void end(session)}>
            {session.owner ? "End this session" : "Sign out this device"}
          </button>
        </li>
      ))}
    </ul>
  );
}

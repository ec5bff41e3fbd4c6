import { type RefObject, useRef } from "react";
import type { PageProps } from "./app.js";
import { nameOfDevice, When } from "./device.js";
import { useQuery } from "./graphql.js";
import { messageOf, Problem } from "./problem.js";

/** What a row shows. */
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
  /** Where everybody's are listed: whose it is. */
  owner?: string;
}

export function Sessions(page: PageProps) {
  const { answer, reload } = useQuery<{ sessions: Session[] }>(page.ask, SESSIONS);
  const heading = useRef<HTMLHeadingElement>(null);
  const confirmation = useRef<HTMLDialogElement>(null);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Sessions
      </h1>
      <p className="muted">Where you are signed in now.</p>
      {answer?.failure && <Problem failure={answer.failure} />}
      {answer?.data && (
        <SessionList
          label="Your sessions"
          sessions={answer.data.sessions}
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
          <p>Every device has to sign in again, this one too.</p>
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

/** Sessions, each with a button that ends it. The focus then goes to the heading, because the button goes away. */
export function SessionList({
  label,
  sessions,
  onEnded,
  page: { ask, say, signOut },
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
    const { failure } = await ask(REVOKE, { id });
    say(failure ? messageOf(failure) : `${nameOfDevice(userAgent)} is signed out.`);
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
              <When instant={session.createdAt} />
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

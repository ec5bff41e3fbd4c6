import type { ReactNode, RefObject } from "react";
import { nameOfDevice } from "./device.js";
import { RevokeDocument, type SessionRowFragment } from "./gql/graphql.js";
import { messageOf } from "./problem.js";
import { RelativeTime } from "./relative-time.js";
import { mutate } from "./server.js";
import { useServices } from "./services.js";
import { useStepUp } from "./step-up.js";

/** Lists sessions, each with a button to end it. The button then disappears, so the focus moves to the heading. */
export function SessionList({
  label,
  action,
  sessions,
  onEnded,
  heading,
  empty,
}: {
  label: string;
  /** The text of the buttons. */
  action: string;
  sessions: readonly SessionRowFragment[];
  onEnded: () => void;
  heading: RefObject<HTMLElement>;
  empty: ReactNode;
}) {
  const services = useServices();
  const stepUp = useStepUp();

  async function end({ id, isCurrent, ...session }: SessionRowFragment) {
    if (isCurrent) return services.signOut(false);
    const { error } = await stepUp(() => mutate(services, RevokeDocument, { id }));
    const ended = session.isNamedToken ? "is revoked." : "is signed out.";
    services.notify(error ? messageOf(error) : `${nameOf(session)} ${ended}`);
    onEnded();
    heading.current?.focus();
  }

  if (sessions.length === 0) return <p className="empty">{empty}</p>;
  return (
    <ul className="rows" aria-label={label}>
      {sessions.map((session) => (
        <li key={session.id}>
          <div>
            <strong id={session.id}>{nameOf(session)}</strong>{" "}
            {session.isCurrent && <span className="badge">Current session</span>}
            <p className="muted">
              {session.scheme} · {session.ipAddress ?? "unknown address"} · last used{" "}
              <RelativeTime
                instant={session.lastUsedAt ?? (session.isNamedToken ? null : session.createdAt)}
              />{" "}
              · expires <RelativeTime instant={session.expiresAt} />
            </p>
          </div>
          <button className="quiet" aria-describedby={session.id} onClick={() => void end(session)}>
            {action}
          </button>
        </li>
      ))}
    </ul>
  );
}

function nameOf({ label, userAgent }: Partial<SessionRowFragment>): string {
  return label ?? nameOfDevice(userAgent ?? null);
}

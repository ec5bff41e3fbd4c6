import { useRef } from "react";
import { Refused } from "./admin.js";
import { Confirmation } from "./confirmation.js";
import { Fact } from "./fact.js";
import { Field, Form } from "./forms.js";
import {
  DeleteUserDocument,
  EndSessionsDocument,
  SetActiveDocument,
  SetRoleDocument,
  StartResetDocument,
  UnlockDocument,
  UserDocument,
  type UserRowFragment,
} from "./gql/graphql.js";
import { NotFound } from "./not-found.js";
import { messageOf, Problem } from "./problem.js";
import { RelativeTime } from "./relative-time.js";
import { Link, navigate } from "./router.js";
import { mutate, useData } from "./server.js";
import { useServices } from "./services.js";
import { SessionList } from "./session-list.js";
import { useStepUp } from "./step-up.js";

/** One user, for administrators. */
export function AdminUser({ id }: { id: string }) {
  const { data, failure, reload } = useData(UserDocument, { id });
  const heading = useRef<HTMLHeadingElement>(null);
  if (failure?.reason === "role_required") return <Refused />;
  if (failure) return <Problem failure={failure} />;
  if (data && !data.user) return <NotFound />;
  if (!data?.user) return null;
  const { user } = data;
  return (
    <>
      <p>
        <Link href="/admin">All users</Link>
      </p>
      <h1>{user.username}</h1>
      <dl className="facts">
        <Fact name="E-mail address">{user.email ?? "None"}</Fact>
        <Fact name="Role">
          <span className="badge">{user.profile.role}</span>
        </Fact>
        <Fact name="State">{user.isActive ? "Active" : "Deactivated"}</Fact>
        <Fact name="Member since">
          <RelativeTime instant={user.createdAt} />
        </Fact>
        <Fact name="Last sign-in">
          <RelativeTime instant={user.lastLoginAt} />
        </Fact>
      </dl>
      <Actions user={user} onChanged={reload} />
      {user.isActive && user.profile.role === "USER" && <ActAs user={user} />}
      <section aria-labelledby="sessions">
        <h2 id="sessions" ref={heading} tabIndex={-1}>
          Sessions
        </h2>
        <SessionList
          label={`Sessions of ${user.username}`}
          action="End this session"
          sessions={data.allSessions.edges.map(({ node }) => node)}
          empty="No sessions."
          onEnded={reload}
          heading={heading}
        />
      </section>
    </>
  );
}

function ActAs({ user: { id, username } }: { user: UserRowFragment }) {
  const { impersonation } = useServices();
  return (
    <section className="panel" aria-labelledby="act-as">
      <h2 id="act-as">Act as {username}</h2>
      <p className="muted">
        You act as {username} in this tab, for at most 30 minutes. The reason is stored in the audit
        trail, and {username} can see the session.
      </p>
      <Form
        action="Act as this user"
        onSubmit={async (value) => {
          const { error } = await impersonation.start(id, value("reason"));
          return error;
        }}
      >
        <Field name="reason" label="Reason" autoComplete="off" maxLength={500} />
      </Form>
    </section>
  );
}

function Actions({ user, onChanged }: { user: UserRowFragment; onChanged: () => void }) {
  const services = useServices();
  const stepUp = useStepUp();
  const { id, username, isActive } = user;
  const isAdmin = user.profile.role === "ADMIN";

  /** Sends a mutation, and says what it did. */
  async function act(operation: Parameters<typeof stepUp>[0], done: string): Promise<boolean> {
    const { error } = await stepUp(operation);
    services.notify(error ? messageOf(error) : done);
    if (error === null) onChanged();
    return error === null;
  }
  const buttons: readonly [string, () => Promise<boolean>][] = [
    [
      isAdmin ? "Make USER" : "Make ADMIN",
      () =>
        act(
          () => mutate(services, SetRoleDocument, { id, role: isAdmin ? "USER" : "ADMIN" }),
          `${username} is ${isAdmin ? "a USER" : "an ADMIN"} now.`,
        ),
    ],
    [
      isActive ? "Deactivate" : "Activate",
      () =>
        act(
          () => mutate(services, SetActiveDocument, { id, isActive: !isActive }),
          `${username} is ${isActive ? "deactivated" : "active"} now.`,
        ),
    ],
    [
      "Unlock",
      () => act(() => mutate(services, UnlockDocument, { id }), `${username} can sign in again.`),
    ],
    [
      "Send a password reset",
      () =>
        act(
          () => mutate(services, StartResetDocument, { id }),
          `${username} gets a mail with a link.`,
        ),
    ],
    [
      "End all sessions",
      () =>
        act(
          () => mutate(services, EndSessionsDocument, { id }),
          `All sessions of ${username} have ended.`,
        ),
    ],
  ];
  return (
    <div className="actions" role="group" aria-label={`Actions for ${username}`}>
      {buttons.map(([label, run]) => (
        <button key={label} className="quiet" onClick={() => void run()}>
          {label}
        </button>
      ))}
      <Confirmation
        action="Delete user"
        question={`Delete ${username}?`}
        text="This deletes the account at once. You cannot undo it."
        onConfirm={async () => {
          const { error } = await stepUp(() => mutate(services, DeleteUserDocument, { id }));
          if (error) services.notify(messageOf(error));
          else navigate("/admin");
        }}
      />
    </div>
  );
}

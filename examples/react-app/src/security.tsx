import type { Failure } from "graphql-gatehouse/client";
import { useAuth } from "graphql-gatehouse/react";
import { useRef, useState } from "react";
import { Confirmation } from "./confirmation.js";
import { Field, Form, NewPasswordField, PasswordField } from "./forms.js";
import {
  EventsDocument,
  type EventsQuery,
  type SessionRowFragment,
  SessionsDocument,
} from "./gql/graphql.js";
import { LinkedAccounts } from "./linked-accounts.js";
import { PageHeader } from "./page-header.js";
import { PasskeySettings } from "./passkey-settings.js";
import { Problem } from "./problem.js";
import { RelativeTime } from "./relative-time.js";
import { SecondFactorSettings } from "./second-factor.js";
import { useData } from "./server.js";
import { useServices } from "./services.js";
import { SessionList } from "./session-list.js";

export function Security() {
  const { user } = useAuth();
  const { isActing } = useServices();
  const { data, failure, ...list } = useData(SessionsDocument, {});
  const events = useData(EventsDocument, { userId: user?.id ?? "" });
  const sessions = data?.sessions ?? [];
  const reload = () => {
    list.reload();
    events.reload();
  };
  return (
    <>
      <PageHeader title="Security" failure={failure} onReload={reload} />
      {data && (
        <>
          <Sessions
            sessions={sessions.filter(({ isNamedToken }) => !isNamedToken)}
            onEnded={reload}
          />
          <Tokens tokens={sessions.filter(({ isNamedToken }) => isNamedToken)} onChange={reload} />
          {!isActing && <SecondFactorSettings />}
          {!isActing && <PasskeySettings />}
          {!isActing && <LinkedAccounts />}
          {!isActing && <ChangePassword onChanged={reload} />}
          <Events {...events} />
        </>
      )}
    </>
  );
}

function Sessions(props: { sessions: readonly SessionRowFragment[]; onEnded: () => void }) {
  const { signOut } = useServices();
  const heading = useRef<HTMLHeadingElement>(null);
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions" ref={heading} tabIndex={-1}>
        Sessions
      </h2>
      <SessionList
        label="Your sessions"
        action="Sign out this device"
        empty="You have no sessions."
        {...props}
        heading={heading}
      />
      <div className="actions">
        <Confirmation
          action="Sign out everywhere"
          question="Sign out everywhere?"
          text="You will have to sign in again on every device, including this one."
          onConfirm={() => signOut(true)}
        />
      </div>
    </section>
  );
}

function Tokens({
  tokens,
  onChange,
}: {
  tokens: readonly SessionRowFragment[];
  onChange: () => void;
}) {
  const { account, isActing } = useServices();
  const heading = useRef<HTMLHeadingElement>(null);
  const [created, setCreated] = useState<string | null>(null);
  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens" ref={heading} tabIndex={-1}>
        Access tokens
      </h2>
      <p className="muted">A script sends such a token in place of your password.</p>
      <SessionList
        label="Your access tokens"
        action="Revoke"
        empty="You have no access tokens."
        sessions={tokens}
        onEnded={onChange}
        heading={heading}
      />
      {!isActing && (
        <Form
          className="inline"
          action="Create token"
          onSubmit={async (value) => {
            const { data, error } = await account.createToken({
              label: value("label"),
              ...(value("days") && { expiresInDays: Number(value("days")) }),
            });
            setCreated(data?.token ?? null);
            if (data) onChange();
            return error;
          }}
        >
          <Field name="label" label="Label" autoComplete="off" maxLength={100} />
          <Field name="days" label="Expires in days" type="number" min={1} defaultValue={30} />
        </Form>
      )}
      <div role="status">
        {created && (
          <div className="secret">
            <p>Copy this token now. It is not shown again.</p>
            <code>{created}</code>
          </div>
        )}
      </div>
    </section>
  );
}

function ChangePassword({ onChanged }: { onChanged: () => void }) {
  const { account, notify } = useServices();
  return (
    <section className="panel" aria-labelledby="change-password">
      <h2 id="change-password">Change password</h2>
      <p className="muted">Your other sessions end. This one stays.</p>
      <Form
        action="Change password"
        fields={{ invalid_credentials: "currentPassword", password_too_weak: "newPassword" }}
        onSubmit={async (value) => {
          const current = value("currentPassword");
          const { error } = await account.changePassword(current, value("newPassword"));
          if (error === null) {
            notify("Your password is changed.");
            onChanged();
          }
          return error;
        }}
      >
        <PasswordField name="currentPassword" label="Current password" />
        <NewPasswordField label="New password" />
      </Form>
    </section>
  );
}

function Events({ data, failure }: { data: EventsQuery | undefined; failure: Failure | null }) {
  const events = data?.auditEvents.edges ?? [];
  return (
    <section aria-labelledby="events">
      <h2 id="events">Recent activity</h2>
      {failure && <Problem failure={failure} />}
      {data && events.length === 0 && <p className="empty">Nothing has happened yet.</p>}
      {events.length > 0 && (
        <table aria-labelledby="events">
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col">When</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {events.map(({ node }) => (
              <tr key={node.id}>
                <td>
                  {wordsOf(node.type)}{" "}
                  {node.isByOther && <span className="badge">by someone else</span>}
                </td>
                <td>
                  <RelativeTime instant={node.at} />
                </td>
                <td>{node.ipAddress ?? "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Returns "Password changed" for `password_changed`. */
function wordsOf(type: string): string {
  const words = type.replaceAll(/[-_:]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

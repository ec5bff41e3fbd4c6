import { useState } from "react";
import { labelOf, SCHEMES, STORAGES } from "./connection.js";
import { Confirmation } from "./confirmation.js";
import { Fact } from "./fact.js";
import { EmailField, Form } from "./forms.js";
import { MeDocument } from "./gql/graphql.js";
import { PageHeader } from "./page-header.js";
import { messageOf } from "./problem.js";
import { RelativeTime } from "./relative-time.js";
import { useData } from "./server.js";
import { useServices } from "./services.js";

export function Profile() {
  const { connection, isActing } = useServices();
  const { data, failure, reload } = useData(MeDocument, {});
  const me = data?.me;
  return (
    <>
      <PageHeader title="Profile" failure={failure} onReload={reload} />
      {me && (
        <dl className="facts">
          <Fact name="User name">{me.username}</Fact>
          <Fact name="E-mail address">{me.email ?? "None"}</Fact>
          <Fact name="Role">
            <span className="badge">{me.profile.role}</span>
          </Fact>
          <Fact name="Member since">
            <RelativeTime instant={me.createdAt} />
          </Fact>
          <Fact name="Last sign-in">
            <RelativeTime instant={me.lastLoginAt} />
          </Fact>
          <Fact name="Signed in with">{labelOf(SCHEMES, connection.scheme)}</Fact>
          <Fact name="Session stored in">{labelOf(STORAGES, connection.storage)}</Fact>
        </dl>
      )}
      {!isActing && <ChangeEmail />}
      {!isActing && <DeleteAccount />}
    </>
  );
}

function ChangeEmail() {
  const { account } = useServices();
  const [sentTo, setSentTo] = useState("");
  return (
    <section className="panel" aria-labelledby="change-email">
      <h2 id="change-email">Change e-mail address</h2>
      <p className="muted">The address changes when you open the link that we send to it.</p>
      <Form
        action="Change address"
        onSubmit={async (value) => {
          const { error } = await account.changeEmail(value("newEmail"));
          setSentTo(error ? "" : value("newEmail"));
          return error;
        }}
      >
        <EmailField name="newEmail" label="New e-mail address" />
      </Form>
      <p role="status">{sentTo && `Open the link in the mail to ${sentTo}.`}</p>
    </section>
  );
}

function DeleteAccount() {
  const { account, notify } = useServices();
  return (
    <section className="panel" aria-labelledby="delete-account">
      <h2 id="delete-account">Delete account</h2>
      <p className="muted">This deletes your account, with all its sessions and tokens, at once.</p>
      <Confirmation
        action="Delete account"
        question="Delete your account?"
        text="You cannot undo this."
        onConfirm={async () => {
          const { error } = await account.deleteAccount();
          notify(error ? messageOf(error) : "Your account is deleted.");
        }}
      />
    </section>
  );
}

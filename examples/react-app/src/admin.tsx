import { useState } from "react";
import { EmailField, Field, Form, NewPasswordField } from "./forms.js";
import { CreateUserDocument, type UserRowFragment, UsersDocument } from "./gql/graphql.js";
import { Problem } from "./problem.js";
import { RelativeTime } from "./relative-time.js";
import { Link, navigate } from "./router.js";
import { mutate, useData } from "./server.js";
import { useServices } from "./services.js";
import { useStepUp } from "./step-up.js";

export function Admin() {
  const [name, setName] = useState("");
  const [after, setAfter] = useState<string | null>(null);
  const { data, failure } = useData(UsersDocument, {
    where: name ? { username: { icontains: name } } : {},
    after,
  });
  if (failure?.reason === "role_required") return <Refused />;
  const users = data?.users;
  return (
    <>
      <h1>Administration</h1>
      <search>
        <Form
          className="inline"
          action="Search"
          onSubmit={(value) => {
            setAfter(null);
            setName(value("name"));
            return Promise.resolve(null);
          }}
        >
          <Field name="name" label="Search users by name" type="search" required={false} />
        </Form>
      </search>
      <p className="muted" role="status">
        {users && name && `${users.edges.length === 0 ? "No users" : "Users"} with “${name}”`}
      </p>
      {failure && <Problem failure={failure} />}
      {users && users.edges.length > 0 && (
        <ul className="rows" aria-label="Users">
          {users.edges.map(({ node }) => (
            <UserRow key={node.id} user={node} />
          ))}
        </ul>
      )}
      <div className="actions">
        {after && (
          <button
            className="quiet"
            onClick={() => {
              setAfter(null);
            }}
          >
            First page
          </button>
        )}
        {users?.pageInfo.hasNextPage && (
          <button
            className="quiet"
            onClick={() => {
              setAfter(users.pageInfo.endCursor ?? null);
            }}
          >
            Next page
          </button>
        )}
      </div>
      <CreateUser />
    </>
  );
}

function UserRow({ user }: { user: UserRowFragment }) {
  return (
    <li>
      <div>
        <strong>
          <Link href={`/admin/users/${user.id}`}>{user.username}</Link>
        </strong>{" "}
        <span className="badge">{user.profile.role}</span>{" "}
        {!user.isActive && <span className="badge warning">Deactivated</span>}
        <p className="muted">
          {user.email ?? "No e-mail address"} · last sign-in{" "}
          <RelativeTime instant={user.lastLoginAt} />
        </p>
      </div>
    </li>
  );
}

function CreateUser() {
  const services = useServices();
  const stepUp = useStepUp();
  return (
    <section className="panel" aria-labelledby="create-user">
      <h2 id="create-user">Create a user</h2>
      <Form
        action="Create user"
        fields={{ username_taken: "username", password_too_weak: "newPassword" }}
        onSubmit={async (value) => {
          const { data, error } = await stepUp(() =>
            mutate(services, CreateUserDocument, {
              username: value("username"),
              email: value("email") || null,
              password: value("newPassword"),
            }),
          );
          if (data) navigate(`/admin/users/${data.createUser.user.id}`);
          return error;
        }}
      >
        <Field name="username" label="User name" autoComplete="off" />
        <EmailField autoComplete="off" required={false} hint="Optional" />
        <NewPasswordField label="First password" />
      </Form>
    </section>
  );
}

/** Tells a user that the server has refused the data of this page, because the user's role is too low. */
export function Refused() {
  return (
    <div className="panel" role="alert">
      <h1>For administrators only</h1>
      <p>This page manages the users. Your role is too low, so the server refused to show them.</p>
      <p>
        <Link href="/">Back to your profile</Link>
      </p>
    </div>
  );
}

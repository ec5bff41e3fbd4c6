import type { ReactNode } from "react";
import type { PageProps } from "./app.js";
import { labelOf, SCHEMES, STORAGES } from "./connection.js";
import { When } from "./device.js";
import { useQuery } from "./graphql.js";
import { Problem } from "./problem.js";

const ME = `query Me {
  me { username email createdAt lastLoginAt profile { role } }
}`;

interface Me {
  me: {
    username: string;
    email: string | null;
    createdAt: string;
    lastLoginAt: string | null;
    profile: { role: string };
  };
}

export function Profile({ ask, connection }: PageProps) {
  const { answer, reload } = useQuery<Me>(ask, ME);
  const me = answer?.data?.me;
  return (
    <>
      <h1>Profile</h1>
      {answer?.failure && <Problem failure={answer.failure} />}
      {me && (
        <dl className="facts">
          <Fact name="User name">{me.username}</Fact>
          <Fact name="E-mail address">{me.email ?? "None"}</Fact>
          <Fact name="Role">
            <span className="badge">{me.profile.role}</span>
          </Fact>
          <Fact name="Member since">
            <When instant={me.createdAt} />
          </Fact>
          <Fact name="Last sign-in">
            {me.lastLoginAt ? <When instant={me.lastLoginAt} /> : "Never"}
          </Fact>
          <Fact name="Signed in by">{labelOf(SCHEMES, connection.scheme)}</Fact>
          <Fact name="Kept in">{labelOf(STORAGES, connection.storage)}</Fact>
        </dl>
      )}
      <button className="quiet" onClick={reload}>
        Reload
      </button>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

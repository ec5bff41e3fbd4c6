import type { ReactNode } from "react";
import type { PageProps } from "./app.js";
import { labelOf, SCHEMES, STORAGES } from "./connection.js";
import { useQuery } from "./graphql.js";
import { Problem } from "./problem.js";
import { RelativeTime } from "./relative-time.js";

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

export function Profile({ execute, connection }: PageProps) {
  const { result, reload } = useQuery<Me>(execute, ME);
  const me = result?.data?.me;
  return (
    <>
      <h1>Profile</h1>
      {result?.failure && <Problem failure={result.failure} />}
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
            {me.lastLoginAt ? <RelativeTime instant={me.lastLoginAt} /> : "Never"}
          </Fact>
          <Fact name="Signed in with">{labelOf(SCHEMES, connection.scheme)}</Fact>
          <Fact name="Session stored in">{labelOf(STORAGES, connection.storage)}</Fact>
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

import { type FormEvent, useRef, useState } from "react";
import type { PageProps } from "./app.js";
import { useQuery } from "./graphql.js";
import { Problem } from "./problem.js";
import { ROW, type Session, SessionList } from "./sessions.js";

const ALL_SESSIONS = `${ROW}
query AllSessions($where: SessionFilter, $after: String) {
  allSessions(where: $where, after: $after, first: 20) {
    edges {
      node { ...Row }
      user { username }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

interface AllSessions {
  allSessions: {
    edges: { node: Session; user: { username: string } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}

export function Admin(page: PageProps) {
  const [username, setUsername] = useState("");
  const [after, setAfter] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const { result, reload } = useQuery<AllSessions>(page.execute, ALL_SESSIONS, {
    where: username ? { username: { iexact: username } } : {},
    after,
  });

  if (result?.failure?.reason === "role_required") return <Refused />;

  function search(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setAfter(null);
    const form = new FormData(event.currentTarget);
    setUsername((form.get("username") as string).trim());
  }

  const found = result?.data?.allSessions;
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        Administration
      </h1>
      <form className="search" role="search" onSubmit={search}>
        <label className="field">
          Sessions of user
          <input name="username" type="search" autoCapitalize="none" spellCheck={false} />
        </label>
        <button className="quiet">Search</button>
      </form>
      {result?.failure && <Problem failure={result.failure} />}
      {found && (
        <>
          <p className="muted" role="status">
            {found.edges.length === 0 && "No sessions."}
          </p>
          <SessionList
            label={username ? `Sessions of ${username}` : "All sessions"}
            sessions={found.edges.map(({ node, user }) => ({ ...node, owner: user.username }))}
            onEnded={reload}
            {...{ page, heading }}
          />
          <div className="actions">
            {after && (
              <button
                className="quiet"
                onClick={() => {
                  setAfter(null);
                }}
              >
                Newest
              </button>
            )}
            {found.pageInfo.hasNextPage && (
              <button
                className="quiet"
                onClick={() => {
                  setAfter(found.pageInfo.endCursor);
                }}
              >
                Older
              </button>
            )}
          </div>
        </>
      )}
    </>
  );
}

/** Tells a user that the role is too low. The server decides that; the page only reports it. */
function Refused() {
  return (
    <div className="refused" role="alert">
      <h1>For administrators only</h1>
      <p>
        This page lists the sessions of all users. Your role is USER, so the server refused to show
        them.
      </p>
      <p>
        <a href="#/profile">Back to your profile</a>
      </p>
    </div>
  );
}

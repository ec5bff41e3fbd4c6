import type { AuthClient } from "graphql-gatehouse/client";
import { AuthProvider, useAuth } from "graphql-gatehouse/react";
import { type ComponentType, useEffect, useMemo, useRef, useState } from "react";
import { Admin } from "./admin.js";
import {
  type Connection,
  isSupported,
  saveConnection,
  openClient,
  readConnection,
  urlOf,
} from "./connection.js";
import { createExecute, type Execute } from "./graphql.js";
import { messageOf } from "./problem.js";
import { Profile } from "./profile.js";
import { Sessions } from "./sessions.js";
import { SignIn } from "./sign-in.js";

/** The props of each page. */
export interface PageProps {
  readonly execute: Execute;
  readonly connection: Connection;
  /** Shows a message above the page, and has a screen reader announce it. */
  readonly notify: (message: string) => void;
  readonly signOut: (everywhere: boolean) => Promise<void>;
}

const PAGES: Readonly<Record<string, { title: string; Page: ComponentType<PageProps> }>> = {
  "#/profile": { title: "Profile", Page: Profile },
  "#/sessions": { title: "Sessions", Page: Sessions },
  "#/admin": { title: "Administration", Page: Admin },
};

/** Created outside React, because StrictMode renders each component twice. */
const first = readConnection();
const firstClient = openClient(first);

export function App() {
  const [{ connection, client }, setCurrent] = useState({ connection: first, client: firstClient });

  /**
   * Once the browser is back online, asks again for the session in the cookie. Needed if the page was loaded offline.
   */
  useEffect(() => {
    const retry = () => {
      if (client.getSession().status === "anonymous") void client.getAuthorization();
    };
    addEventListener("online", retry);
    return () => {
      removeEventListener("online", retry);
    };
  }, [client]);

  function connect(next: Connection) {
    const supported = isSupported(next) ? next : { ...next, storage: "memory" as const };
    client.close();
    saveConnection(supported);
    setCurrent({ connection: supported, client: openClient(supported) });
  }

  return (
    <AuthProvider client={client}>
      <Shell client={client} connection={connection} onConnect={connect} />
    </AuthProvider>
  );
}

function Shell({
  client,
  connection,
  onConnect,
}: {
  client: AuthClient;
  connection: Connection;
  onConnect: (connection: Connection) => void;
}) {
  const { status, user, hasStorageFailed, logout, logoutAll } = useAuth();
  const [message, notify] = useState("");
  const hash = useHash();
  const { title, Page } = PAGES[hash] ?? { title: "Profile", Page: Profile };
  const isSignedIn = status === "authenticated";
  const execute = useMemo(() => createExecute(client, urlOf(connection)), [client, connection]);
  const main = useFocusOnChange(isSignedIn ? title : "Sign in", status === "loading");

  useEffect(() => {
    notify("");
  }, [hash, isSignedIn]);

  async function signOut(everywhere: boolean) {
    const { status, error } = await (everywhere ? logoutAll() : logout());
    if (status === "authenticated") notify(error ? messageOf(error) : "");
    else if (error === null)
      notify(everywhere ? "You are signed out everywhere." : "You are signed out.");
    else if (!everywhere)
      notify(
        "You are signed out here. The server could not be reached, so the session there stays open until it expires.",
      );
  }

  return (
    <>
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <header className="bar">
        <span className="brand">
          <Logo /> Gatehouse
        </span>
        {isSignedIn && (
          <>
            <nav aria-label="Pages">
              {Object.entries(PAGES).map(([href, page]) => (
                <a key={href} href={href} aria-current={page.title === title ? "page" : undefined}>
                  {page.title}
                </a>
              ))}
            </nav>
            <button className="quiet" onClick={() => void signOut(false)}>
              Sign out
            </button>
          </>
        )}
      </header>
      <main id="main" ref={main} tabIndex={-1} aria-busy={status === "loading"}>
        <p className="notice" role="status">
          {message || (isSignedIn && hasStorageFailed && NOT_STORED)}
        </p>
        {status === "loading" && <p className="muted">Looking for your session…</p>}
        {isSignedIn && (
          <Page
            key={`${user.id} ${title}`}
            {...{ execute, connection, notify }}
            signOut={signOut}
          />
        )}
        {status === "anonymous" && (
          <SignIn
            connection={connection}
            onConnect={onConnect}
            onSubmit={() => {
              notify("");
            }}
          />
        )}
      </main>
    </>
  );
}

const NOT_STORED =
  "This browser cannot store your session, so you will have to sign in again after a reload.";

function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const read = () => {
      setHash(location.hash);
    };
    addEventListener("hashchange", read);
    return () => {
      removeEventListener("hashchange", read);
    };
  }, []);
  return hash;
}

/** Sets the title of the document, and moves the focus to each page but the first. */
function useFocusOnChange(title: string, isLoading: boolean) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef<string | null>(null);
  useEffect(() => {
    if (isLoading) return;
    document.title = `${title} · Gatehouse`;
    if (shown.current !== null && shown.current !== title) main.current?.focus();
    shown.current = title;
  }, [title, isLoading]);
  return main;
}

/** The logo: a gate. */
function Logo() {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path d="M3 21V10a9 9 0 0 1 18 0v11h-5v-9a4 4 0 0 0-8 0v9z" fill="currentColor" />
    </svg>
  );
}

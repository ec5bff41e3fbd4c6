import type { AuthClient } from "graphql-gatehouse/client";
import {
  createAccountClient,
  createExternalLogins,
  createImpersonation,
  createLoginCodes,
  createPasskeys,
  createSecondFactor,
  type Impersonation,
} from "graphql-gatehouse/client/account";
import { AuthProvider, useAuth } from "graphql-gatehouse/react";
import { ApolloProvider } from "@apollo/client/react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ActingBanner } from "./acting-banner.js";
import {
  type Connection,
  isSupported,
  openClient,
  readConnection,
  saveConnection,
  urlOf,
} from "./connection.js";
import { messageOf } from "./problem.js";
import { Link, usePath } from "./router.js";
import { PAGES, routeOf } from "./routes.js";
import { SecondStep } from "./second-step.js";
import { openApollo } from "./server.js";
import { type Clients, ServicesContext } from "./services.js";
import { SignIn } from "./sign-in.js";
import { StepUp } from "./step-up.js";

interface Session {
  readonly connection: Connection;
  readonly impersonation: Impersonation;
  /** The clients of the user who signed in. */
  readonly own: Clients;
  /** The clients of the user that the administrator acts as. */
  readonly acting: Clients;
}

function openSession(connection: Connection): Session {
  const client = openClient(connection);
  const impersonation = createImpersonation(client);
  const clientsOf = (auth: AuthClient): Clients => ({
    auth,
    account: createAccountClient(auth),
    loginCodes: createLoginCodes(auth),
    externalLogins: createExternalLogins(auth),
    secondFactor: createSecondFactor(auth),
    passkeys: createPasskeys(auth),
    apollo: openApollo(auth, urlOf(connection)),
  });
  return {
    connection,
    impersonation,
    own: clientsOf(client),
    acting: clientsOf(impersonation.client),
  };
}

/** Opened outside React, because StrictMode renders each component twice. */
const first = openSession(readConnection());

export function App() {
  const [session, setSession] = useState(first);
  const { own, acting } = session;
  const isActing = useSyncExternalStore(
    acting.auth.subscribe,
    () => acting.auth.getSession().status === "authenticated",
  );

  /**
   * Once the browser is back online, asks again for the session in the cookie. Needed if the page was loaded offline.
   */
  useEffect(() => {
    const retry = () => {
      if (own.auth.getSession().status === "anonymous") void own.auth.getAuthorization();
    };
    addEventListener("online", retry);
    return () => {
      removeEventListener("online", retry);
    };
  }, [own]);

  function connect(next: Connection) {
    const supported = isSupported(next) ? next : { ...next, storage: "memory" as const };
    own.auth.close();
    acting.auth.close();
    saveConnection(supported);
    setSession(openSession(supported));
  }

  return (
    <AuthProvider client={(isActing ? acting : own).auth}>
      <Shell session={session} isActing={isActing} onConnect={connect} />
    </AuthProvider>
  );
}

function Shell({
  session: { connection, impersonation, own, acting },
  isActing,
  onConnect,
}: {
  session: Session;
  isActing: boolean;
  onConnect: (connection: Connection) => void;
}) {
  const { status, user, challenge, hasStorageFailed, logout, logoutAll } = useAuth();
  const [message, notify] = useState("");
  const [areOptionsOpen, setAreOptionsOpen] = useState(false);
  const address = usePath();
  // While an administrator acts as a user, the pages for administrators do not work, so show the profile instead. Keep
  // the address, so that the page comes back afterwards.
  const path = isActing && address.startsWith("/admin") ? "/" : address;
  const isSignedIn = status === "authenticated";
  const found = routeOf(path);
  const route = isSignedIn && found.for === "visitors" ? routeOf("/") : found;
  const asksToSignIn = !isSignedIn && route.for === "users";
  const title = challenge ? "Second step" : asksToSignIn ? "Sign in" : route.title;
  const main = useFocusOnChange(title, status === "loading");
  const clients = isActing ? acting : own;
  const administrator = own.auth.getSession().user?.username ?? "";

  useEffect(() => {
    notify("");
  }, [path, isSignedIn]);

  const wasActing = useRef(isActing);
  useEffect(() => {
    if (wasActing.current && !isActing && isSignedIn) {
      const hasEnded = acting.auth.getSession().error !== null;
      notify(`${hasEnded ? "The session has ended. " : ""}You are ${administrator} again.`);
    }
    wasActing.current = isActing;
  }, [isActing, isSignedIn, acting, administrator]);

  async function signOut(everywhere: boolean) {
    const { status, error } = await (everywhere ? logoutAll() : logout());
    // Reload the administrator's page, which still lists the ended session. Ignore errors here, because each query
    // reports its own error.
    if (isActing) own.apollo.refetchQueries({ include: "active" }).catch(() => undefined);
    if (status === "authenticated") notify(error ? messageOf(error) : "");
    else if (error !== null) {
      const outcome = isActing ? `You are ${administrator} again.` : "You are signed out here.";
      if (!everywhere)
        notify(
          `${outcome} The server could not be reached, so the session there stays open until it expires.`,
        );
    } else if (!isActing)
      notify(everywhere ? "You are signed out everywhere." : "You are signed out.");
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
        <Link className="brand" href="/">
          <Logo /> Gatehouse
        </Link>
        {isSignedIn && (
          <>
            <Pages path={path} isAdmin={user.profile.role === "ADMIN"} />
            {!isActing && (
              <button className="quiet" onClick={() => void signOut(false)}>
                Sign out
              </button>
            )}
          </>
        )}
      </header>
      {isSignedIn && isActing && (
        <ActingBanner
          username={user.username}
          administrator={administrator}
          onStop={() => void signOut(false)}
        />
      )}
      <main id="main" ref={main} tabIndex={-1} aria-busy={status === "loading"}>
        <p className="notice" role="status">
          {message || (isSignedIn && hasStorageFailed && NOT_STORED)}
        </p>
        <ApolloProvider client={clients.apollo}>
          <ServicesContext.Provider
            value={{ ...clients, connection, impersonation, isActing, notify, signOut }}
          >
            <StepUp>
              {status === "loading" && <p className="muted">Looking for your session…</p>}
              {challenge && <SecondStep challenge={challenge} />}
              {status !== "loading" && !challenge && asksToSignIn && (
                <SignIn
                  onConnect={onConnect}
                  areOptionsOpen={areOptionsOpen}
                  onToggleOptions={setAreOptionsOpen}
                />
              )}
              {status !== "loading" && !challenge && !asksToSignIn && (
                <div className="page" key={`${user?.id ?? ""} ${path}`}>
                  {route.page}
                </div>
              )}
            </StepUp>
          </ServicesContext.Provider>
        </ApolloProvider>
      </main>
    </>
  );
}

function Pages({ path, isAdmin }: { path: string; isAdmin: boolean }) {
  const pages = Object.entries(PAGES).filter(([href]) => isAdmin || href !== "/admin");
  return (
    <nav aria-label="Pages">
      {pages.map(([href, { title }]) => (
        <Link
          key={href}
          href={href}
          aria-current={href === path ? "page" : href !== "/" && path.startsWith(href)}
        >
          {title}
        </Link>
      ))}
    </nav>
  );
}

const NOT_STORED =
  "This browser cannot store your session, so you will have to sign in again after a reload.";

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

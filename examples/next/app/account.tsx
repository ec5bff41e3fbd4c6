"use client";

import { useAuth } from "graphql-gatehouse/react";
import type { FormEvent } from "react";

/** The sign-in form, or the user's name. `useAuth("jwt")` talks to `/graphql`. */
export function Account() {
  const { status, user, error, login, logout } = useAuth("jwt");
  if (status === "loading") return <p>One moment…</p>;
  if (status === "authenticated") return <button onClick={logout}>Sign out {user.username}</button>;
  function signIn(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void login(String(form.get("name")), String(form.get("password")));
  }
  return (
    <form onSubmit={signIn}>
      <input name="name" autoComplete="username" aria-label="User name" />
      <input
        name="password"
        type="password"
        autoComplete="current-password"
        aria-label="Password"
      />
      <button>Sign in</button>
      {error && <p role="alert">{error.reason}</p>}
    </form>
  );
}

import type { ReactNode } from "react";
import { Admin } from "./admin.js";
import { AdminUser } from "./admin-user.js";
import { ExternalLogin } from "./external-login.js";
import { LoginCode } from "./login-code.js";
import { ConfirmEmail, VerifyEmail } from "./mail-links.js";
import { NotFound } from "./not-found.js";
import { Profile } from "./profile.js";
import { ForgotPassword, ResetPassword } from "./reset-password.js";
import { SetUpApp } from "./second-factor.js";
import { Security } from "./security.js";
import { SignUp } from "./sign-up.js";

interface Route {
  readonly title: string;
  readonly page: ReactNode;
  /**
   * The people who see the page. A visitor is not signed in. A visitor who opens a page for users sees the sign-in form,
   * and a user who opens a page for visitors sees the profile.
   */
  readonly for: "everyone" | "visitors" | "users";
}

/** Pages with a link at the top. */
export const PAGES: Readonly<Record<string, Route>> = {
  "/": { title: "Profile", page: <Profile />, for: "users" },
  "/security": { title: "Security", page: <Security />, for: "users" },
  "/admin": { title: "Administration", page: <Admin />, for: "users" },
};

const ROUTES: Readonly<Record<string, Route>> = {
  ...PAGES,
  "/second-factor": { title: "Set up an app", page: <SetUpApp />, for: "users" },
  "/sign-up": { title: "Create your account", page: <SignUp />, for: "visitors" },
  "/login-code": { title: "Sign in by a code", page: <LoginCode />, for: "visitors" },
  "/signed-in": { title: "Signing in", page: <ExternalLogin />, for: "everyone" },
  "/forgot-password": { title: "Forgot password", page: <ForgotPassword />, for: "visitors" },
  "/verify-email": { title: "Confirm address", page: <VerifyEmail />, for: "everyone" },
  "/confirm-email": { title: "Confirm address", page: <ConfirmEmail />, for: "everyone" },
  "/reset-password": { title: "Set a new password", page: <ResetPassword />, for: "everyone" },
};

const NOT_FOUND: Route = { title: "Page not found", page: <NotFound />, for: "everyone" };

/** Returns the page at a path. */
export function routeOf(path: string): Route {
  const [, id] = /^\/admin\/users\/([\w-]+)$/.exec(path) ?? [];
  if (id !== undefined) return { title: "User", page: <AdminUser id={id} />, for: "users" };
  return ROUTES[path] ?? NOT_FOUND;
}

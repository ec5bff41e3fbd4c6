import { beforeAll, describe, expect, test } from "@jest/globals";
import { createElement, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { createAuthClient } from "../../src/client/index.js";
import { type Auth, AuthProvider, useAuth } from "../../src/client/react.js";
import { PASSWORD, setUpGate } from "../support/gate.js";

/** Renders on a server, and returns what a component got from `useAuth`. */
function render(scheme?: "jwt" | "token", client = createAuthClient({ url: "/graphql" })): Auth[] {
  const seen: Auth[] = [];
  const Page = () => {
    seen.push(useAuth(scheme));
    return createElement("p", null, seen.at(-1)?.status);
  };
  const page = createElement(AuthProvider, { client }, createElement(Page));
  expect(renderToString(createElement(StrictMode, null, page))).toBe("<p>loading</p>");
  return seen;
}

describe("rendered on a server, without a window", () => {
  const gate = setUpGate();

  beforeAll(async () => {
    await gate.user("ada");
  });

  test.each([undefined, "jwt", "token"] as const)(
    "useAuth(%j) is loading without a user, and has its functions",
    (scheme) => {
      const [auth] = render(scheme);
      expect(auth).toMatchObject({ status: "loading", user: null, token: null, error: null });
      expect(auth?.challenge).toBeNull();
      for (const name of [
        "login",
        "logout",
        "authFetch",
        "completeLogin",
        "cancelLogin",
      ] as const) {
        expect(typeof auth?.[name]).toBe("function");
      }
    },
  );

  test("the state is loading even if the page's client is signed in", async () => {
    const client = createAuthClient({ url: `${gate.url}/graphql` });
    await client.login("ada", PASSWORD);
    expect(render(undefined, client)[0]).toMatchObject({
      status: "loading",
      user: null,
      token: null,
    });
  });

  test("a page sends nothing to the server, whatever the storage", () => {
    for (const storage of ["memory", "localStorage", "sessionStorage", "cookie"] as const) {
      let requests = 0;
      const fetch = () => {
        requests += 1;
        return Promise.reject(new TypeError("offline"));
      };
      render(undefined, createAuthClient({ url: "/graphql", storage, fetch }));
      expect(requests).toBe(0);
    }
  });
});

describe("useAuth", () => {
  test("returns the provider's client for its scheme, and a shared client for another scheme", () => {
    const client = createAuthClient({ url: "/graphql", scheme: "jwt" });
    expect(render("jwt", client)[0]?.login).toBe(client.login);
    expect(render(undefined, client)[0]?.login).toBe(client.login);
    const [first] = render("token", client);
    const [second] = render("token");
    expect(first?.login).not.toBe(client.login);
    expect(first?.login).toBe(second?.login);
  });

  test("works with a scheme and without a provider", () => {
    const Page = () => createElement("p", null, useAuth("token").status);
    expect(renderToString(createElement(Page))).toBe("<p>loading</p>");
  });

  test("throws without a provider and without a scheme, with a message that names both", () => {
    const Page = () => createElement("p", null, useAuth().status);
    expect(() => renderToString(createElement(Page))).toThrow(
      "useAuth() needs an AuthProvider above it, or a scheme.",
    );
  });
});

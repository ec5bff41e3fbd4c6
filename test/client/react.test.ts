import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createElement, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { createAuthClient } from "../../src/client/index.js";
import { type Auth, AuthProvider, useAuth } from "../../src/client/react.js";
import { Gate, PASSWORD } from "../support/gate.js";

/** Renders as a server does, and gives what a component saw. */
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
  let gate: Gate;

  beforeAll(async () => {
    gate = await Gate.open();
    await gate.user("ada");
  });

  afterAll(() => gate.close());

  test.each([undefined, "jwt", "token"] as const)(
    "useAuth(%j) is loading, knows nobody, and has its functions",
    (scheme) => {
      const [auth] = render(scheme);
      expect(auth).toMatchObject({ status: "loading", user: null, token: null, error: null });
      for (const name of ["login", "emailLogin", "logout", "logoutAll", "authFetch"] as const) {
        expect(typeof auth?.[name]).toBe("function");
      }
    },
  );

  test("a page shows nobody's login, not even that of a client that has one", async () => {
    const client = createAuthClient({ url: `${gate.url}/graphql` });
    await client.login("ada", PASSWORD);
    expect(render(undefined, client)[0]).toMatchObject({
      status: "loading",
      user: null,
      token: null,
    });
  });

  test("a page asks nothing of the server, whatever the storage", () => {
    for (const storage of ["memory", "localStorage", "sessionStorage", "cookie"] as const) {
      let asked = 0;
      const fetch = () => {
        asked += 1;
        return Promise.reject(new TypeError("away"));
      };
      render(undefined, createAuthClient({ url: "/graphql", storage, fetch }));
      expect(asked).toBe(0);
    }
  });
});

describe("useAuth", () => {
  test("gives the provider's client where the scheme is its own, and else one of that scheme for all", () => {
    const client = createAuthClient({ url: "/graphql", scheme: "jwt" });
    expect(render("jwt", client)[0]?.login).toBe(client.login);
    expect(render(undefined, client)[0]?.login).toBe(client.login);
    const [first] = render("token", client);
    const [second] = render("token");
    expect(first?.login).not.toBe(client.login);
    expect(first?.login).toBe(second?.login);
  });

  test("works without a provider, by a scheme", () => {
    const Page = () => createElement("p", null, useAuth("token").status);
    expect(renderToString(createElement(Page))).toBe("<p>loading</p>");
  });

  test("without a provider and without a scheme is refused in one clear line", () => {
    const Page = () => createElement("p", null, useAuth().status);
    expect(() => renderToString(createElement(Page))).toThrow(
      "useAuth() needs an AuthProvider above it, or a scheme.",
    );
  });
});

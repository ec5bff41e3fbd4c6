import { afterEach, describe, expect, test } from "@jest/globals";
import { type AuthClientOptions, createAuthClient } from "../../src/client/index.js";
import { withGlobal } from "../support/fake-storage.js";

const URL_GIVEN = "http://127.0.0.1:1/graphql";
let undo: (() => void) | undefined;

afterEach(() => {
  undo?.();
  undo = undefined;
});

/** Creates a client in a page, or without one. */
function create(options: unknown, page?: string) {
  undo?.();
  undo = undefined;
  if (page) undo = withGlobal("location", { href: page });
  return createAuthClient(options as AuthClientOptions);
}

const NAMES =
  "the options are url, scheme, storage, allowedOrigins, credentials, timeout and fetch";
const NO_URL = "url: must be the URL of the GraphQL endpoint";
const NOT_HTTP = "url: must begin with http:// or https://, or be relative to a page that does";
const NO_COOKIE = 'credentials: must be "include", or the browser sends no cookie to this url';
const NO_TIMEOUT = "timeout: must be a number of seconds, more than 0 and at most 60";
const NO_ORIGINS = 'allowedOrigins: must be a list of origins such as "https://api.example.com"';

describe("a wrong option throws at once, in one line that names it:", () => {
  test.each<[string, object, string]>([
    ["a misspelt one", { shceme: "jwt" }, `shceme: is not an option; ${NAMES}`],
    ["an unknown scheme", { scheme: "basic" }, "scheme: must be one of jwt, token, sliding"],
    [
      "an unknown storage",
      { storage: "disk" },
      "storage: must be one of memory, sessionStorage, localStorage, cookie",
    ],
    [
      "the cookie for another scheme",
      { storage: "cookie", scheme: "token" },
      'storage: "cookie" needs the scheme "jwt", because only that scheme has a refresh token',
    ],
    ["no storage at all", { storage: null }, "storage: must have the method getItem"],
    [
      "a storage without a method",
      { storage: { getItem: () => null, setItem: () => undefined } },
      "storage: must have the method removeItem",
    ],
    ["one origin instead of a list", { allowedOrigins: "https://a.example" }, NO_ORIGINS],
    ["a host instead of an origin", { allowedOrigins: ["a.example"] }, NO_ORIGINS],
    ["a wildcard", { allowedOrigins: ["*"] }, NO_ORIGINS],
    [
      "unknown credentials",
      { credentials: true },
      "credentials: must be one of omit, same-origin, include",
    ],
    ["a cookie that is never sent", { storage: "cookie", credentials: "omit" }, NO_COOKIE],
    ["a timeout in milliseconds", { timeout: 5000 }, NO_TIMEOUT],
    ["a timeout of nothing", { timeout: 0 }, NO_TIMEOUT],
    ["a timeout in words", { timeout: "10" }, NO_TIMEOUT],
    ["a timeout that is no number", { timeout: NaN }, NO_TIMEOUT],
    ["a fetch that cannot be called", { fetch: "fetch" }, "fetch: must be a function"],
  ])("%s", (_name, wrong, message) => {
    expect(() => create({ url: URL_GIVEN, ...wrong })).toThrow(new TypeError(message));
  });

  test.each<[string, unknown, string]>([
    ["no options", undefined, NO_URL],
    ["no url", {}, NO_URL],
    ["an empty url, as from an unset variable", { url: "" }, NO_URL],
    ["a url of another kind", { url: 4000 }, NO_URL],
    ["a url that is null", { url: null }, NO_URL],
    ["a url without a scheme", { url: "localhost:4000/graphql" }, NOT_HTTP],
    ["a WebSocket", { url: "ws://localhost:4000/graphql" }, NOT_HTTP],
    ["a url that cannot be parsed", { url: "http://local host/graphql" }, NOT_HTTP],
    [
      "a password in the url",
      { url: "http://ada:secret@127.0.0.1/graphql" },
      "url: must have no user name and no password",
    ],
  ])("%s, with and without a page", (_name, options, message) => {
    expect(() => create(options)).toThrow(new TypeError(message));
    expect(() => create(options, "https://shop.example/cart")).toThrow(new TypeError(message));
  });

  test.each(["file:///home/ada/index.html", "about:blank"])(
    "a relative url in the page %s",
    (page) => {
      expect(() => create({ url: "/graphql" }, page)).toThrow(new TypeError(NOT_HTTP));
    },
  );

  test("the cookie of another origin, without credentials", () => {
    const options = { url: "https://auth.shop.example/graphql", storage: "cookie" };
    expect(() => create(options, "https://shop.example/")).toThrow(new TypeError(NO_COOKIE));
    create({ ...options, credentials: "include" }, "https://shop.example/").close();
  });
});

test.each<[string, string, object]>([
  ["a relative url in a page", "https://shop.example/cart", { url: "graphql" }],
  ["the cookie of its origin", "http://a.example/", { url: "/graphql", storage: "cookie" }],
  [
    "the cookie of its origin, written differently",
    "https://a.example/",
    { url: "https://A.example:443/graphql", storage: "cookie" },
  ],
  ["an object as the url", "", { url: new URL(URL_GIVEN) }],
  ["undefined for what may be left out", "", { url: URL_GIVEN, scheme: undefined }],
  ["the longest timeout", "", { url: URL_GIVEN, timeout: 60 }],
])("right options are accepted: %s", (_name, page, options) => {
  create(options, page).close();
});

test("a relative url without a page, as while a server renders, fails at its first request and says why", async () => {
  let requests = 0;
  const fetch = () => Promise.reject(new Error(String((requests += 1))));
  const client = create({ url: "/graphql", fetch, storage: "cookie" });
  const error = {
    reason: "bad_request",
    message: "url: is relative, and there is no page to resolve it against; give the whole URL",
  };
  expect(await client.login("ada", "secret")).toMatchObject({ status: "anonymous", error });
  expect(await client.refresh()).toMatchObject({ status: "anonymous", error });
  expect(requests).toBe(0);
  client.close();
});

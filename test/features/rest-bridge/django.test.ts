import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeDjango, type DjangoOptions, DjangoProject } from "../../support/django.js";
import { type Gate, PASSWORD, setUpGate } from "../../support/gate.js";
import { call, type RestAnswer, type RestCall } from "./calls.js";

/** Starts the Django project of the document, with the users of `addUsers`. */
function startDjango(options: DjangoOptions = {}): { readonly url: string } {
  const running = { url: "" };
  let django: DjangoProject;

  beforeAll(async () => {
    django = await DjangoProject.create(options);
    await django.shell(`
User.objects.create_user("ada", "ada@example.com", "${PASSWORD}")
User.objects.create_user("bob", "", "${PASSWORD}")
User.objects.create_user("eve", "eve@example.com", "${PASSWORD}", is_active=False)`);
    running.url = (await django.serve()).url;
  }, 120_000);
  afterAll(() => django.close());
  return running;
}

async function addUsers(gate: Gate): Promise<void> {
  await gate.user("ada", { email: "ada@example.com" });
  await gate.user("bob");
  const eve = await gate.user("eve", { email: "eve@example.com" });
  await gate.auth.accounts.setActive(eve, false);
}

/** The tokens of one server. */
type Tokens = Record<"key" | "access" | "refresh" | "otherRefresh" | "endedRefresh", string>;

async function logIn(url: string): Promise<Tokens> {
  const post = async (path: string, json: unknown, headers = {}) =>
    (await call(url + path, { json, headers })).body;
  const ada = { username: "ada", password: PASSWORD };
  const { token: key } = await post("/login/", ada);
  const { access, refresh } = await post("/token/", ada);
  const { refresh: otherRefresh } = await post("/token/", ada);
  const ended = await post("/token/", ada);
  const authorization = `Bearer ${ended.access}`;
  await post("/logout/", { refresh: ended.refresh }, { authorization });
  return { key, access, refresh, otherRefresh, endedRefresh: ended.refresh };
}

/** Returns the parts of an answer that a client sees. Masks tokens and the messages of JSON parsers, which differ. */
function shown({ status, type, headers, text }: RestAnswer) {
  return {
    status,
    type,
    challenge: headers.get("www-authenticate"),
    allow: headers.get("allow"),
    location: headers.get("location"),
    text: text
      .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, "JWT")
      .replace(/"token":"\w+"/, '"token":"KEY"')
      .replace(/(parse error) - .*?"/, '$1"'),
  };
}

const ADA = { username: "ada", password: PASSWORD };
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const JSON_TYPE = { "content-type": "application/json" };

function multipart(fields: Readonly<Record<string, string | Blob>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

const as = (authorization: string) => ({ headers: { authorization } });

type Case = [title: string, path: string, request: (tokens: Tokens) => RestCall];

const CASES: Case[] = [
  // The document's requests.
  ["a login", "/login/", () => ({ json: ADA })],
  ["a login by JWT", "/token/", () => ({ json: ADA })],
  ["the profile by Token", "/profile/", ({ key }) => as(`Token ${key}`)],
  ["the profile by Bearer", "/profile/", ({ access }) => as(`Bearer ${access}`)],
  ["a refresh", "/token/refresh/", ({ refresh }) => ({ json: { refresh } })],
  ["the same refresh token again", "/token/refresh/", ({ refresh }) => ({ json: { refresh } })],
  ["verify an access token", "/token/verify/", ({ access }) => ({ json: { token: access } })],
  ["verify a refresh token", "/token/verify/", ({ refresh }) => ({ json: { token: refresh } })],
  // Bodies.
  ["a login by a form", "/login/", () => ({ body: new URLSearchParams(ADA) })],
  ["a login by multipart", "/login/", () => ({ body: multipart(ADA) })],
  [
    "a login by JSON with a charset",
    "/login/",
    () => ({
      body: JSON.stringify(ADA),
      headers: { "content-type": "application/json; charset=utf-8" },
    }),
  ],
  [
    "a user name with spaces at its ends",
    "/login/",
    () => ({ json: { ...ADA, username: " ada " } }),
  ],
  [
    "a password with a space at its end",
    "/login/",
    () => ({ json: { ...ADA, password: `${PASSWORD} ` } }),
  ],
  [
    "the last of two form fields",
    "/login/",
    () => ({
      body: `username=x&username=ada&password=${encodeURIComponent(PASSWORD)}`,
      headers: FORM,
    }),
  ],
  ["an empty body", "/login/", () => ({ method: "POST", headers: JSON_TYPE })],
  ["an empty body without a type", "/token/", () => ({ method: "POST" })],
  ["an empty object", "/token/", () => ({ json: {} })],
  ["blank fields", "/login/", () => ({ json: { username: " ", password: "" } })],
  ["blank fields of a form", "/token/", () => ({ body: "username=&password=", headers: FORM })],
  ["null and a boolean", "/login/", () => ({ json: { username: null, password: true } })],
  ["a list and an object", "/token/", () => ({ json: { username: ["ada"], password: {} } })],
  ["an empty list", "/token/", () => ({ json: { username: [], password: "x" } })],
  ["a number as user name", "/login/", () => ({ json: { username: 1234, password: "x" } })],
  ["a file as user name", "/login/", () => ({ body: multipart({ username: new Blob(["ada"]) }) })],
  [
    "characters that no text may have",
    "/login/",
    () => ({ json: { username: "a\0\ud800", password: "\0" } }),
  ],
  ...[null, [1], "x", 1, 1.5, false].map((json): Case => [
    `the body ${JSON.stringify(json)}`,
    "/token/",
    () => ({ json }),
  ]),
  ["malformed JSON", "/login/", () => ({ body: "{", headers: JSON_TYPE })],
  ["JSON with NaN", "/login/", () => ({ body: "NaN", headers: JSON_TYPE })],
  [
    "JSON that is not UTF-8",
    "/token/",
    () => ({ body: Buffer.from([0x22, 0xff, 0x22]), headers: JSON_TYPE }),
  ],
  ["JSON with a byte order mark", "/token/", () => ({ body: "\ufeff{}", headers: JSON_TYPE })],
  [
    "multipart without a boundary",
    "/login/",
    () => ({ body: "a", headers: { "content-type": "multipart/form-data" } }),
  ],
  ["plain text", "/login/", () => ({ body: "{}", headers: { "content-type": "text/plain" } })],
  [
    "another type with a parameter",
    "/token/",
    () => ({ body: "{}", headers: { "content-type": 'text/xml; a="b"' } }),
  ],
  // Wrong credentials.
  ...["/login/", "/token/"].flatMap((path): Case[] => [
    [`${path} with a wrong password`, path, () => ({ json: { ...ADA, password: "x" } })],
    [`${path} of an unknown user`, path, () => ({ json: { ...ADA, username: "nobody" } })],
    [`${path} of an inactive user`, path, () => ({ json: { ...ADA, username: "eve" } })],
    [
      `${path} with a very long user name`,
      path,
      () => ({ json: { ...ADA, username: "a".repeat(999) } }),
    ],
    [
      `${path} with a very long password`,
      path,
      () => ({ json: { ...ADA, password: "a".repeat(9999) } }),
    ],
    [`${path} with a control character`, path, () => ({ json: { ...ADA, username: "a\u0007" } })],
  ]),
  // Tokens in bodies.
  ["a refresh without a token", "/token/refresh/", () => ({ json: {} })],
  ["a refresh with text", "/token/refresh/", () => ({ json: { refresh: "x" } })],
  [
    "a refresh with an access token",
    "/token/refresh/",
    ({ access }) => ({ json: { refresh: access } }),
  ],
  [
    "a refresh with a forged token",
    "/token/refresh/",
    ({ refresh }) => ({ json: { refresh: `${refresh.slice(0, -6)}AAAAAA` } }),
  ],
  [
    "a refresh after the logout",
    "/token/refresh/",
    ({ endedRefresh }) => ({ json: { refresh: endedRefresh } }),
  ],
  ["verify without a token", "/token/verify/", () => ({ json: {} })],
  ["verify text", "/token/verify/", () => ({ json: { token: "x" } })],
  ["verify a key", "/token/verify/", ({ key }) => ({ json: { token: key } })],
  // Credentials in the header.
  ...["/profile/", "/logout/"].flatMap((path): Case[] => {
    const method = path === "/profile/" ? "GET" : "POST";
    const with_ = (authorization: string) => () => ({ method, headers: { authorization } });
    return [
      [`${path} without a header`, path, () => ({ method })],
      [`${path} with Token alone`, path, with_("Token")],
      [`${path} with two keys`, path, with_("Token a b")],
      [
        `${path} with an unknown key`,
        path,
        with_("Token 9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"),
      ],
      [`${path} with a key that is not UTF-8`, path, with_("Token \xff")],
      [`${path} with token in lower case`, path, with_("token abc")],
      [`${path} with Bearer alone`, path, with_("Bearer")],
      [`${path} with two tokens`, path, with_("Bearer a b")],
      [`${path} with text`, path, with_("Bearer abc")],
      [`${path} with Basic`, path, with_("Basic YTpi")],
      [`${path} with a key as Bearer`, path, ({ key }) => ({ method, ...as(`Bearer ${key}`) })],
      [`${path} with a JWT as Token`, path, ({ access }) => ({ method, ...as(`Token ${access}`) })],
      [
        `${path} with a refresh token`,
        path,
        ({ refresh }) => ({ method, ...as(`Bearer ${refresh}`) }),
      ],
    ];
  }),
  // Methods and paths.
  ...["/login/", "/token/", "/token/refresh/", "/token/verify/"].flatMap((path) =>
    ["GET", "PUT", "PATCH", "DELETE"].map((method): Case => [
      `${method} ${path}`,
      path,
      () => ({ method }),
    ]),
  ),
  ["GET /logout/", "/logout/", ({ key }) => as(`Token ${key}`)],
  ["GET /logout/ without a header", "/logout/", () => ({})],
  ["POST /profile/", "/profile/", ({ key }) => ({ method: "POST", ...as(`Token ${key}`) })],
  ["DELETE /profile/ without a header", "/profile/", () => ({ method: "DELETE" })],
  ["HEAD /profile/", "/profile/", ({ key }) => ({ method: "HEAD", ...as(`Token ${key}`) })],
  // Logouts come last, because they end the sessions that the requests above use.
  [
    "a logout without a refresh token",
    "/logout/",
    ({ access }) => ({ method: "POST", ...as(`Bearer ${access}`) }),
  ],
  [
    "a logout with text as refresh token",
    "/logout/",
    ({ access }) => ({ json: { refresh: "x" }, ...as(`Bearer ${access}`) }),
  ],
  [
    "a logout with an ended refresh token",
    "/logout/",
    ({ access, endedRefresh }) => ({ json: { refresh: endedRefresh }, ...as(`Bearer ${access}`) }),
  ],
  ["a logout with a list", "/logout/", ({ access }) => ({ json: [], ...as(`Bearer ${access}`) })],
  [
    "a logout with malformed JSON",
    "/logout/",
    ({ access }) => ({ body: "{", headers: { ...JSON_TYPE, authorization: `Bearer ${access}` } }),
  ],
  [
    "a logout with plain text",
    "/logout/",
    ({ access }) => ({
      body: "x",
      headers: { "content-type": "text/plain", authorization: `Bearer ${access}` },
    }),
  ],
  [
    "a logout by Bearer",
    "/logout/",
    ({ access, refresh }) => ({ json: { refresh }, ...as(`Bearer ${access}`) }),
  ],
  [
    "the refresh token after its logout",
    "/token/refresh/",
    ({ refresh }) => ({ json: { refresh } }),
  ],
  [
    "another refresh token after it",
    "/token/refresh/",
    ({ otherRefresh }) => ({ json: { refresh: otherRefresh } }),
  ],
  ["a logout by Token", "/logout/", ({ key }) => ({ method: "POST", ...as(`Token ${key}`) })],
  ["the key after its logout", "/profile/", ({ key }) => as(`Token ${key}`)],
];

describeDjango(
  "REST-1: every answer is the answer of Django REST framework and simplejwt, byte for byte",
  () => {
    const gate = setUpGate({ restBridge: true });
    const django = startDjango();
    let tokens: [ours: Tokens, theirs: Tokens];

    beforeAll(async () => {
      await addUsers(gate);
      tokens = [await logIn(gate.url), await logIn(django.url)];
    });

    test.each(CASES)("%s", async (_title, path, request) => {
      const [ours, theirs] = tokens;
      const expected = shown(await call(django.url + path, request(theirs)));
      expect(shown(await call(gate.url + path, request(ours)))).toEqual(expected);
    });

    test("a login by address answers as EmailAuthToken does, except for the type of user_id", async () => {
      const json = { email: "ada@example.com", password: PASSWORD };
      const answers = await Promise.all(
        [{ json }, { json: { ...json, password: "x" } }, { json: { email: "no@example.com" } }].map(
          async (request) => [
            await call(`${django.url}/email-login/`, request),
            await call(`${gate.url}/login/`, request),
          ],
        ),
      );
      const masked = (answer?: RestAnswer) => {
        const { text, ...others } = shown(answer!);
        return { ...others, text: text.replace(/("user_id":)(\d+|"\w+")/, "$1ID") };
      };
      for (const [theirs, ours] of answers) expect(masked(ours)).toEqual(masked(theirs));
      expect(answers.map(([theirs]) => theirs?.status)).toEqual([200, 400, 400]);
    });

    test("a path without its slash redirects a GET", async () => {
      const theirs = await call(`${django.url}/profile?a=b`);
      const ours = await call(`${gate.url}/profile?a=b`);
      expect([ours.status, ours.headers.get("location")]).toEqual([
        theirs.status,
        theirs.headers.get("location"),
      ]);
    });
  },
);

describeDjango(
  "REST-1: with rotation, a refresh answers as simplejwt with ROTATE_REFRESH_TOKENS",
  () => {
    const gate = setUpGate({ restBridge: true, restBridgeRotation: true });
    const django = startDjango({ simpleJwt: { ROTATE_REFRESH_TOKENS: true } });

    test("with the access token before the refresh token", async () => {
      await addUsers(gate);
      const answers = await Promise.all(
        [django.url, gate.url].map(async (url) => {
          const { body } = await call(`${url}/token/`, { json: ADA });
          return shown(await call(`${url}/token/refresh/`, { json: { refresh: body.refresh } }));
        }),
      );
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[1]?.text).toBe('{"access":"JWT","refresh":"JWT"}');
    });
  },
);

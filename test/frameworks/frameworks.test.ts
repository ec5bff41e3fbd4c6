import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Browser } from "../support/browsers/driver.js";
import { describeBrowser, openBrowser } from "../support/browsers/index.js";
import { BOB_EMAIL, type InstalledExample, installExample, PASSWORD } from "./install-example.js";

/**
 * This example uses Apollo's standalone server. It takes long bodies. It answers a malformed body with a page, and
 * logs one line.
 */
const STANDALONE = "embed";

/** This example is a subgraph. It trusts the client's address from a gateway on the same machine. */
const SUBGRAPH = "federation";

/** Each complete server of `examples/`. Next.js has two bundlers. */
const EXAMPLES: readonly (readonly [name: string, bundler?: string])[] = [
  [STANDALONE],
  ["express"],
  ["fastify"],
  ["nestjs"],
  ["yoga"],
  ["next", "--turbopack"],
  ["next", "--webpack"],
  [SUBGRAPH],
];

describe.each(EXAMPLES)("the installed example %s %s", (name, bundler = "") => {
  let example: InstalledExample;

  beforeAll(async () => {
    example = await installExample(name, bundler);
    await example.createUsers();
    await example.start();
  });

  afterAll(() => example.remove());

  const ask = (
    query: string,
    authorization?: string,
    accept = "application/graphql-response+json",
  ) => send(example.url, query, authorization, accept);

  const login = async (username: string, scheme = "JWT") => {
    const { data } = await ask(`mutation {
      login(username: "${username}", password: "${PASSWORD}", scheme: ${scheme}) { tokenType token access }
    }`);
    const { tokenType, token, access } = data.login;
    return `${tokenType} ${token ?? access}`;
  };

  test("installs one copy of graphql, and exact versions", async () => {
    const manifest = JSON.parse(await readFile(join(example.folder, "package.json"), "utf8"));
    const versions = { ...manifest.dependencies, ...manifest.devDependencies };
    delete versions["graphql-gatehouse"];
    for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const lock = JSON.parse(await readFile(join(example.folder, "package-lock.json"), "utf8"));
    const copies = Object.keys(lock.packages).filter((path) =>
      path.endsWith("node_modules/graphql"),
    );
    expect(copies).toEqual(["node_modules/graphql"]);
  });

  test("shows its public field to everyone", async () => {
    expect(await ask("{ greeting }")).toMatchObject({
      status: 200,
      data: { greeting: "Welcome." },
    });
  });

  test.each(["{ motto }", "{ mottoReads }", "{ me { username } }"])(
    "refuses %s to an anonymous caller",
    async (query) => {
      expect(await ask(query)).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "no_credentials",
      });
      // A client that accepts only application/json gets 200, as the specification says.
      expect(await ask(query, undefined, "application/json")).toMatchObject({
        status: 200,
        code: "UNAUTHENTICATED",
      });
    },
  );

  test.each(["JWT", "TOKEN"])(
    "shows its USER field to a USER by %s, and refuses its ADMIN field",
    async (scheme) => {
      const bob = await login("bob", scheme);
      expect(await ask("{ motto me { username } }", bob)).toMatchObject({
        status: 200,
        data: { motto: "Know thyself, bob.", me: { username: "bob" } },
      });
      expect(await ask("{ mottoReads }", bob)).toMatchObject({
        status: 403,
        code: "FORBIDDEN",
        reason: "role_required",
      });
    },
  );

  test("shows both fields to an ADMIN", async () => {
    const { status, data } = await ask("{ motto mottoReads }", await login("ada"));
    expect(status).toBe(200);
    expect(data).toMatchObject({ motto: "Know thyself, ada." });
    expect(data.mottoReads).toBeGreaterThan(0);
  });

  test.each(["JWT", "TOKEN"])(
    "refuses a %s credential at once after its logout",
    async (scheme) => {
      const bob = await login("bob", scheme);
      const { data } = await ask("mutation { logout { sessionsEnded } }", bob);
      expect(data.logout).toEqual({ sessionsEnded: 1 });
      expect(await ask("{ motto }", bob)).toMatchObject({ status: 401, reason: "token_revoked" });
    },
  );

  test("also logs in by e-mail, and refuses wrong credentials in the same way for every name", async () => {
    const logIn = (operation: string) => ask(`mutation { ${operation} { tokenType access } }`);
    const { data } = await logIn(`emailLogin(email: "${BOB_EMAIL}", password: "${PASSWORD}")`);
    const { tokenType, access } = data.emailLogin;
    expect(await ask("{ me { username } }", `${tokenType} ${access}`)).toMatchObject({
      data: { me: { username: "bob" } },
    });
    for (const wrong of [
      'login(username: "bob", password: "wrong")',
      'login(username: "nobody", password: "wrong")',
      `emailLogin(email: "${BOB_EMAIL}", password: "wrong")`,
      'emailLogin(email: "nobody@example.com", password: "wrong")',
    ]) {
      expect(await logIn(wrong)).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: "invalid_credentials",
      });
    }
  });

  test("refuses forged and malformed credentials", async () => {
    for (const [credential, reason] of [
      ["Bearer e30.e30.e30", /^token_(not_valid|wrong_type)$/],
      ["Token 0123456789", /^token_(not_valid|wrong_type)$/],
      ["Bearer a b", /^bad_authorization_header$/],
      ["JWT e30.e30.e30", /^no_credentials$/],
    ] as const) {
      expect(await ask("{ motto }", credential)).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
        reason: expect.stringMatching(reason),
      });
    }
  });

  test.each(['{"query":', "", "[]", "null", '"text"'])(
    "answers the body %j with 400 and a code",
    async (body) => {
      const response = await fetch(example.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      expect(response.status).toBe(400);
      const answer = await response.text();
      expect(answer).not.toMatch(/\bat .*:\d+:\d+|node_modules/);
      // The standalone server's body parser answers before Apollo Server does.
      if (name === STANDALONE) return;
      const [error] = JSON.parse(answer).errors;
      expect(error).toMatchObject({
        message: expect.any(String),
        extensions: { code: expect.stringMatching(/^BAD_(REQUEST|USER_INPUT)$/) },
      });
    },
  );

  test("answers a malformed Host header and a malformed body with 4xx and without a stack", async () => {
    const { hostname, port, pathname } = new URL(example.url);
    const body = '{"query":';
    for (const host of ["exa mple", "[", "a:b:c"]) {
      const socket = connect(Number(port), hostname);
      socket.end(
        `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
          `Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const answer = await text(socket);
      expect({ host, line: answer.slice(0, 12) }).toEqual({
        host,
        line: expect.stringMatching(/^HTTP\/1\.1 4\d\d$/),
      });
      expect(answer).not.toMatch(/\bat .*:\d+:\d+|node_modules/);
    }
  });

  test("refuses a document that exceeds the limits, and a body that is too long", async () => {
    const aliases = Array.from({ length: 20 }, (_, index) => `a${index}: greeting`).join(" ");
    expect(await ask(`{ ${aliases} }`)).toMatchObject({ status: 400 });
    if (name === STANDALONE) return;
    const { status } = await fetch(example.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "{ greeting }", variables: { a: "a".repeat(200_000) } }),
    });
    expect(status).toBe(413);
  });

  test("refuses wrong settings with one line that names the setting", async () => {
    const starts = [{ SECRET_KEY: "short" }, { PORT: "http" }, { DATABASE_URL: "mysql://x" }];
    for (const wrong of starts) {
      const { code, stderr } = await example.run([example.program], { ...example.env, ...wrong });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^\S+: .+\n$/) });
    }
  });

  if (name === "next") {
    describeBrowser("its page", () => {
      let browser: Browser;
      beforeAll(async () => {
        browser = await openBrowser();
      });
      afterAll(() => browser.close());

      test("signs in, shows the user, stays signed in after a reload, and signs out", async () => {
        const problems: string[] = [];
        const person = await browser.newPerson(
          {},
          { problem: (text) => problems.push(text), request: () => undefined },
        );
        const page = await person.newPage();
        await page.goto(new URL("/", example.url).href);
        const signIn = page.getByRole("button", { name: "Sign in" });
        await signIn.waitFor();
        await page.getByLabel("User name").fill("bob");
        await page.getByLabel("Password").fill(PASSWORD);
        await signIn.click();
        const signOut = page.getByRole("button", { name: "Sign out bob" });
        await signOut.waitFor();
        await page.reload();
        await signOut.waitFor();
        await signOut.click();
        await signIn.waitFor();
        // The browser asks for an icon, which the example does not have.
        const isMissing = /^Failed to load resource: .* 404 /;
        expect(problems.filter((text) => !isMissing.test(text))).toEqual([]);
        await person.close();
      });
    });
  }

  // This test is the last one, because the address stays throttled.
  test("throttles the wrong passwords of one address, whatever the client says its address is", async () => {
    let last: Awaited<ReturnType<typeof ask>> | undefined;
    for (let count = 0; count < 60 && last?.reason !== "throttled"; count += 1) {
      last = await send(
        example.url,
        `mutation { login(username: "nobody${count}", password: "wrong") { access } }`,
        undefined,
        "application/graphql-response+json",
        name === SUBGRAPH ? {} : { "x-forwarded-for": `192.0.2.${count}` },
      );
    }
    expect(last).toMatchObject({ status: 429, code: "TOO_MANY_REQUESTS", reason: "throttled" });
  });

  test("stops at SIGTERM with nothing left open, and closes the database", async () => {
    const { code, stderr } = await example.stop();
    const log = name === STANDALONE ? expect.stringMatching(/^SyntaxError: .*JSON/) : "";
    expect({ code, stderr }).toEqual({ code: 0, stderr: log });
    expect(await readdir(join(example.folder, "data"))).toEqual(["gatehouse.sqlite"]);
  });
});

async function send(
  url: string,
  query: string,
  authorization: string | undefined,
  accept: string,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept,
      ...headers,
      ...(authorization !== undefined && { authorization }),
    },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as any;
  const { code, reason } = errors?.[0].extensions ?? {};
  return { status: response.status, data, code, reason };
}

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthEvent } from "../src/events.js";
import { DATABASES, Gate } from "./support/gate.js";
import { runNode, startNode, waitForLine } from "./support/node-process.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = join(ROOT, "dist/cli.js");
const SECRET_KEY = "an example of a secret that is long enough";
/** Secrets that must not appear anywhere. */
const PASSWORD = "canary horse battery staple";
const WRONG_PASSWORD = "canary that is wrong for all";
const TYPED = "canary-typed-into-the-wrong-field";
const ADMINS = "{ allSessions(first: 1) { edges { cursor } } }";

/** The hash that a reader of the log could compute to guess passwords, if it had no key. */
const plainHash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** The parts of a token that must not be in an event: the whole token, its signature, its secret. */
const partsOf = (token: string) => [token, token.split(".")[2] ?? token.slice(37, 80)];

describe.each(DATABASES)("an application's hook over %s", (database) => {
  let gate: Gate;
  let id: string;

  beforeEach(async () => {
    gate = await Gate.open({}, database);
    id = await gate.user("ada", { password: PASSWORD });
  });

  afterEach(() => gate.close());

  const login = (scheme: "JWT" | "SLIDING" | "TOKEN" = "JWT") =>
    gate.login("ada", scheme, PASSWORD);
  /** Returns the events that `run` causes. */
  async function eventsOf(run: () => unknown): Promise<AuthEvent[]> {
    gate.events.length = 0;
    await run();
    return [...gate.events];
  }

  test.each(["JWT", "SLIDING", "TOKEN"] as const)(
    "R-15: is called once when a token was issued by %s",
    async (scheme) => {
      let sessionId = "";
      const events = await eventsOf(async () => {
        sessionId = (await login(scheme)).session.id;
      });
      expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme }]);
    },
  );

  test("R-15: is called once for a static token that an administrator makes", async () => {
    const events = await eventsOf(() =>
      gate.auth.authentication.createStaticToken({ username: "ada" }, "ci"),
    );
    const sessionId = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme: "TOKEN" }]);
  });

  test.each([
    ["AccessToken.forUser", "JWT", (user: { id: string }) => tokens().AccessToken.forUser(user)],
    ["RefreshToken.forUser", "JWT", (user: { id: string }) => tokens().RefreshToken.forUser(user)],
    [
      "SlidingToken.forUser",
      "SLIDING",
      (user: { id: string }) => tokens().SlidingToken.forUser(user),
    ],
    ["StaticToken.create", "TOKEN", (user: { id: string }) => tokens().StaticToken.create(user)],
  ] as const)(
    "R-15: is called once for a token made in code by %s",
    async (_name, scheme, make) => {
      const events = await eventsOf(() => make({ id }));
      const sessionId = expect.stringMatching(/^[0-9a-f]{32}$/);
      expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme }]);
    },
  );

  const tokens = () => gate.auth.tokens;

  test.each(["JWT", "SLIDING"] as const)(
    "R-14: is called once when a token was refreshed by %s, with the user and the session",
    async (scheme) => {
      const { refresh, token, session } = await login(scheme);
      const events = await eventsOf(() => gate.refresh(scheme === "JWT" ? refresh : token));
      expect(events).toEqual([{ type: "token_refreshed", userId: id, sessionId: session.id }]);
    },
  );

  test("B-04, RF-2: is called once when a token was reused, however often that is repeated", async () => {
    const { refresh, session } = await login();
    await gate.refresh(refresh);
    gate.advance(60);
    const events = await eventsOf(async () => {
      await Promise.all([1, 2, 3].map(() => gate.refresh(refresh)));
      await gate.refresh(refresh);
    });
    expect(events).toEqual([{ type: "token_reused", userId: id, sessionId: session.id }]);
  });

  test("B-25: is called once for each session that a logout ended", async () => {
    const sessions = [await login(), await login("SLIDING"), await login("TOKEN")];
    const ended = ({ session }: (typeof sessions)[number]) => ({
      type: "session_ended",
      userId: id,
      sessionId: session.id,
    });
    const [first, ...others] = sessions;
    const { authorization } = first!;
    expect(await eventsOf(() => gate.logout({ authorization }))).toEqual([ended(first!)]);
    expect(await eventsOf(() => gate.logout({ authorization }))).toEqual([]);
    const all = await eventsOf(() =>
      gate.ask("mutation { logoutAll { sessionsEnded } }", others[0]),
    );
    expect(all).toHaveLength(2);
    expect(all).toEqual(expect.arrayContaining(others.map(ended)));
  });

  test("LG-12: is called once for a failed login, alike for a wrong password, an unknown user and an inactive user", async () => {
    await gate.auth.accounts.setActive(await gate.user("idle", { password: PASSWORD }), false);
    for (const [username, password] of [
      ["ada", WRONG_PASSWORD],
      ["nobody", PASSWORD],
      ["idle", PASSWORD],
    ] as const) {
      const events = await eventsOf(() =>
        expect(gate.login(username, "JWT", password)).rejects.toThrow("refused"),
      );
      const reason = "invalid_credentials";
      expect(events).toEqual([{ type: "login_failed", login: username, reason }]);
    }
  });

  test("AZ-8: is called once for each field that was refused because of the role", async () => {
    const { authorization } = await login();
    const events = await eventsOf(() => gate.ask(ADMINS, { authorization }));
    expect(events).toEqual([{ type: "role_denied", userId: id, required: "ADMIN" }]);
    expect(await eventsOf(() => gate.ask(ADMINS))).toEqual([]);
  });

  test("J-15: is called once for a rotated key, and for the key that replaces a revoked one", async () => {
    const rotated = await eventsOf(() => gate.auth.keys.rotate());
    expect(rotated).toEqual([{ type: "key_rotated", kid: expect.stringMatching(/^\w+$/) }]);
    gate.advance(600);
    const [{ kid } = { kid: "" }] = rotated as { kid: string }[];
    const revoked = await eventsOf(() => gate.auth.keys.revoke(kid));
    expect(revoked.map(({ type }) => type)).toEqual(["key_rotated"]);
  });

  test("LG-12: is not called for queries, refusals and pruning", async () => {
    const { authorization, access } = await login();
    const events = await eventsOf(async () => {
      await gate.me(authorization);
      await gate.me();
      await gate.me("Bearer x");
      await gate.verify(access);
      await gate.refresh("x");
      await gate.auth.maintenance.prune();
    });
    expect(events).toEqual([]);
  });

  test("LG-12: never gets a password, a token, a key or a hash", async () => {
    const [{ hash }] = await gate.sql(`SELECT password_hash AS hash FROM "user"`);
    const secrets = [PASSWORD, WRONG_PASSWORD, hash];
    const events = await eventsOf(async () => {
      for (const scheme of ["JWT", "SLIDING", "TOKEN"] as const) {
        const made = await login(scheme);
        const rotating = scheme === "JWT" ? made.refresh : made.token;
        const { data } = await gate.refresh(rotating);
        gate.advance(60);
        await gate.refresh(rotating);
        const { refresh, access, token } = data?.refreshToken ?? {};
        const texts = [made.token, made.access, made.refresh, refresh, access, token];
        secrets.push(...texts.filter(Boolean).flatMap(partsOf));
        await gate.ask(ADMINS, made);
        await gate.logout(made);
      }
      await gate.login("ada", "JWT", WRONG_PASSWORD).catch(() => undefined);
      await gate.auth.keys.rotate();
    });
    expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThanOrEqual(6);
    const text = JSON.stringify(events);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });
});

describe("a hook that fails", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "audit-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const failures = {
    "throws an Error": `() => { throw new Error("the hook") }`,
    "throws undefined": `() => { throw undefined }`,
    "throws an object that cannot become text": `() => { throw Object.create(null) }`,
    rejects: `async () => { throw new Error("the hook") }`,
    "rejects with undefined": `() => Promise.reject()`,
    "rejects later": `() => new Promise((_, reject) => setImmediate(reject, new Error("the hook")))`,
    "gives a thenable that rejects": `() => ({ then: (_, reject) => reject(new Error("the hook")) })`,
  };
  const embeddings = {
    createAuth: (hook: string) => `const auth = await createAuth({ ...options, onEvent: ${hook} });
      const close = () => auth.close();`,
    createServer: (hook: string) => `const server = await createServer({ ...options, port: 0,
        logLevel: "silent", onEvent: ${hook} });
      const { auth } = server;
      const close = () => server.close();`,
  };
  const cases = Object.entries(embeddings).flatMap(([name, open]) =>
    Object.entries(failures).map(([how, hook]) => [name, how, open(hook)] as const),
  );

  test.each(cases)(
    "R-14, R-15: makes no operation fail and does not end the process: %s, the hook %s",
    async (_name, _how, open) => {
      const script = `import { createAuth, createServer } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
      const options = { databaseUrl: "sqlite:audit.sqlite", secretKey: ${JSON.stringify(SECRET_KEY)} };
      ${open}
      const { accounts, authentication, keys } = auth;
      const client = { ipAddress: null, userAgent: null };
      const password = ${JSON.stringify(PASSWORD)};
      await accounts.createUser({ username: "ada", password });
      const { refresh } = await authentication.login({ username: "ada" }, password, "JWT", client);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const pair = await authentication.refresh(refresh);
      await keys.rotate();
      const wrong = authentication.login({ username: "ada" }, "x", "JWT", client);
      const reason = await wrong.catch((error) => error.reason);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await close();
      console.log([typeof pair.access, reason].join(" "));`;
      const ended = await runNode(["--input-type=module", "-e", script], { cwd: folder });
      expect([ended.stdout, ended.code]).toEqual(["string invalid_credentials\n", 0]);
      expect(ended.stderr).not.toContain(PASSWORD);
    },
  );
});

describe("the log of gatehouse serve", () => {
  let folder: string;
  /** The audit records among the lines of the log. */
  let records: Record<string, unknown>[];
  let output: string;
  const secrets = [PASSWORD, WRONG_PASSWORD, TYPED, SECRET_KEY];
  const known = { userId: "", sessionId: "", reusedId: "" };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "audit-"));
    const env = { SECRET_KEY, PORT: "0", LOG_LEVEL: "info" };
    const start = { cwd: folder, env };
    await runNode([CLI, "create-user", "ada", "--password-stdin"], { ...start, input: PASSWORD });
    const { child, ended } = startNode([CLI, "serve"], start);
    const [, url = ""] = await waitForLine(child, /listens on (\S+)/);
    const ask = async (query: string, authorization?: string) => {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(authorization && { authorization }) },
        body: JSON.stringify({ query }),
      });
      const { data } = (await response.json()) as { data: any };
      for (const field of Object.values<any>(data ?? {})) {
        for (const name of ["access", "refresh", "token"]) {
          if (field?.[name]) secrets.push(...partsOf(field[name]));
        }
      }
      return data;
    };
    const login = async (username: string, password: string, scheme = "JWT") =>
      (
        await ask(`mutation { login(username: "${username}", password: "${password}", scheme: ${scheme}) {
        token access refresh session { id } user { id } } }`)
      )?.login;
    const refresh = (token: string) =>
      ask(`mutation { refreshToken(refresh: "${token}") { access refresh } }`);
    const first = await login("ada", PASSWORD);
    const next = (await refresh(first.refresh)).refreshToken;
    await ask(ADMINS, `Bearer ${next.access}`);
    await ask("mutation { logout { sessionsEnded } }", `Bearer ${next.access}`);
    const reused = await login("ada", PASSWORD);
    const second = (await refresh(reused.refresh)).refreshToken;
    await refresh(second.refresh);
    await refresh(reused.refresh);
    const fixed = await login("ada", PASSWORD, "TOKEN");
    await ask("{ me { id } }", `Token ${fixed.token}`);
    await ask("{ me { id } }", `Bearer ${fixed.token}x`);
    await login("ada", WRONG_PASSWORD);
    await login(TYPED, WRONG_PASSWORD);
    await login(TYPED, WRONG_PASSWORD);
    child.kill("SIGTERM");
    const { stdout, stderr } = await ended;
    output = stdout + stderr;
    records = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .filter(({ audit }) => audit !== undefined);
    known.userId = first.user.id;
    known.sessionId = first.session.id;
    known.reusedId = reused.session.id;
  }, 60_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const of = (audit: string) => records.filter((record) => record["audit"] === audit);

  test("LG-12: has one record for each event, and none for anything else", () => {
    expect(records.map(({ audit }) => audit)).toEqual([
      ...["token_issued", "token_refreshed", "role_denied", "session_ended"],
      ...["token_issued", "token_refreshed", "token_refreshed", "token_reused"],
      ...["token_issued", "login_failed", "login_failed", "login_failed"],
    ]);
  });

  test("LG-12: has the time, the user and the session in each record", () => {
    const { userId, sessionId, reusedId } = known;
    for (const { time, msg } of records) {
      expect(Math.abs(Date.now() - Number(time))).toBeLessThan(120_000);
      expect(msg).toBe("audit");
    }
    expect(of("token_issued")[0]).toMatchObject({ userId, sessionId, scheme: "JWT" });
    expect(of("token_issued")[2]).toMatchObject({ userId, scheme: "TOKEN" });
    expect(of("token_refreshed")[0]).toMatchObject({ userId, sessionId });
    expect(of("role_denied")[0]).toMatchObject({ userId, required: "ADMIN" });
    expect(of("session_ended")[0]).toMatchObject({ userId, sessionId });
    expect(of("token_reused")[0]).toMatchObject({ userId, sessionId: reusedId });
  });

  test("LG-12: shows only a keyed fingerprint of a failed login name, which cannot be brute-forced", () => {
    const failed = of("login_failed");
    expect(failed.map(({ reason }) => reason)).toEqual(Array(3).fill("invalid_credentials"));
    const [ada, typed, again] = failed.map(({ login }) => login);
    expect([ada, typed]).toEqual(Array(2).fill(expect.stringMatching(/^[0-9a-f]{16}$/)));
    expect([again, ada === typed]).toEqual([typed, false]);
    expect([plainHash("ada"), plainHash(TYPED)]).not.toContain(ada);
    expect([plainHash("ada"), plainHash(TYPED)]).not.toContain(typed);
    expect(output).not.toContain(TYPED);
  });

  test("LG-12: has no password, token, key or signature in any line", () => {
    expect(secrets.length).toBeGreaterThan(20);
    expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
    expect(output).not.toMatch(/eyJ|gth_|argon2|PRIVATE/);
  });

  test("J-15: has one record for a rotated key", async () => {
    const script = `import { createServer } from ${JSON.stringify(join(ROOT, "dist/index.js"))};
      const server = await createServer({ databaseUrl: "sqlite:data/gatehouse.sqlite", port: 0,
        secretKey: ${JSON.stringify(SECRET_KEY)} });
      const { kid } = await server.auth.keys.rotate();
      await server.close();
      console.log("kid " + kid);`;
    const { stdout } = await runNode(["--input-type=module", "-e", script], { cwd: folder });
    const [, kid = "?"] = /^kid (\w+)$/m.exec(stdout) ?? [];
    const lines = stdout.split("\n").filter((line) => line.includes(`"audit"`));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ audit: "key_rotated", kid }]);
  });
});

import { createHash } from "node:crypto";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthEvent } from "../src/events.js";
import { type CommandFolder, ROOT, setUpFolders } from "./support/command.js";
import { describeGates, PASSWORD } from "./support/gate.js";
import { type Ended, runNode } from "./support/node-process.js";

const SECRET_KEY = "an example of a secret that is long enough";
/** A wrong password. No event and no line of the log may hold it or {@link PASSWORD}. */
const WRONG_PASSWORD = "canary that is wrong for all";
const TYPED = "canary-typed-into-the-wrong-field";
const ADMINS = "{ allSessions(first: 1) { edges { cursor } } }";

const folders = setUpFolders({ SECRET_KEY });

/** Runs a script that imports `createAuth` and `createServer` from the built package. */
function runScript(script: string, cwd: string): Promise<Ended> {
  const index = JSON.stringify(join(ROOT, "dist/index.js"));
  const source = `import { createAuth, createServer } from ${index};\n${script}`;
  return runNode(["--input-type=module", "-e", source], { cwd });
}

/** Returns a hash without a key. If a record had such a hash, a reader of the log could check guesses. */
const plainHash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** Returns the parts of a token that no event may hold: the whole, and its signature or secret. */
const partsOf = (token: string) => [token, token.split(".")[2] ?? token.slice(37, 80)];

describe("an application's hook", () => {
  describeGates((gate) => {
    let count = 0;
    let name: string;
    let id: string;

    beforeEach(async () => {
      name = `user${(count += 1)}`;
      id = await gate.user(name);
    });

    const login = (scheme: "JWT" | "SLIDING" | "TOKEN" = "JWT") => gate.login(name, scheme);

    /** Returns the events that `run` causes. */
    async function eventsOf(run: () => unknown): Promise<AuthEvent[]> {
      gate.events.length = 0;
      await run();
      return [...gate.events];
    }

    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "R-15: gets one event for a token that a login by %s issues",
      async (scheme) => {
        let sessionId = "";
        const events = await eventsOf(async () => {
          sessionId = (await login(scheme)).session.id;
        });
        expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme }]);
      },
    );

    test("R-15: gets one event for a static token that an administrator creates", async () => {
      const events = await eventsOf(() => gate.auth.authentication.createStaticToken(id, "ci"));
      const sessionId = expect.stringMatching(/^[0-9a-f]{32}$/);
      expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme: "TOKEN" }]);
    });

    test.each([
      ["AccessToken.forUser", "JWT", (user: { id: string }) => tokens().AccessToken.forUser(user)],
      [
        "RefreshToken.forUser",
        "JWT",
        (user: { id: string }) => tokens().RefreshToken.forUser(user),
      ],
      [
        "SlidingToken.forUser",
        "SLIDING",
        (user: { id: string }) => tokens().SlidingToken.forUser(user),
      ],
      ["StaticToken.create", "TOKEN", (user: { id: string }) => tokens().StaticToken.create(user)],
    ] as const)("R-15: gets one event for a token that %s creates", async (_name, scheme, make) => {
      const events = await eventsOf(() => make({ id }));
      const sessionId = expect.stringMatching(/^[0-9a-f]{32}$/);
      expect(events).toEqual([{ type: "token_issued", userId: id, sessionId, scheme }]);
    });

    const tokens = () => gate.auth.tokens;

    test.each(["JWT", "SLIDING"] as const)(
      "R-14: gets one event for a refresh by %s, with the user and the session",
      async (scheme) => {
        const { refresh, token, session } = await login(scheme);
        const events = await eventsOf(() => gate.refresh(scheme === "JWT" ? refresh : token));
        expect(events).toEqual([{ type: "token_refreshed", userId: id, sessionId: session.id }]);
      },
    );

    test("B-04, RF-2: gets one event for a reused token, however often the token is used again", async () => {
      const { refresh, session } = await login();
      await gate.refresh(refresh);
      gate.advance(60);
      const events = await eventsOf(async () => {
        await Promise.all([1, 2, 3].map(() => gate.refresh(refresh)));
        await gate.refresh(refresh);
      });
      expect(events).toEqual([{ type: "token_reused", userId: id, sessionId: session.id }]);
    });

    test("B-25: gets one event for each session that a logout ends", async () => {
      const sessions = [await login(), await login("SLIDING"), await login("TOKEN")];
      const ended = ({ session }: (typeof sessions)[number]) => ({
        type: "session_ended",
        userId: id,
        sessionId: session.id,
        reason: "logout",
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

    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "gets one event each time an expired credential by %s is presented, with its session",
      async (scheme) => {
        const { authorization, access, refresh, token, session } = await login(scheme);
        gate.advance(365 * 86_400);
        const expired = { type: "token_expired", userId: id, sessionId: session.id, scheme };
        expect(await eventsOf(() => gate.me(authorization))).toEqual([expired]);
        expect(await eventsOf(() => gate.verify(scheme === "JWT" ? access : token))).toEqual([
          expired,
        ]);
        if (scheme === "TOKEN") return;
        expect(await eventsOf(() => gate.refresh(scheme === "JWT" ? refresh : token))).toEqual([
          expired,
        ]);
      },
    );

    test("LG-12: gets one event for a failed login, the same for a wrong password, an unknown user and an inactive user", async () => {
      const idle = await gate.user(`idle${count}`);
      await gate.auth.accounts.setActive(idle, false);
      for (const [username, password, userId] of [
        [name, WRONG_PASSWORD, id],
        ["nobody", PASSWORD],
        [`idle${count}`, PASSWORD, idle],
      ] as const) {
        const events = await eventsOf(() =>
          expect(gate.login(username, "JWT", password)).rejects.toThrow("refused"),
        );
        const reason = "invalid_credentials";
        expect(events).toEqual([{ type: "login_failed", login: username, userId, reason }]);
      }
    });

    test("AZ-8: gets one event for each field that is refused because of the role", async () => {
      const { authorization } = await login();
      const events = await eventsOf(() => gate.ask(ADMINS, { authorization }));
      expect(events).toEqual([{ type: "role_denied", userId: id, required: "ADMIN" }]);
      expect(await eventsOf(() => gate.ask(ADMINS))).toEqual([]);
    });

    test("J-15: gets one event for a key that is rotated, and one for the key that takes over from a revoked key", async () => {
      const rotated = await eventsOf(() => gate.auth.keys.rotate());
      expect(rotated).toEqual([{ type: "key_rotated", kid: expect.stringMatching(/^\w+$/) }]);
      gate.advance(600);
      const [{ kid } = { kid: "" }] = rotated as { kid: string }[];
      const revoked = await eventsOf(() => gate.auth.keys.revoke(kid));
      expect(revoked.map(({ type }) => type)).toEqual(["key_rotated"]);
    });

    test("LG-12: gets no event for queries, refused credentials and pruning", async () => {
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
      const [{ hash }] = await gate.sql(`SELECT password_hash AS hash FROM "user" WHERE id = ?`, [
        id,
      ]);
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
        await gate.login(name, "JWT", WRONG_PASSWORD).catch(() => undefined);
        await gate.auth.keys.rotate();
      });
      expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThanOrEqual(6);
      const text = JSON.stringify(events);
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    });
  });
});

describe("a hook that fails", () => {
  const failures = {
    "throws an Error": `() => { throw new Error("the hook") }`,
    "throws undefined": `() => { throw undefined }`,
    "throws an object without a text": `() => { throw Object.create(null) }`,
    rejects: `async () => { throw new Error("the hook") }`,
    "rejects with undefined": `() => Promise.reject()`,
    "rejects later": `() => new Promise((_, reject) => setImmediate(reject, new Error("the hook")))`,
    "returns a thenable that rejects": `() => ({ then: (_, reject) => reject(new Error("the hook")) })`,
  };
  const openings = {
    createAuth: `const auth = await createAuth({ ...options, onEvent });
      const close = () => auth.close();`,
    createServer: `const server = await createServer({ ...options, port: 0, logLevel: "silent", onEvent });
      const { auth } = server;
      const close = () => server.close();`,
  };
  type Opening = keyof typeof openings;
  /** The end of the process of each opening. The process used all hooks, one after the other. */
  const ended = {} as Record<Opening, Ended>;

  beforeAll(async () => {
    const folder = await folders.shared();
    const runAll = async (opening: Opening) => {
      const script = `const client = { ipAddress: null, userAgent: null };
        const password = ${JSON.stringify(PASSWORD)};
        const turns = async () => {
          for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        };
        for (const [index, onEvent] of [${Object.values(failures).join(", ")}].entries()) {
          const databaseUrl = "sqlite:${opening}" + index + ".sqlite";
          const options = { databaseUrl, secretKey: ${JSON.stringify(SECRET_KEY)} };
          ${openings[opening]}
          const { accounts, authentication, keys } = auth;
          await accounts.createUser({ username: "ada", password });
          const { refresh } = await authentication.login({ username: "ada" }, password, "JWT", client);
          await turns();
          const pair = await authentication.refresh(refresh);
          await keys.rotate();
          const wrong = authentication.login({ username: "ada" }, "x", "JWT", client);
          const reason = await wrong.catch((error) => error.reason);
          await turns();
          await close();
          console.log([typeof pair.access, reason].join(" "));
        }`;
      ended[opening] = await runScript(script, folder.path);
    };
    await Promise.all([runAll("createAuth"), runAll("createServer")]);
  });

  const cases = (Object.keys(openings) as Opening[]).flatMap((opening) =>
    Object.keys(failures).map((failure, index) => [opening, failure, index] as const),
  );

  test.each(cases)(
    "R-14, R-15: breaks no operation of %s and ends no process: it %s",
    (opening, _failure, index) => {
      const { stdout, stderr, code } = ended[opening];
      expect([stdout.split("\n")[index], code]).toEqual(["string invalid_credentials", 0]);
      expect(stderr).not.toContain(PASSWORD);
    },
  );
});

describe("the log of gatehouse serve", () => {
  let folder: CommandFolder;
  /** The lines of the log that are audit records. */
  let records: Record<string, unknown>[];
  let output: string;
  const secrets = [PASSWORD, WRONG_PASSWORD, TYPED, SECRET_KEY];
  const known = { userId: "", sessionId: "", reusedId: "" };
  const startedAt = Date.now();

  beforeAll(async () => {
    folder = await folders.shared();
    await folder.run(["create-user", "ada", "--password-stdin"], { input: PASSWORD });
    const server = await folder.serve({ LOG_LEVEL: "info" });
    const ask = async (query: string, authorization?: string) => {
      const { data } = await server.ask(query, authorization);
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
    const { stdout, stderr } = await server.stop();
    output = stdout + stderr;
    records = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .filter(({ audit }) => audit !== undefined);
    known.userId = first.user.id;
    known.sessionId = first.session.id;
    known.reusedId = reused.session.id;
  });

  const of = (audit: string) => records.filter((record) => record["audit"] === audit);

  test("LG-12: has one record for each event, and none for anything else", () => {
    expect(records.map(({ audit }) => audit)).toEqual([
      ...["token_issued", "token_refreshed", "role_denied", "session_ended"],
      ...["token_issued", "token_refreshed", "token_refreshed", "token_reused"],
      ...["token_issued", "login_failed", "login_failed", "login_failed"],
    ]);
  });

  test("LG-12: says in each record when it happened, to which user and in which session", () => {
    const { userId, sessionId, reusedId } = known;
    for (const { time, msg } of records) {
      expect(time).toBeGreaterThanOrEqual(startedAt);
      expect(time).toBeLessThanOrEqual(Date.now());
      expect(msg).toBe("audit");
    }
    expect(of("token_issued")[0]).toMatchObject({ userId, sessionId, scheme: "JWT" });
    expect(of("token_issued")[2]).toMatchObject({ userId, scheme: "TOKEN" });
    expect(of("token_refreshed")[0]).toMatchObject({ userId, sessionId });
    expect(of("role_denied")[0]).toMatchObject({ userId, required: "ADMIN" });
    expect(of("session_ended")[0]).toMatchObject({ userId, sessionId });
    expect(of("token_reused")[0]).toMatchObject({ userId, sessionId: reusedId });
  });

  test("LG-12: shows the name of a failed login only as a keyed fingerprint, which a reader cannot guess passwords with", () => {
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
    const script = `const server = await createServer({ port: 0,
        databaseUrl: "sqlite:data/gatehouse.sqlite", secretKey: ${JSON.stringify(SECRET_KEY)} });
      const { kid } = await server.auth.keys.rotate();
      await server.close();
      console.log("kid " + kid);`;
    const { stdout } = await runScript(script, folder.path);
    const [, kid = "?"] = /^kid (\w+)$/m.exec(stdout) ?? [];
    const lines = stdout.split("\n").filter((line) => line.includes(`"audit"`));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ audit: "key_rotated", kid }]);
  });
});

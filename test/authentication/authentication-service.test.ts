import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { LoginAttempts } from "../../src/accounts/login-attempts.js";
import { type AuthEvent, type AuthScheme, type Client, NO_CLIENT } from "../../src/events.js";
import { defineFeature } from "../../src/index.js";
import { SessionReader } from "../../src/sessions/session-reader.js";
import { Throttle } from "../../src/throttling/throttle.js";
import { generateStaticToken } from "../../src/tokens/static-token.js";
import { decode } from "../support/forge.js";
import { describeGates, PASSWORD } from "../support/gate.js";

const WRONG = "not the right password";
const REFUSED = { code: "UNAUTHENTICATED", reason: "invalid_credentials" };

const published: [event: AuthEvent, client: Client][] = [];
const options = {
  onEvent: (event: AuthEvent, client: Client) => void published.push([event, client]),
  loginFailuresPerAccount: 3,
  loginFailureLimit: 5,
};

describeGates(options, (gate) => {
  let names = 0;
  const newUser = async () => {
    const username = `user${(names += 1)}`;
    return { username, id: await gate.user(username, { email: `${username}@example.com` }) };
  };

  const eventsOf = (type: AuthEvent["type"]) =>
    published.map(([event]) => event).filter((event) => event.type === type);

  afterEach(() => {
    published.length = 0;
    jest.restoreAllMocks();
  });

  const login = (identifier: { username: string } | { email: string }, password: string) =>
    gate.auth.authentication.login(identifier, password);

  describe("a refused login", () => {
    test("is reported with the name as it was typed, and with the user if there is one", async () => {
      const { id, username } = await newUser();
      const email = `${username}@EXAMPLE.com`;
      await expect(login({ username }, WRONG)).rejects.toMatchObject({ code: REFUSED.code });
      await expect(login({ email }, WRONG)).rejects.toMatchObject({ code: REFUSED.code });
      await expect(login({ username: "Nobody" }, WRONG)).rejects.toMatchObject({
        code: REFUSED.code,
      });
      const { reason } = REFUSED;
      expect(eventsOf("login_failed")).toEqual([
        { type: "login_failed", login: username, userId: id, reason },
        { type: "login_failed", login: email, userId: id, reason },
        { type: "login_failed", login: "Nobody", reason },
      ]);
    });

    test("is reported as throttled, and not at all if it is malformed", async () => {
      const { username } = await newUser();
      for (let turn = 0; turn < 3; turn += 1) await login({ username }, WRONG).catch(() => null);
      published.length = 0;
      await expect(login({ username }, PASSWORD)).rejects.toMatchObject({ reason: "throttled" });
      expect(eventsOf("login_failed")).toMatchObject([{ reason: "throttled" }]);
      await expect(login({ username }, "")).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      expect(eventsOf("login_failed")).toHaveLength(1);
    });

    test("also happens, and is reported, if the user changed after the password was checked", async () => {
      const { id, username } = await newUser();
      jest.spyOn(LoginAttempts.prototype, "recordSuccess").mockResolvedValue(null);
      await expect(login({ username }, PASSWORD)).rejects.toMatchObject({ code: REFUSED.code });
      expect(eventsOf("login_failed")).toHaveLength(1);
      expect(await gate.auth.sessions.list(id)).toEqual([]);
    });
  });

  test("LG-6: wrong passwords for the name and for the address of a user are counted together", async () => {
    const { username } = await newUser();
    const email = `${username}@example.com`;
    for (const identifier of [{ username }, { email }, { username }]) {
      await login(identifier, WRONG).catch(() => null);
    }
    await expect(login({ email }, PASSWORD)).rejects.toMatchObject({ reason: "throttled" });
  });

  test("the option claims is called only for JWT sessions, even if code opens the session", async () => {
    let calls = 0;
    const other = await gate.another({ claims: () => ({ call: (calls += 1) }) });
    const { id } = await newUser();
    for (const scheme of ["TOKEN", "SLIDING"] as const) await other.issue(id, scheme);
    expect(calls).toBe(0);
    const { access } = await other.issue(id);
    expect(decode(access).claims["call"]).toBe(1);
  });

  test("tokens that a scheme does not have are null, not missing", async () => {
    const { id } = await newUser();
    const issue = (scheme: AuthScheme) => gate.core.authentication.issue(id, { scheme });
    const noPair = { access: null, refresh: null };
    expect(await issue("TOKEN")).toMatchObject({ ...noPair, refreshExpiresAt: null });
    expect(await issue("SLIDING")).toMatchObject(noPair);
    expect(await issue("JWT")).toMatchObject({ token: null });
  });

  test("verifyToken does not report a token as inactive because the database failed", async () => {
    const { access } = await gate.issue((await newUser()).id);
    const lost = new Error("lost");
    jest.spyOn(SessionReader.prototype, "find").mockRejectedValue(lost);
    await expect(gate.auth.authentication.verifyToken(access)).rejects.toBe(lost);
    expect(await gate.auth.authentication.verifyToken("x")).toBeNull();
  });

  test("five wrong passwords lock an account, and right ones do not", async () => {
    const { username } = await newUser();
    for (let turn = 0; turn < 6; turn += 1) await login({ username }, PASSWORD);
    for (let turn = 0; turn < 5; turn += 1) {
      await login({ username }, WRONG).catch(() => null);
      await gate.flush();
      gate.advance(600);
    }
    await expect(login({ username }, PASSWORD)).rejects.toMatchObject({ code: REFUSED.code });
  });

  describe("requirePassword", () => {
    const require = (id: string, password: string) =>
      gate.core.authentication.requirePassword(id, password);

    test("returns the account for the right password, and reports a wrong one", async () => {
      const { id } = await newUser();
      expect(await require(id, PASSWORD)).toMatchObject({ id });
      expect(eventsOf("password_refused")).toEqual([]);
      await expect(require(id, WRONG)).rejects.toMatchObject({ code: REFUSED.code });
      await expect(require(id, "")).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
      expect(eventsOf("password_refused")).toEqual([
        { type: "password_refused", userId: id, reason: REFUSED.reason },
      ]);
    });

    test("counts as a login attempt, so it is throttled", async () => {
      const { id, username } = await newUser();
      for (let turn = 0; turn < 3; turn += 1) await login({ username }, WRONG).catch(() => null);
      await expect(require(id, PASSWORD)).rejects.toMatchObject({ reason: "throttled" });
      expect(eventsOf("password_refused")).toMatchObject([{ reason: "throttled" }]);
    });

    test("refuses a user who changed after the check, and does not report a failure of the database as a refusal", async () => {
      const { id } = await newUser();
      const recording = jest.spyOn(LoginAttempts.prototype, "recordSuccess");
      recording.mockResolvedValueOnce(null);
      await expect(require(id, PASSWORD)).rejects.toMatchObject({ code: REFUSED.code });
      expect(eventsOf("password_refused")).toHaveLength(1);
      const lost = new Error("lost");
      recording.mockRejectedValue(lost);
      await expect(require(id, PASSWORD)).rejects.toBe(lost);
      await expect(login({ username: `user${names}` }, PASSWORD)).rejects.toBe(lost);
      expect(eventsOf("password_refused")).toHaveLength(1);
      expect(eventsOf("login_failed")).toEqual([]);
    });
  });

  test("the hooks after a login and a refresh get the user's name and address", async () => {
    const seen: unknown[] = [];
    const hooks = {
      afterLogin: (user: object) => void seen.push(user),
      afterRefresh: (user: object) => void seen.push(user),
    };
    const feature = defineFeature({ name: "watch", create: () => ({ hooks }) });
    const other = await gate.another({ features: [feature] });
    const { id, username } = await newUser();
    const { refresh } = await other.login(username);
    await other.refresh(refresh);
    const user = { id, username, email: `${username}@example.com` };
    expect(seen).toEqual([user, user]);
  });

  test("a refresh without rotation keeps the refresh token current, and one with rotation does not", async () => {
    const { refresh } = await gate.issue((await newUser()).id);
    const refreshPair = (isRotating: boolean) =>
      gate.core.authentication.refreshPair(refresh, isRotating, NO_CLIENT);
    for (let turn = 0; turn < 2; turn += 1) {
      gate.advance(60);
      const { access } = await refreshPair(false);
      expect((await gate.me(`Bearer ${access!}`)).status).toBe(200);
    }
    await refreshPair(true);
    gate.advance(60);
    await expect(refreshPair(false)).rejects.toMatchObject({ reason: "token_reused" });
  });

  test("a refresh names the administrator who acts as the user, and no actor in a user's own session", async () => {
    const adminId = await gate.user(`admin${(names += 1)}`, { role: "ADMIN" });
    const { id: userId } = await newUser();
    const { authorization } = await gate.issue(adminId);
    const context = await gate.auth.createContext({ headers: { authorization } });
    const impersonator = await context.loadUser();
    const opening = { scheme: "JWT", impersonator } as const;
    const { refresh, principal } = await gate.core.authentication.issue(userId, opening);
    const own = await gate.issue(userId);
    const client = { ipAddress: "192.0.2.1", userAgent: null };
    for (const token of [refresh!, own.refresh]) {
      await gate.auth.authentication.refresh(token, client);
    }
    const refreshes = published.filter(([event]) => event.type === "token_refreshed");
    const actor = { userId, sessionId: principal.session.id, impersonatorId: adminId };
    expect(refreshes.map(([, sender]) => sender)).toEqual([{ ...client, actor }, client]);
  });

  test("a logout counts against the rate limit of its address, unless the user is signed in", async () => {
    const { id } = await newUser();
    const request = jest.spyOn(Throttle.prototype, "request");
    const { refresh, authorization } = await gate.issue(id);
    expect((await gate.logout({ refresh })).status).toBe(200);
    expect(request).toHaveBeenCalledTimes(1);
    const { refresh: other } = await gate.issue(id);
    const signedIn = await gate.issue(id, "SLIDING");
    const answer = await gate.logout({ refresh: other, authorization: signedIn.authorization });
    expect(answer.data.logout.sessionsEnded).toBe(1);
    await gate.logout({ authorization: signedIn.authorization });
    expect(request).toHaveBeenCalledTimes(1);
    expect((await gate.me(authorization)).reason).toBe("token_revoked");
  });

  test("a logout by a static token that was never issued ends nothing, and is no error", async () => {
    const { token } = generateStaticToken("0".repeat(32));
    const { data } = await gate.logout({ authorization: `Token ${token}` });
    expect(data.logout.sessionsEnded).toBe(0);
  });

  test("RFC 7009 2: a signed-in user cannot log out another user's session by its token", async () => {
    const [ada, bob] = [await newUser(), await newUser()];
    const { authorization } = await gate.issue(ada.id);
    const other = await gate.issue(bob.id);
    const answer = await gate.logout({ authorization, refresh: other.refresh });
    expect(answer).toMatchObject({ reason: "token_not_valid" });
    expect((await gate.me(other.authorization)).status).toBe(200);
  });
});

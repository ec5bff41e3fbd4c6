import { randomBytes } from "node:crypto";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { openAuth } from "../../src/auth.js";
import { resolveConfig } from "../../src/config/auth-config.js";
import { featuresWith } from "../../src/features/index.js";
import {
  type Auth,
  createAuth,
  defineFeature,
  InvalidCredentials,
  TooManyRequests,
  Vetoed,
} from "../../src/index.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { expectToEndAfter } from "../support/fake-timers.js";
import { PASSWORD } from "../support/gate.js";

const LIMIT = 5;
const SECRET_KEY = randomBytes(32).toString("base64url");
const NOW = Date.parse("2026-11-26T00:00:00Z");

describe.each(DATABASES)("the hooks of a feature, over %s", (kind) => {
  let database: TestDatabase;
  let auth: Auth;
  let isVetoed = false;
  let names = 0;
  let username: string;
  let id: string;
  const seen: unknown[] = [];

  const veto = defineFeature({
    name: "veto",
    create: () => ({
      hooks: {
        beforeLogin: (user) => {
          seen.push(user);
          if (isVetoed) throw new Vetoed("Logins are closed.");
        },
      },
    }),
  });

  beforeAll(async () => {
    database = await createDatabase(kind);
    auth = await createAuth({
      databaseUrl: database.url,
      secretKey: randomBytes(32).toString("base64url"),
      loginFailuresPerAccount: LIMIT,
      // The clock stands still. Otherwise the first wait of an account, which lasts one second, could end during a
      // test.
      now: () => NOW,
      features: [veto],
    });
  });

  afterAll(async () => {
    await auth.close();
    await database.drop();
  });

  beforeEach(async () => {
    seen.length = 0;
    isVetoed = false;
    username = `user${(names += 1)}`;
    id = await auth.accounts.createUser({ username, password: PASSWORD });
  });

  const login = (password = PASSWORD) => auth.authentication.login({ username }, password);

  test("a veto does not count as a wrong password", async () => {
    isVetoed = true;
    for (let turn = 0; turn < 2 * LIMIT; turn += 1) await expect(login()).rejects.toThrow(Vetoed);
    isVetoed = false;
    expect((await login()).principal.id).toBe(id);
  });

  test("a wrong password also counts while logins are vetoed, and never reaches the hook", async () => {
    isVetoed = true;
    const tries = await Promise.allSettled(
      Array.from({ length: 2 * LIMIT }, () => login("a wrong password")),
    );
    const reasons = tries.map((result) => (result as PromiseRejectedResult).reason as Error);
    expect(reasons.filter((error) => error instanceof InvalidCredentials)).toHaveLength(LIMIT);
    expect(reasons.filter((error) => error instanceof TooManyRequests)).toHaveLength(LIMIT);
    await expect(login()).rejects.toThrow(TooManyRequests);
    expect(seen).toEqual([]);
  });

  test("beforeLogin gets the user's id and nothing else", async () => {
    await login();
    expect(seen).toEqual([{ id }]);
  });

  test("a login, a refresh and a deletion skip the hooks that the feature does not have, without a warning", async () => {
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      const { refresh } = await login();
      await auth.authentication.refresh(refresh!);
      await auth.accounts.deleteUser(id);
      expect(warning).not.toHaveBeenCalled();
    } finally {
      warning.mockRestore();
    }
  });
});

describe.each(DATABASES)("the hooks before and after a change, over %s", (kind) => {
  const CLIENT = { ipAddress: "192.0.2.7", userAgent: "test" };
  const NEXT = "another correct horse";
  const email = "ada@example.com";
  let database: TestDatabase;
  let auth: Auth;
  let id: string;
  let fault: (name: string) => unknown;
  const seen: [name: string, user: unknown, client: unknown, wasChanged: boolean][] = [];

  /** Returns whether the new password is stored, as another connection sees it now. */
  const isChanged = async () => {
    const [row] = await database.sql(`SELECT credentials_version AS version FROM "user"`);
    return row !== undefined && row.version > 0;
  };

  const hook = (name: string) => async (user: unknown, client: unknown) => {
    seen.push([name, user, client, await isChanged()]);
    await fault(name);
  };

  const spy = defineFeature({
    name: "spy",
    create: () => ({
      hooks: {
        beforeLogin: hook("beforeLogin"),
        afterLogin: hook("afterLogin"),
        beforeRefresh: hook("beforeRefresh"),
        afterRefresh: hook("afterRefresh"),
        beforePasswordChange: hook("beforePasswordChange"),
        afterPasswordChange: hook("afterPasswordChange"),
        onUserDeleted: hook("onUserDeleted"),
        beforeRegister: hook("beforeRegister"),
        afterRegister: hook("afterRegister"),
      },
    }),
  });

  beforeEach(async () => {
    database = await createDatabase(kind);
    fault = () => undefined;
    seen.length = 0;
    auth = await createAuth({
      databaseUrl: database.url,
      secretKey: SECRET_KEY,
      features: [spy],
    });
    id = await auth.accounts.createUser({ username: "ada", email, password: PASSWORD });
  });

  afterEach(async () => {
    await auth.close();
    await database.drop();
  });

  const login = (password = PASSWORD) =>
    auth.authentication.login({ username: "ada" }, password, "JWT", CLIENT);
  const ada = () => ({ id, username: "ada", email });

  /** Runs `use`, and returns the warnings that the process printed meanwhile. */
  async function warningsOf(use: () => Promise<unknown>): Promise<unknown[]> {
    const warning = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await use();
      return warning.mock.calls.map(([text]) => text);
    } finally {
      warning.mockRestore();
    }
  }

  test("run one after the other, with the user and the client, before and after the change is stored", async () => {
    const { refresh } = await login();
    await auth.authentication.refresh(refresh!, CLIENT);
    expect(seen.splice(0)).toEqual([
      ["beforeLogin", { id }, CLIENT, false],
      ["afterLogin", ada(), CLIENT, false],
      ["beforeRefresh", { id }, CLIENT, false],
      ["afterRefresh", ada(), CLIENT, false],
    ]);
    await auth.accounts.setPassword(id, NEXT, {}, CLIENT);
    await auth.accounts.deleteUser(id, CLIENT);
    expect(seen).toEqual([
      ["beforePasswordChange", ada(), CLIENT, false],
      ["afterPasswordChange", ada(), CLIENT, true],
      ["onUserDeleted", ada(), CLIENT, false],
    ]);
  });

  test("a veto of beforePasswordChange keeps the password and the sessions", async () => {
    const { refresh } = await login();
    fault = () => {
      throw new Vetoed("The password was used before.", { code: "BAD_USER_INPUT" });
    };
    await expect(auth.accounts.setPassword(id, NEXT)).rejects.toMatchObject({
      code: "BAD_USER_INPUT",
      reason: "vetoed",
      message: "The password was used before.",
    });
    fault = () => undefined;
    await auth.authentication.refresh(refresh!);
    await login();
    expect(seen.map(([name]) => name)).not.toContain("afterPasswordChange");
  });

  test("a weak password never reaches beforePasswordChange", async () => {
    await expect(auth.accounts.setPassword(id, "passwordpassword")).rejects.toThrow(
      "easy to guess",
    );
    expect(seen).toEqual([]);
  });

  test("an error in a hook that runs afterwards, even a veto, only prints a warning", async () => {
    fault = (name) => {
      if (name.startsWith("before")) return;
      throw name === "afterLogin" ? new Vetoed("Too late.") : new Error("the disk is full");
    };
    const warnings = await warningsOf(async () => {
      const { refresh } = await login();
      await auth.authentication.refresh(refresh!);
      await auth.accounts.setPassword(id, NEXT);
      await login(NEXT);
      await auth.accounts.deleteUser(id);
      expect(await auth.accounts.findUser({ username: "ada" })).toBeNull();
    });
    const failed = (name: string) => `The hook ${name} of the feature spy failed: the disk is full`;
    expect(warnings).toEqual([
      "Too late.",
      failed("afterRefresh"),
      failed("afterPasswordChange"),
      "Too late.",
      failed("onUserDeleted"),
    ]);
  });

  test("a hook that runs afterwards and never ends delays the response by 5 seconds, and prints a warning", async () => {
    let hasBegun = false;
    fault = (name) => {
      hasBegun ||= name === "onUserDeleted";
      return hasBegun && new Promise(() => undefined);
    };
    const warnings = await expectToEndAfter(
      5_000,
      () => hasBegun,
      () => warningsOf(() => auth.accounts.deleteUser(id)),
    );
    expect(warnings).toEqual([
      "The hook onUserDeleted of the feature spy took longer than 5 seconds",
    ]);
    expect(await auth.accounts.findUser({ username: "ada" })).toBeNull();
  });

  test("a feature of Gatehouse that registers users can run beforeRegister and afterRegister", async () => {
    const features = featuresWith([spy]);
    const options = { databaseUrl: database.url, secretKey: SECRET_KEY };
    const { auth: other, core } = await openAuth(resolveConfig(options, features), features);
    try {
      const eve = { username: "eve", email: "eve@example.com" };
      await core.hooks.before("beforeRegister", eve, CLIENT);
      await core.hooks.after("afterRegister", { id, ...eve }, CLIENT);
      expect(seen).toEqual([
        ["beforeRegister", eve, CLIENT, false],
        ["afterRegister", { id, ...eve }, CLIENT, false],
      ]);
      fault = () => Promise.reject(new Vetoed("By invitation only."));
      await expect(core.hooks.before("beforeRegister", eve, CLIENT)).rejects.toThrow(Vetoed);
    } finally {
      await other.close();
    }
  });

  test("onUserDeleted does not run for a deletion that is refused", async () => {
    await auth.accounts.setRole(id, "ADMIN");
    await expect(auth.accounts.deleteUser(id)).rejects.toThrow("last active");
    expect(seen).toEqual([]);
  });
});

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type Auth,
  createAuth,
  defineFeature,
  InvalidCredentials,
  TooManyRequests,
  Vetoed,
} from "../../src/index.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { PASSWORD } from "../support/gate.js";

const LIMIT = 5;
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
      // The clock stands still, because at first an account waits only for a second.
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

  test("a wrong password counts while logins are vetoed, and never reaches the hook", async () => {
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
});

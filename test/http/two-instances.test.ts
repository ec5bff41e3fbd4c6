import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AuthScheme } from "../../src/events.js";
import {
  commandOver,
  expectOneLine,
  ROOT,
  runCommand,
  serveBeside,
  type Serving,
} from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { decode } from "../support/forge.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

const secretKey = randomBytes(32).toString("base64url");
const ADMIN = /password: (\S+?)(?:\\n|\n|"|$)/;

describe.each(DATABASES)("two servers over %s that start together on an empty database", (kind) => {
  let home: TestDatabase;
  let one: Serving;
  let two: Serving;
  let password: string;

  const run = (...parameters: string[]) =>
    commandOver({ databaseUrl: home.url, secretKey }, TIMEOUT)(...parameters);

  beforeAll(async () => {
    home = await createDatabase(kind);
    const start = () => serveBeside({ databaseUrl: home.url }, secretKey);
    [one, two] = await Promise.all([start(), start()]);
    password = ADMIN.exec(one.output + two.output)?.[1] ?? "";
  }, TIMEOUT);

  afterAll(async () => {
    await Promise.all([one, two].map((server) => server.stop()));
    await home.drop();
  }, TIMEOUT);

  async function login(server: Serving, scheme: AuthScheme = "JWT") {
    const { data, errors } = await server.ask(
      `mutation { login(username: "admin", password: "${password}", scheme: ${scheme}) {
         tokenType token access refresh } }`,
    );
    expect(errors).toBeUndefined();
    const { tokenType, token, access, refresh } = data.login;
    return { authorization: `${tokenType} ${token ?? access}`, refresh: refresh ?? token };
  }

  /** Returns the user name, or the reason of the refusal. */
  async function me(server: Serving, authorization: string): Promise<string> {
    const { data, errors } = await server.ask("{ me { username } }", authorization);
    return errors?.[0].extensions.reason ?? data.me.username;
  }

  /** Returns the next refresh token and header, or the reason of the refusal. */
  async function refresh(server: Serving, token: string): Promise<any> {
    const { data, errors } = await server.ask(
      `mutation { refreshToken(refresh: "${token}") { token access refresh } }`,
    );
    return errors?.[0].extensions.reason ?? data.refreshToken;
  }

  test("M-14: apply each migration once, and create one admin", async () => {
    const rows = await home.sql("SELECT name FROM mikro_orm_migrations");
    const names = rows.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("2026-11-22-accounts-keys-sessions");
    expect(await home.sql(`SELECT username FROM "user"`)).toEqual([{ username: "admin" }]);
    expect([one, two].filter(({ output }) => ADMIN.test(output))).toHaveLength(1);
  });

  test.each(["JWT", "SLIDING", "TOKEN"] as const)(
    "accept each other's credentials of scheme %s, and notice a logout on the other at the next request",
    async (scheme) => {
      const { authorization } = await login(one, scheme);
      expect(await me(two, authorization)).toBe("admin");
      expect(await me(one, authorization)).toBe("admin");
      const { data } = await two.ask("mutation { logout { sessionsEnded } }", authorization);
      expect(data.logout.sessionsEnded).toBe(1);
      expect(await me(one, authorization)).toBe("token_revoked");
      expect(await me(two, authorization)).toBe("token_revoked");
    },
  );

  test("rotate a session in turn, and a replay on either server ends it", async () => {
    const tokens = [(await login(one)).refresh];
    for (const server of [two, one, two]) {
      tokens.push((await refresh(server, tokens.at(-1))).refresh);
    }
    expect(await refresh(one, tokens[0])).toBe("token_reused");
    expect(await refresh(two, tokens[3])).toBe("token_reused");
  });

  test(
    "J-15: sign with a rotated key from the first login on, and both accept tokens of both keys",
    async () => {
      const kidOf = (header: string) => decode(header.replace("Bearer ", "")).header["kid"];
      const before = await login(one);
      expect((await run("rotate-keys", "--now")).code).toBe(0);
      for (const [server, other] of [
        [one, two],
        [two, one],
      ] as const) {
        const after = await login(server);
        expect(kidOf(after.authorization)).not.toBe(kidOf(before.authorization));
        expect(await me(other, after.authorization)).toBe("admin");
        expect(await me(other, before.authorization)).toBe("admin");
      }
    },
    TIMEOUT,
  );

  test(
    "keep working while a third one, with another secret or an older version, ends with one line",
    async () => {
      const { authorization } = await login(one);
      const serve = (SECRET_KEY: string) =>
        runCommand(["serve"], {
          cwd: ROOT,
          env: { PORT: "0", DATABASE_URL: home.url, SECRET_KEY },
        });
      expectOneLine(await serve(randomBytes(32).toString("base64url")), /SECRET_KEY/);
      const later = "2999-01-01-later";
      await home.sql("INSERT INTO mikro_orm_migrations (name) VALUES (?)", [later]);
      expectOneLine(
        await serve(secretKey),
        /A newer version wrote this database: the migration 2999/,
      );
      expect(await me(one, authorization)).toBe("admin");
      expect(await me(two, (await login(two)).authorization)).toBe("admin");
    },
    TIMEOUT,
  );
});

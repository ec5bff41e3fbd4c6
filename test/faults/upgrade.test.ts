import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { AuthScheme } from "../../src/events.js";
import { commandOver, ROOT, serveBeside, type Serving } from "../support/command.js";
import { createDatabase, DATABASES, type TestDatabase } from "../support/databases.js";
import { runNode } from "../support/node-process.js";
import { buildPrevious } from "./previous-version.js";

/** In milliseconds. Long, because the first build installs all packages. */
const TIMEOUT = 900_000;

const secretKey = randomBytes(32).toString("base64url");
const PASSWORD = /password: (\S+)/;

let previous: string;

beforeAll(async () => {
  previous = await buildPrevious();
}, TIMEOUT);

describe.each(DATABASES)("the previous version, beside this one over %s", (kind) => {
  let home: TestDatabase;
  let servers: Serving[];
  let password: string;

  beforeEach(async () => {
    home = await createDatabase(kind);
    servers = [];
  });

  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await home.drop();
  });

  async function serve(cli?: string): Promise<Serving> {
    const server = await serveBeside({ databaseUrl: home.url }, secretKey, {}, { cli });
    servers.push(server);
    password = PASSWORD.exec(server.output)?.[1] ?? password;
    return server;
  }

  async function ask(server: Serving, query: string, authorization?: string): Promise<any> {
    const { data, errors } = await server.ask(query, authorization);
    if (errors) throw new Error(errors[0].extensions.reason ?? errors[0].message);
    return data;
  }

  async function login(server: Serving, scheme: AuthScheme = "JWT") {
    const { login: payload } = await ask(
      server,
      `mutation { login(username: "admin", password: "${password}", scheme: ${scheme})
         { tokenType token access refresh } }`,
    );
    const { tokenType, token, access, refresh } = payload;
    return { authorization: `${tokenType} ${token ?? access}`, refresh: refresh ?? token };
  }

  async function me(server: Serving, authorization: string): Promise<string> {
    return (await ask(server, "{ me { username } }", authorization)).me.username;
  }

  async function refresh(server: Serving, token: string): Promise<string> {
    const { refreshToken } = await ask(
      server,
      `mutation { refreshToken(refresh: "${token}") { token refresh } }`,
    );
    return refreshToken.refresh ?? refreshToken.token;
  }

  /** Expects that each server accepts the other's credentials, and notices its changes at the next request. */
  async function expectCommonUsers(one: Serving, other: Serving): Promise<void> {
    for (const [issuer, judge] of [
      [one, other],
      [other, one],
    ] as const) {
      for (const scheme of ["JWT", "SLIDING", "TOKEN"] as const) {
        const credential = await login(issuer, scheme);
        expect(await me(judge, credential.authorization)).toBe("admin");
        if (scheme !== "TOKEN") {
          const next = await refresh(judge, credential.refresh);
          await refresh(issuer, next);
          await expect(refresh(judge, credential.refresh)).rejects.toThrow("token_reused");
        } else {
          await ask(judge, "mutation { logout { message } }", credential.authorization);
        }
        await expect(me(issuer, credential.authorization)).rejects.toThrow(
          /^token_(revoked|reused)$/,
        );
      }
    }
  }

  test(
    "serves the same users, and each accepts the other's tokens",
    async () => {
      const old = await serve(previous);
      const before = await login(old);
      const fresh = await serve();
      expect(await me(fresh, before.authorization)).toBe("admin");
      await refresh(fresh, before.refresh);
      await expectCommonUsers(old, fresh);
    },
    TIMEOUT,
  );

  test(
    "continues under load while this version migrates, and does not start on a schema that it does not know",
    async () => {
      const old = await serve(previous);
      const recorded = () => home.sql("SELECT name FROM mikro_orm_migrations");
      const known = await recorded();
      const failures: unknown[] = [];
      let isOver = false;
      let done = 0;
      const clients = Array.from({ length: 4 }, async () => {
        const { authorization, refresh: first } = await login(old);
        let token = first;
        while (!isOver) {
          try {
            await me(old, authorization);
            token = await refresh(old, token);
          } catch (error) {
            failures.push(error);
          }
          done += 1;
          await sleep(20);
        }
      });
      const migrate = commandOver({ databaseUrl: home.url, secretKey }, TIMEOUT);
      expect((await migrate("migrate")).code).toBe(0);
      const before = done;
      while (done < before + 20) await sleep(50);
      isOver = true;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect(await me(old, (await login(old)).authorization)).toBe("admin");
      if ((await recorded()).length > known.length) {
        const env = { PORT: "0", DATABASE_URL: home.url, SECRET_KEY: secretKey };
        const { code, stderr } = await runNode([previous, "serve"], { cwd: ROOT, env });
        expect([code, stderr]).toEqual([1, expect.stringContaining("A newer version wrote")]);
      }
      await expectCommonUsers(old, await serve());
    },
    TIMEOUT,
  );
});

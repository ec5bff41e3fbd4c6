import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { describePostgres } from "../support/databases.js";
import { type Answer, Gate, PASSWORD, type Tokens } from "../support/gate.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";

const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;

let gate: Gate;
let jwt: Tokens;
let fixed: Tokens;
let name: string;

const administer = (sql: string) => runPostgres(POSTGRES_URL, sql);

const cutConnections = () =>
  administer(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE '${name}%' AND pid <> pg_backend_pid()`,
  );

/** Renames the database. PostgreSQL refuses that while a client is connected. */
async function rename(from: string, to: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    await cutConnections();
    try {
      await administer(`ALTER DATABASE ${from} RENAME TO ${to}`);
      return;
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

const takeAway = () => rename(name, `${name}_away`);
const bringBack = () => rename(`${name}_away`, name);

const operations: Record<string, () => Promise<Answer>> = {
  "me by Token": () => gate.me(fixed.authorization),
  "me by Bearer": () => gate.me(jwt.authorization),
  login: () => gate.ask(LOGIN),
  refreshToken: () => gate.refresh(jwt.refresh),
  "verifyToken of a key": () => gate.verify(fixed.token),
  "verifyToken of an access token": () => gate.verify(jwt.access),
  "verifyToken of a refresh token": () => gate.verify(jwt.refresh),
  "logout by Token": () => gate.logout({ authorization: fixed.authorization }),
  "logout by Bearer": () => gate.logout({ authorization: jwt.authorization }),
  "logout by refresh token": () => gate.logout({ refresh: jwt.refresh }),
};

function expectUnavailable(answer: Answer, operation: string): void {
  expect([operation, answer.code, answer.status]).toEqual([operation, "SERVICE_UNAVAILABLE", 503]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.errors?.[0]?.extensions["retryAfter"]).toBeGreaterThan(0);
  expect(answer.text).not.toMatch(/postgres|gate_|does not exist|terminat|SELECT|UPDATE/i);
}

describePostgres("while PostgreSQL cannot be reached", () => {
  beforeEach(async () => {
    gate = await Gate.open({}, "postgresql");
    name = new URL(gate.databaseUrl).pathname.slice(1);
    await gate.user("ada");
    jwt = await gate.login("ada", "JWT");
    fixed = await gate.login("ada", "TOKEN");
  });

  afterEach(() => gate.close());

  test("H-28: every operation is SERVICE_UNAVAILABLE, none calls a credential invalid, and all work when it is back", async () => {
    await takeAway();
    try {
      const answers = Object.entries(operations).map(async ([operation, run]) => {
        expectUnavailable(await run(), operation);
      });
      const ready = fetch(`${gate.url}/health/ready`);
      await Promise.all(answers);
      expect((await ready).status).toBe(503);
      expect((await fetch(`${gate.url}/health/live`)).status).toBe(200);
      expect((await gate.ask("{ __typename }", fixed)).data.__typename).toBe("Query");
      expect((await gate.me()).reason).toBe("no_credentials");
      expect((await gate.me("Bearer nonsense")).reason).toBe("token_not_valid");
    } finally {
      await bringBack();
    }
    expect((await gate.me(fixed.authorization)).data?.me.username).toBe("ada");
    expect((await gate.me(jwt.authorization)).data?.me.username).toBe("ada");
    expect((await gate.refresh(jwt.refresh)).status).toBe(200);
    expect((await fetch(`${gate.url}/health/ready`)).status).toBe(200);
  });

  test("H-28: when all connections are cut in the middle of many requests, each is answered as before or SERVICE_UNAVAILABLE, never UNAUTHENTICATED", async () => {
    const running = Array.from({ length: 200 }, (_, index) =>
      gate.me(index % 2 === 0 ? fixed.authorization : jwt.authorization),
    );
    for (let cut = 0; cut < 5; cut += 1) {
      await cutConnections();
      running.push(...Array.from({ length: 20 }, () => gate.me(fixed.authorization)));
    }
    const codes = new Set((await Promise.all(running)).map(({ code }) => code ?? "answered"));
    const others = [...codes].filter((code) => !["answered", "SERVICE_UNAVAILABLE"].includes(code));
    expect(others).toEqual([]);
    expect((await gate.me(fixed.authorization)).data?.me.username).toBe("ada");
  });
});

import { expect, test } from "@jest/globals";
import { ServiceUnavailable } from "../../src/errors.js";
import { type DatabaseKind, describePostgres } from "../support/databases.js";
import { type Answer, DATABASES, Gate, PASSWORD, setUpFreshGate } from "../support/gate.js";
import { LOCK_TABLES, lockPostgres } from "../support/locks.js";

/** In milliseconds. Long, because two statements in a row may wait for five seconds each. */
const TIMEOUT = 120_000;

/** Returns everything that requests write, without `lastUsedAt` of sessions, which is written later on purpose. */
async function readState(gate: Gate): Promise<unknown[]> {
  const sessions = await gate.sql(`SELECT * FROM session ORDER BY id`);
  const users = await gate.sql(`SELECT * FROM "user" ORDER BY id`);
  return [...sessions.map((session) => ({ ...session, last_used_at: null })), ...users];
}

/** Locks the database, and sends every operation that writes. Unlocks the database after all responses. */
async function expectNothingLater(kind: DatabaseKind): Promise<void> {
  const gate = await Gate.open({}, kind);
  try {
    const ada = await gate.user("ada", { email: "ada@example.com", role: "ADMIN" });
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => gate.issue(ada)).concat(gate.issue(ada, "TOKEN")),
    );
    const [one, two, three, four, five, six, fixed] = sessions;
    const mutate = (mutation: string, authorization = "") =>
      gate.ask(`mutation { ${mutation} }`, authorization === "" ? {} : { authorization });
    const operations: (() => Promise<Answer>)[] = [
      () => mutate(`login(username: "ada", password: "${PASSWORD}") { access }`),
      () => mutate(`login(username: "ada", password: "${PASSWORD}", scheme: TOKEN) { token }`),
      () => mutate(`emailLogin(email: "ada@example.com", password: "${PASSWORD}") { access }`),
      () => gate.refresh(one?.refresh ?? ""),
      () => gate.logout({ refresh: two?.refresh ?? "" }),
      () => gate.logout({ authorization: three?.authorization ?? "" }),
      () => gate.logout({ authorization: fixed?.authorization ?? "" }),
      () => mutate(`revokeSession(id: "${four?.session.id}") { message }`, five?.authorization),
      () => mutate(`logoutOthers { sessionsEnded }`, six?.authorization),
      () => mutate(`logoutAll { sessionsEnded }`, six?.authorization),
    ];
    const before = await readState(gate);
    const release = await LOCK_TABLES[kind](gate);
    const answers = await Promise.all(operations.map((run) => run())).finally(release);
    expect(answers.map(({ code }) => code)).toEqual(operations.map(() => "SERVICE_UNAVAILABLE"));
    // A write that still waits would happen before this login, or soon after it.
    await gate.ask(`mutation { login(username: "bob", password: "x") { access } }`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await readState(gate)).toEqual(before);
    expect((await gate.refresh(one?.refresh ?? "")).status).toBe(200);
    for (const { authorization } of sessions.slice(1)) {
      expect((await gate.me(authorization)).data?.me.username).toBe("ada");
    }
  } finally {
    await gate.close();
  }
}

test(
  `OP-8: a request that was answered with SERVICE_UNAVAILABLE changes nothing later, over ${DATABASES.join(" and ")}`,
  async () => {
    await Promise.all(DATABASES.map(expectNothingLater));
  },
  TIMEOUT,
);

describePostgres("a transaction that cannot take its lock in time", () => {
  const gate = setUpFreshGate({}, "postgresql");

  test("leaves its connection usable", async () => {
    const ada = await gate.user("ada");
    const { authorization } = await gate.issue(ada);
    const server = await gate.another({
      databaseUrl: `${gate.databaseUrl}?options=-c%20statement_timeout%3D1s`,
      databasePoolSize: 1,
    });
    const release = await lockPostgres("SELECT id FROM mikro_orm_migrations FOR UPDATE")(gate);
    const change = () => server.auth.accounts.setRole(ada, "ADMIN");
    try {
      await expect(change()).rejects.toBeInstanceOf(ServiceUnavailable);
      expect((await server.me(authorization)).data?.me.username).toBe("ada");
    } finally {
      await release();
    }
    await change();
  });
});

import { beforeEach, expect, test } from "@jest/globals";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { setUpFreshGate } from "../support/gate.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";
import {
  type Credentials,
  expectAnsweredOrUnavailable,
  expectDatabaseFreeOperations,
  expectRecovery,
  expectUnavailable,
  operationsOf,
  signIn,
  startRequests,
} from "./outage.js";

const administer = (sql: string) => runPostgres(POSTGRES_URL, sql);

describePostgres("while PostgreSQL cannot be reached", () => {
  const gate = setUpFreshGate({}, "postgresql");
  let credentials: Credentials;
  let name: string;

  beforeEach(async () => {
    name = new URL(gate.databaseUrl).pathname.slice(1);
    credentials = await signIn(gate);
  });

  const cutConnections = () =>
    administer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, '${name}') AND pid <> pg_backend_pid()`,
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

  test("H-28: every operation is SERVICE_UNAVAILABLE, none calls a credential invalid, and all work again afterwards", async () => {
    await rename(name, `${name}_away`);
    try {
      const answers = operationsOf(gate, credentials).map(async ([operation, run]) => {
        expectUnavailable(await run(), operation);
      });
      const ready = fetch(`${gate.url}/health/ready`);
      await Promise.all(answers);
      expect((await ready).status).toBe(503);
      expect((await fetch(`${gate.url}/health/live`)).status).toBe(200);
      await expectDatabaseFreeOperations(gate, credentials);
    } finally {
      await rename(`${name}_away`, name);
    }
    await expectRecovery(gate, credentials);
  });

  test("H-28: while PostgreSQL takes no writes, reads are answered, writes are SERVICE_UNAVAILABLE, and the health check says read-only", async () => {
    const health = async () => {
      const response = await fetch(`${gate.url}/health/ready`);
      return [response.status, await response.json()];
    };
    const { fixed, jwt } = credentials;
    await administer(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    try {
      await cutConnections();
      await eventually(async () => (await gate.refresh(jwt.refresh)).status === 503);
      expectUnavailable(await gate.refresh(jwt.refresh), "refreshToken");
      expect((await gate.me(fixed.authorization)).data?.me.username).toBe("ada");
      expect(await health()).toEqual([200, { status: "read-only" }]);
    } finally {
      await administer(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    }
    await cutConnections();
    await eventually(async () => ((await health())[1] as { status: string }).status === "ok");
    await expectRecovery(gate, credentials);
  });

  test("H-28: when all connections are cut, running requests are answered as before or SERVICE_UNAVAILABLE, never UNAUTHENTICATED", async () => {
    const { authorization } = credentials.fixed;
    const running = startRequests(gate, credentials);
    for (let cut = 0; cut < 5; cut += 1) {
      await cutConnections();
      running.push(...Array.from({ length: 20 }, () => gate.me(authorization)));
    }
    await expectAnsweredOrUnavailable(running);
    expect((await gate.me(authorization)).data?.me.username).toBe("ada");
  });
});

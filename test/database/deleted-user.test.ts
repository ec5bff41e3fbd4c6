import { expect, test } from "@jest/globals";
import pg from "pg";
import { NoSuchUser } from "../../src/index.js";
import { describePostgres } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { PASSWORD, setUpFreshGate } from "../support/gate.js";

/** SQLite is not tested, because nothing can be deleted there while a statement runs. */
describePostgres("a user who is deleted while a statement inserts a row of the user:", () => {
  const gate = setUpFreshGate({}, "postgresql");

  /** Deletes the user in a transaction, and commits it when the operation waits for it. */
  async function whileDeleting<Result>(
    userId: string,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    const client = new pg.Client({ connectionString: gate.databaseUrl });
    await client.connect();
    await client.query("BEGIN");
    await client.query(`DELETE FROM "user" WHERE id = $1`, [userId]);
    const running = operation();
    // The operation may fail before this function returns its promise. Node would report that as an unhandled
    // rejection.
    running.catch(() => undefined);
    await eventually(async () => {
      const waiting = await gate.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    });
    await client.query("COMMIT");
    await client.end();
    return running;
  }

  test("a login is refused as with a wrong password", async () => {
    const id = await gate.user("ada");
    const { code, reason } = await whileDeleting(id, () =>
      gate.ask(`mutation { login(username: "ada", password: "${PASSWORD}") { access } }`),
    );
    expect([code, reason]).toEqual(["UNAUTHENTICATED", "invalid_credentials"]);
    expect(await gate.sql("SELECT id FROM session")).toEqual([]);
  });

  test("a static token and a role are refused, because there is no such user", async () => {
    const { accounts, authentication } = gate.auth;
    const ada = await gate.user("ada");
    const token = whileDeleting(ada, () => authentication.createStaticToken(ada));
    await expect(token).rejects.toBeInstanceOf(NoSuchUser);
    const eve = await gate.user("eve");
    // Without a profile, setting the role inserts a row.
    await gate.sql("DELETE FROM profile WHERE user_id = ?", [eve]);
    const role = whileDeleting(eve, () => accounts.setRole(eve, "ADMIN"));
    await expect(role).rejects.toBeInstanceOf(NoSuchUser);
  });
});

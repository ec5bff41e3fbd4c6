import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { serveBeside, type Serving } from "../../support/command.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { signIn } from "../recovery/calls.js";

/** In milliseconds. Long, because a server takes seconds to start on a busy machine. */
const TIMEOUT = 120_000;

describeGates((gate) => {
  let count = 0;
  let name: string;
  let id: string;
  let server: Serving | undefined;

  beforeEach(async () => {
    name = `user${(count += 1)}`;
    id = await gate.user(name);
    gate.events.length = 0;
  });

  afterEach(async () => {
    await server?.stop();
  });

  const typesOf = async (userId: string): Promise<string[]> => {
    const rows = await gate.sql(
      "SELECT type FROM audit_event WHERE subject_id = ? AND type <> 'user_created' ORDER BY id",
      [userId],
    );
    return rows.map(({ type }) => type as string);
  };

  test("LG-12: the event of a change is stored together with the change", async () => {
    const { accounts } = gate.auth;
    await signIn(gate, id);
    await gate.user("another-admin", { role: "ADMIN" });
    await accounts.setRole(id, "ADMIN");
    expect(await typesOf(id)).toContain("role_changed");
    await accounts.setRole(id, "USER");
    await accounts.updateUser(id, { username: `${name}b`, email: `${name}@example.com` });
    await accounts.setPassword(id, `${PASSWORD} again`);
    await accounts.setActive(id, false);
    await accounts.deleteUser(id);
    const types = (await typesOf(id)).filter((type) => type !== "token_issued");
    expect(types).toEqual([
      ...["role_changed", "role_changed", "username_changed", "email_changed"],
      ...["password_changed", "session_ended", "user_deactivated", "user_deleted"],
    ]);
  });

  test("LG-12: a change whose event cannot be stored does not happen", async () => {
    await gate.sql("ALTER TABLE audit_event RENAME TO moved");
    const failed = gate.auth.accounts.setRole(id, "ADMIN");
    await expect(failed).rejects.toThrow();
    await gate.sql("ALTER TABLE moved RENAME TO audit_event");
    expect((await gate.auth.accounts.getUser(id)).role).toBe("USER");
    expect(gate.events.filter(({ type }) => type === "role_changed")).toEqual([]);
    expect(await typesOf(id)).toEqual([]);
  });

  test.each([
    ["role_changed", (userId: string) => `setRole(id: "${userId}", role: ADMIN) { user { id } }`],
    ["user_deleted", (userId: string) => `deleteUser(id: "${userId}") { message }`],
  ])(
    "LG-12: %s is stored, although the server is killed right after its answer",
    async (type, mutation) => {
      const admin = await gate.user(`admin${count}`, { role: "ADMIN" });
      const { authorization } = await signIn(gate, admin);
      server = await serveBeside(gate, gate.secretKey);
      const answer = await server.ask(`mutation { ${mutation(id)} }`, authorization);
      await server.stop("SIGKILL");
      expect(answer).toEqual({ data: expect.anything() });
      expect(await typesOf(id)).toEqual([type]);
    },
    TIMEOUT,
  );
});

import { describe, expect, test } from "@jest/globals";
import { describeGates, type Gate, type Tokens } from "../support/gate.js";

const SCHEMES = ["JWT", "SLIDING", "TOKEN"] as const;

describeGates((gate) => {
  let count = 0;

  /** Creates a user with one session of each scheme. */
  async function signIn(): Promise<{ id: string; name: string; all: Tokens[] }> {
    const name = `user${(count += 1)}`;
    const id = await gate.user(name);
    const all: Tokens[] = [];
    for (const scheme of SCHEMES) all.push(await gate.issue(id, scheme));
    return { id, name, all };
  }

  /** Returns the sessions that `run` ended, with the reason of each event. */
  async function endedBy(run: () => Promise<unknown>): Promise<unknown[]> {
    gate.events.length = 0;
    await run();
    return gate.events.flatMap((event) =>
      event.type === "session_ended" ? [[event.userId, event.sessionId, event.reason]] : [],
    );
  }

  const eachOf = (id: string, all: Tokens[], reason: string) =>
    expect.arrayContaining(all.map(({ session }) => [id, session.id, reason]));

  const reasonsOf = (at: Gate, all: Tokens[]) =>
    Promise.all(all.map(async ({ authorization }) => (await at.me(authorization)).reason));

  describe("a deactivation", () => {
    test("U-02: ends every session with one event each, and an activation revives none", async () => {
      const { id, name, all } = await signIn();
      const { all: others } = await signIn();
      const { setActive } = bound(gate);
      const ended = await endedBy(() => setActive(id, false));
      expect(ended).toHaveLength(3);
      expect(ended).toEqual(eachOf(id, all, "user_deactivated"));
      expect(await reasonsOf(gate, all)).toEqual(Array(3).fill("user_inactive"));
      expect(await endedBy(() => setActive(id, true))).toEqual([]);
      expect(await reasonsOf(gate, all)).toEqual(Array(3).fill("token_revoked"));
      const [jwt, sliding] = all;
      expect((await gate.refresh(jwt!.refresh)).reason).toBe("token_revoked");
      expect((await gate.refresh(sliding!.token)).reason).toBe("token_revoked");
      expect((await gate.me((await gate.login(name)).authorization)).status).toBe(200);
      expect(await reasonsOf(gate, others)).toEqual(Array(3).fill(undefined));
    });

    test("made directly in the database ends the user's sessions at the next activation", async () => {
      const { id, all } = await signIn();
      await gate.sql(`UPDATE "user" SET is_active = ? WHERE id = ?`, [false, id]);
      const ended = await endedBy(() => bound(gate).setActive(id, true));
      expect(ended).toHaveLength(3);
      expect(ended).toEqual(eachOf(id, all, "user_deactivated"));
      expect(await reasonsOf(gate, all)).toEqual(Array(3).fill("token_revoked"));
    });

    test.each([
      ["user_inactive", `is_active = false`],
      ["password_changed", `credentials_version = credentials_version + 1`],
    ])("made directly in the database refuses every token at once: %s", async (reason, change) => {
      const { id, all } = await signIn();
      await gate.sql(`UPDATE "user" SET ${change} WHERE id = ?`, [id]);
      expect(await reasonsOf(gate, all)).toEqual(Array(3).fill(reason));
      const [jwt, sliding] = all;
      expect((await gate.refresh(jwt!.refresh)).reason).toBe(reason);
      expect((await gate.refresh(sliding!.token)).reason).toBe(reason);
      expect(await gate.auth.sessions.list(id)).toEqual([]);
    });

    test("also ends a session that a login opens at the same moment", async () => {
      const id = await gate.user(`user${(count += 1)}`);
      for (let round = 0; round < 10; round += 1) {
        const { setActive } = bound(gate);
        const opening = gate.issue(id).catch(() => null);
        await Promise.all([opening, setActive(id, false)]);
        await setActive(id, true);
        const tokens = await opening;
        if (tokens !== null) expect((await gate.me(tokens.authorization)).status).toBe(401);
      }
    });

    test("that is refused ends no session", async () => {
      const admin = await gate.user(`user${(count += 1)}`, { role: "ADMIN" });
      const tokens = await gate.issue(admin);
      const refused = expect(bound(gate).setActive(admin, false)).rejects.toThrow("last active");
      expect(await endedBy(() => refused)).toEqual([]);
      const deleted = expect(gate.auth.accounts.deleteUser(admin)).rejects.toThrow("last active");
      expect(await endedBy(() => deleted)).toEqual([]);
      expect((await gate.me(tokens.authorization)).status).toBe(200);
    });

    test("does not happen when an active user is activated, and no session ends", async () => {
      const { id, all } = await signIn();
      expect(await endedBy(() => bound(gate).setActive(id, true))).toEqual([]);
      expect(await reasonsOf(gate, all)).toEqual(Array(3).fill(undefined));
    });
  });

  test.each([
    [
      "a new password",
      "password_changed",
      (id: string) => gate.auth.accounts.setPassword(id, "another correct horse"),
    ],
    ["a deletion", "user_deleted", (id: string) => gate.auth.accounts.deleteUser(id)],
  ] as const)("%s also ends every session with one event each", async (_name, reason, change) => {
    const { id, all } = await signIn();
    const ended = await endedBy(() => change(id));
    expect(ended).toHaveLength(3);
    expect(ended).toEqual(eachOf(id, all, reason));
  });
});

const bound = ({ auth: { accounts } }: Gate) => ({
  setActive: (id: string, isActive: boolean) => accounts.setActive(id, isActive),
});

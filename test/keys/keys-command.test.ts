import { describe, expect, test } from "@jest/globals";
import { commandOver } from "../support/command.js";
import { describeFreshGates } from "../support/gate.js";

/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 240_000;

describeFreshGates((gate) => {
  const run = commandOver(gate, TIMEOUT);

  describe("a key row that cannot be read", () => {
    test(
      "is reported by rotate-keys, which can revoke it",
      async () => {
        const { kid } = await gate.auth.keys.rotate();
        await gate.sql("UPDATE signing_key SET sealed_key = 'damaged' WHERE kid = ?", [kid]);
        const revoked = await run("rotate-keys", "--revoke", kid);
        expect([revoked.code, revoked.stdout]).toEqual([0, `Revoked the key ${kid}.\n`]);
        expect(revoked.stderr).toContain(`The signing key ${kid} in the database cannot be read`);
        expect((await run("migrate")).stderr).toBe("");
      },
      TIMEOUT,
    );

    test("and is the only key stops a command with one line", async () => {
      await gate.sql("UPDATE signing_key SET algorithm = 'none'");
      const [{ kid }] = await gate.sql("SELECT kid FROM signing_key");
      const { code, stderr } = await run("migrate");
      expect(code).toBe(1);
      expect(stderr).toMatch(/^gatehouse: [^\n]+\n$/);
      expect(stderr).toContain(`The signing key ${kid} in the database cannot be read`);
    });
  });
});

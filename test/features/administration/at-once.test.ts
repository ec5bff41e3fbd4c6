import { describe, expect, test } from "@jest/globals";
import { describeFreshGates, type Tokens } from "../../support/gate.js";
import { fresh } from "../../support/fresh.js";

const ROUNDS = 10;
const LAST_ADMIN = "This user is the last active ADMIN. Give another user the role ADMIN first.";

const CHANGES = {
  demotes: (id: string) => `setRole(id: "${id}", role: USER) { user { id } }`,
  deactivates: (id: string) => `setActive(id: "${id}", isActive: false) { user { id } }`,
  deletes: (id: string) => `deleteUser(id: "${id}") { message }`,
};
type Change = keyof typeof CHANGES;

describeFreshGates((gate) => {
  describe("two administrators who remove each other at the same time, on two instances", () => {
    test.each<[Change, Change]>([
      ["demotes", "demotes"],
      ["deactivates", "deactivates"],
      ["deletes", "deletes"],
      ["demotes", "deletes"],
    ])(
      "AZ-8, G-22: if one calls %s and the other %s, one administrator stays",
      async (one, other) => {
        const second = await gate.another();
        const servers = [gate, second];
        // Warms the connections and statements of both instances, so that the requests really meet.
        const warm = await fresh(gate, await gate.user("warm", { role: "ADMIN" }));
        for (const { url } of servers) {
          await Promise.all(
            Array.from({ length: 5 }, () =>
              gate.ask("{ users { edges { cursor } } }", {
                authorization: warm.authorization,
                url,
              }),
            ),
          );
        }
        await gate.sql(`UPDATE profile SET role = 'USER'`);
        for (let round = 0; round < ROUNDS; round += 1) {
          const ids = [
            await gate.user(`ada${round}`, { role: "ADMIN" }),
            await gate.user(`bob${round}`, { role: "ADMIN" }),
          ] as const;
          const tokens = [await fresh(gate, ids[0]), await fresh(gate, ids[1])] as const;
          const ask = (change: Change, by: Tokens, id: string, url: string) =>
            gate.ask(`mutation { ${CHANGES[change](id)} }`, { ...by, url });
          const answers = await Promise.all([
            ask(one, tokens[0], ids[1], gate.url),
            ask(other, tokens[1], ids[0], second.url),
          ]);
          const refused = answers.filter(({ status }) => status !== 200);
          expect(refused).toHaveLength(1);
          // If the requests did not meet, the later administrator has already lost the role or the session.
          const [{ code, reason, errors } = answers[0]] = refused;
          if (code === "BAD_USER_INPUT") expect(errors?.[0]?.message).toBe(LAST_ADMIN);
          else
            expect(["role_required", "token_revoked", "user_inactive", "user_not_found"]).toContain(
              reason,
            );
          const admins = await gate.sql(
            `SELECT id FROM "user" JOIN profile ON user_id = id WHERE is_active AND role = 'ADMIN'`,
          );
          expect(admins).toHaveLength(1);
          await gate.sql(`UPDATE profile SET role = 'USER'`);
        }
      },
    );
  });
});

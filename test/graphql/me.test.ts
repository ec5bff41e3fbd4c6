import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates } from "../support/gate.js";

describeGates((gate) => {
  beforeAll(async () => {
    await gate.user("ada", { email: "ada@example.com", role: "ADMIN" });
  });

  describe("me", () => {
    test.each(["TOKEN", "JWT"] as const)(
      "T-05, H-23: ten guarded fields in one request by %s cost one statement",
      async (scheme) => {
        const { authorization } = await gate.login("ada", scheme);
        const fields = Array.from(
          { length: 10 },
          (_, index) => `f${index.toString()}: me { username }`,
        );
        const statements = await gate.countStatements(async () => {
          const { data } = await gate.ask(`{ ${fields.join(" ")} }`, { authorization });
          expect(data.f9.username).toBe("ada");
        });
        expect(statements).toBe(1);
      },
    );
  });
});

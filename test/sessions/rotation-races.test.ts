import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Serving, serveBeside } from "../support/command.js";
import { type Answer, describeGates } from "../support/gate.js";

const ROUNDS = 25;
const SECRET_KEY = randomBytes(32).toString("base64url");

// Both servers use the machine's clock.
describeGates({ secretKey: SECRET_KEY, now: Date.now }, (gate) => {
  let ada: string;
  let other: Serving;

  beforeAll(async () => {
    ada = await gate.user("ada");
    other = await serveBeside(gate, SECRET_KEY);
  });

  afterAll(() => other.stop());

  const urlsOf = (processes: number) => [gate.url, other.url].slice(0, processes);

  /** Expects the tokens before and after a refresh to be refused. */
  async function expectDead(refreshed: Answer, tokens: { access: string; refresh: string }) {
    expect([200, 401]).toContain(refreshed.status);
    const minted = refreshed.data?.refreshToken as typeof tokens | undefined;
    for (const { access, refresh } of minted === undefined ? [tokens] : [tokens, minted]) {
      expect((await gate.me(`Bearer ${access}`)).code).toBe("UNAUTHENTICATED");
      expect((await gate.refresh(refresh)).code).toBe("UNAUTHENTICATED");
      expect((await gate.refresh(refresh, { url: other.url })).code).toBe("UNAUTHENTICATED");
    }
  }

  describe.each([1, 2])("in %d process(es)", (processes) => {
    test("N-01, N-02, RF-1, W3: 50 concurrent refreshes of one token give one valid successor and no error", async () => {
      for (let round = 0; round < 4; round += 1) {
        const { refresh, session } = await gate.issue(ada);
        const urls = urlsOf(processes);
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            gate.refresh(refresh, { url: urls[index % urls.length]! }),
          ),
        );
        expect(answers.map(({ status, text }) => (status === 200 ? "" : text)).join("")).toBe("");
        const successors = new Set(answers.map(({ data }) => data.refreshToken.refresh as string));
        expect(successors.size).toBe(1);
        const [row] = await gate.sql("SELECT generation, ended_at FROM session WHERE id = ?", [
          session.id,
        ]);
        expect([row.generation, row.ended_at]).toEqual([1, null]);
        const [successor = ""] = successors;
        expect((await gate.refresh(successor, { url: urls.at(-1)! })).status).toBe(200);
      }
    });

    test("N-03, RF-4: no token is valid after a concurrent refresh and logout", async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { access, refresh, authorization } = await gate.issue(ada);
        const by = round % 2 === 0 ? { refresh } : { authorization };
        const [refreshed, ended] = await Promise.all([
          gate.refresh(refresh),
          gate.logout({ ...by, url: urlsOf(processes).at(-1)! }),
        ]);
        expect(ended.data?.logout.sessionsEnded).toBe(1);
        await expectDead(refreshed, { access, refresh });
      }
    });
  });

  describe("no token is valid after a refresh that races with", () => {
    test("RF-4, U-10: a password change", async () => {
      const id = await gate.user("bob");
      const passwords = ["another correct horse", "yet another correct horse"];
      for (let round = 0; round < ROUNDS; round += 1) {
        const tokens = await gate.issue(id);
        const changed = gate.auth.accounts.setPassword(id, passwords[round % 2]!);
        // Hashing takes a while. This wait makes the refresh meet the change of the row.
        await new Promise((resolve) => setTimeout(resolve, round));
        const [refreshed] = await Promise.all([gate.refresh(tokens.refresh), changed]);
        await expectDead(refreshed, tokens);
      }
    });

    test("RF-4, U-06: a deactivation", async () => {
      const id = await gate.user("cyd");
      for (let round = 0; round < ROUNDS; round += 1) {
        const tokens = await gate.issue(id);
        const [refreshed] = await Promise.all([
          gate.refresh(tokens.refresh),
          gate.auth.accounts.setActive(id, false),
        ]);
        await expectDead(refreshed, tokens);
        await gate.auth.accounts.setActive(id, true);
      }
    });

    test("RF-4, B-26: a logoutAll", async () => {
      const id = await gate.user("dan");
      for (let round = 0; round < ROUNDS; round += 1) {
        const { access, refresh, authorization } = await gate.issue(id);
        const [refreshed] = await Promise.all([
          gate.refresh(refresh),
          gate.ask("mutation { logoutAll { sessionsEnded } }", { authorization }),
        ]);
        await expectDead(refreshed, { access, refresh });
      }
    });
  });
});

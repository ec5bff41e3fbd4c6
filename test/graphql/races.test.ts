import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Answer, describeGates, Gate, PASSWORD } from "../support/gate.js";

const LOGIN = `mutation ($username: String!, $scheme: AuthScheme!) {
  login(username: $username, password: "${PASSWORD}", scheme: $scheme) { token access refresh }
}`;

describeGates((gate, database) => {
  beforeAll(async () => {
    await gate.user("ada");
  });

  const refreshOf = (answer: Answer): string => answer.data.refreshToken.refresh;

  describe("at the same time", () => {
    test.each([2, 20])(
      "N-01, N-02, RF-1: %d refreshes of one token return the same successor, which works",
      async (count) => {
        const { refresh, session } = await gate.login("ada");
        const answers = await Promise.all(
          Array.from({ length: count }, () => gate.refresh(refresh)),
        );
        expect(answers.map(({ status }) => status)).toEqual(Array(count).fill(200));
        const successors = new Set(answers.map(refreshOf));
        expect(successors.size).toBe(1);
        const [successor = ""] = successors;
        expect(successor).not.toBe(refresh);
        for (const { data } of answers) expect(data.refreshToken.session.id).toBe(session.id);
        expect((await gate.refresh(successor)).status).toBe(200);
      },
    );

    test("RF-3: with a reuse window of 0, one of 20 refreshes of one token succeeds", async () => {
      const strict = await Gate.open({ reuseWindow: 0 }, database);
      try {
        await strict.user("ada");
        const { refresh } = await strict.login("ada");
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => strict.refresh(refresh)),
        );
        const won = answers.filter(({ status }) => status === 200);
        expect(won).toHaveLength(1);
        const reasons = new Set(answers.flatMap(({ reason }) => reason ?? []));
        expect([...reasons]).toEqual(["token_reused"]);
      } finally {
        await strict.close();
      }
    });

    test("N-03, RF-4: a refresh and a logout leave no live token", async () => {
      for (let round = 0; round < 20; round += 1) {
        const { refresh, authorization } = await gate.login("ada");
        const [refreshed] = await Promise.all([
          gate.refresh(refresh),
          round % 2 === 0 ? gate.logout({ refresh }) : gate.logout({ authorization }),
        ]);
        const { access, refresh: next } = refreshed.data?.refreshToken ?? {};
        const tokens = [authorization.slice("Bearer ".length), access].filter(Boolean);
        for (const token of tokens) expect((await gate.me(`Bearer ${token}`)).status).toBe(401);
        expect((await gate.refresh(refresh)).status).toBe(401);
        if (next !== undefined) expect((await gate.refresh(next)).status).toBe(401);
      }
    });

    test("two logouts of one session end it once", async () => {
      const { refresh, authorization } = await gate.login("ada");
      const answers = await Promise.all([gate.logout({ refresh }), gate.logout({ authorization })]);
      const ended = answers.map(({ data }) => data.logout.sessionsEnded as number);
      expect(ended.sort()).toEqual([0, 1]);
    });

    test("N-04: two first logins by TOKEN return two working tokens", async () => {
      await gate.user("new");
      const both = await Promise.all([gate.login("new", "TOKEN"), gate.login("new", "TOKEN")]);
      expect(both[0].token).not.toBe(both[1].token);
      for (const { authorization } of both) expect((await gate.me(authorization)).status).toBe(200);
    });

    test("only one of two users gets the same name", async () => {
      const both = await Promise.allSettled([gate.user("twin"), gate.user("TWIN")]);
      const refused = both.filter((result) => result.status === "rejected");
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toMatchObject({ code: "BAD_USER_INPUT" });
    });
  });

  describe("a login that races", () => {
    const changes = {
      "a password change": (id: string) =>
        gate.auth.accounts.setPassword(id, "another correct horse"),
      "a deactivation": (id: string) => gate.auth.accounts.setActive(id, false),
      "a deletion": (id: string) => gate.auth.accounts.deleteUser(id),
    };

    test.each(Object.entries(changes))("%s leaves no live session", async (name, change) => {
      for (let round = 0; round < 8; round += 1) {
        const username = `racer.${name.slice(2, 5)}.${round}`;
        const id = await gate.user(username);
        const ask = (scheme: string) => gate.ask(LOGIN, { variables: { username, scheme } });
        const [jwt, fixed] = await Promise.all([ask("JWT"), ask("TOKEN"), change(id)]);
        for (const answer of [jwt, fixed]) {
          if (answer.status === 200) continue;
          expect(answer).toMatchObject({ status: 401, reason: "invalid_credentials" });
        }
        const { access, refresh } = jwt.data?.login ?? {};
        const { token } = fixed.data?.login ?? {};
        if (access !== undefined) {
          expect((await gate.me(`Bearer ${access}`)).code).toBe("UNAUTHENTICATED");
          expect((await gate.refresh(refresh)).code).toBe("UNAUTHENTICATED");
        }
        if (token !== undefined) {
          expect((await gate.me(`Token ${token}`)).code).toBe("UNAUTHENTICATED");
        }
        expect((await ask("TOKEN")).status).toBe(401);
      }
    });
  });
});

import { beforeAll, describe, expect, test } from "@jest/globals";
import { describeGates, type Tokens } from "../support/gate.js";

const ALL = `query ($where: SessionFilter, $first: Int, $after: String) {
  allSessions(where: $where, first: $first, after: $after) {
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const BAD = { status: 400, code: "BAD_USER_INPUT" };

/** The users by name, with addresses that LIKE could misread. */
const PEOPLE = {
  Ada: "ada@example.com",
  bob: "100%off@example.com",
  cyd: "under_score@example.com",
  dan: "underXscore@example.com",
  eve: "1000off@example.com",
};
type Name = keyof typeof PEOPLE;

describeGates((gate) => {
  let admin: Tokens;
  let start: number;
  const ids = {} as Record<Name | "admin", string>;
  /** The sessions of each user, oldest first. The first is by JWT, and the second, ten seconds later, by TOKEN. */
  const sessionsOf = {} as Record<Name, Tokens[]>;

  beforeAll(async () => {
    ids.admin = await gate.user("root", { role: "ADMIN" });
    admin = await gate.login("root", "SLIDING");
    gate.advance(10);
    start = gate.now;
    for (const [name, email] of Object.entries(PEOPLE) as [Name, string][]) {
      ids[name] = await gate.user(name, { email });
      sessionsOf[name] = [await gate.login(name, "JWT")];
      gate.advance(10);
      sessionsOf[name].push(await gate.login(name, "TOKEN"));
      gate.advance(10);
    }
  });

  const ask = (variables: Record<string, unknown>) =>
    gate.ask(ALL, { variables, authorization: admin.authorization });
  const page = async (variables: Record<string, unknown>) => {
    const { data, text } = await ask(variables);
    if (!data) throw new Error(text);
    const { edges, pageInfo } = data.allSessions;
    return { ids: edges.map(({ node }: any) => node.id) as string[], pageInfo, edges };
  };
  const find = async (where: Record<string, unknown> | null) =>
    (await page({ where, first: 100 })).ids;
  const newestFirst = (...names: Name[]) =>
    names.flatMap((name) => sessionsOf[name].map(({ session }) => session.id)).reverse();
  const everybody = () => newestFirst(...(Object.keys(PEOPLE) as Name[]));

  describe("a filter of allSessions", () => {
    test("M-11: lists every live session of every user, newest first, if it has no conditions", async () => {
      const all = [...everybody(), admin.session.id];
      expect(await find(null)).toEqual(all);
      expect(await find({})).toEqual(all);
      expect(await gate.countStatements(() => find(null))).toBe(2);
    });

    test("returns the user of each session, from the same statement", async () => {
      const query = `{ allSessions(where: { username: { exact: "bob" } }) {
        edges { node { id } user { id username email profile { role } isActive } } } }`;
      const statements = await gate.countStatements(async () => {
        const { data } = await gate.ask(query, { authorization: admin.authorization });
        const owners = data.allSessions.edges.map(({ user }: any) => user);
        expect(owners.length).toBe(sessionsOf.bob.length);
        for (const owner of owners) {
          expect(owner).toMatchObject({ id: ids.bob, username: "bob", isActive: true });
          expect(owner.profile).toEqual({ role: "USER" });
        }
      });
      expect(statements).toBe(2);
    });

    test("M-11: userId matches any user id of a list", async () => {
      expect(await find({ userId: { in: [ids.bob] } })).toEqual(newestFirst("bob"));
      expect(await find({ userId: { in: [ids.Ada, ids.eve, "x"] } })).toEqual(
        newestFirst("Ada", "eve"),
      );
      expect(await find({ userId: { in: [] } })).toEqual([]);
      const hundred = Array.from({ length: 100 }, (_, index) => index.toString());
      expect(await find({ userId: { in: hundred } })).toEqual([]);
      expect(await ask({ where: { userId: { in: [...hundred, "x"] } } })).toMatchObject(BAD);
    });

    test("M-11: username matches exactly, or in any case", async () => {
      expect(await find({ username: { exact: "Ada" } })).toEqual(newestFirst("Ada"));
      expect(await find({ username: { exact: "ada" } })).toEqual([]);
      expect(await find({ username: { exact: "Ad_" } })).toEqual([]);
      for (const name of ["ada", "ADA", "Ada"]) {
        expect(await find({ username: { iexact: name } })).toEqual(newestFirst("Ada"));
      }
      expect(await find({ username: { iexact: "ad" } })).toEqual([]);
    });

    test("M-11: email matches a part in any case, and takes %, _ and \\ as ordinary characters", async () => {
      expect(await find({ email: { icontains: "EXAMPLE.com" } })).toEqual(everybody());
      expect(await find({ email: { icontains: "0%o" } })).toEqual(newestFirst("bob"));
      expect(await find({ email: { icontains: "%" } })).toEqual(newestFirst("bob"));
      expect(await find({ email: { icontains: "R_S" } })).toEqual(newestFirst("cyd"));
      expect(await find({ email: { icontains: "_" } })).toEqual(newestFirst("cyd"));
      for (const part of ["\\", "\\%", "100\\%off", "' OR 1 = 1 --", "ada@example.com.", "*"]) {
        expect(await find({ email: { icontains: part } })).toEqual([]);
      }
    });

    test("M-11: createdAt takes gt, gte, lt and lte, exact to the millisecond", async () => {
      const [first, second] = sessionsOf.Ada.map(({ session }) => session.id);
      const at = new Date(start).toISOString();
      const next = new Date(start + 10_000).toISOString();
      const within = async (createdAt: object) => find({ createdAt, username: { exact: "Ada" } });
      expect(await within({ gt: at })).toEqual([second]);
      expect(await within({ gte: at })).toEqual([second, first]);
      expect(await within({ lt: next })).toEqual([first]);
      expect(await within({ lte: next })).toEqual([second, first]);
      expect(await within({ gt: at, lt: next })).toEqual([]);
      expect(await within({ gte: at, lte: at })).toEqual([first]);
      const justBefore = new Date(start - 1).toISOString();
      expect(await within({ gt: justBefore, lt: next })).toEqual([first]);
    });

    test("M-11: scheme matches sessions of that scheme", async () => {
      expect(await find({ scheme: "SLIDING" })).toEqual([admin.session.id]);
      const jwt = everybody().filter((_, index) => index % 2 === 1);
      expect(await find({ scheme: "JWT" })).toEqual(jwt);
    });

    test("M-09: isLive false matches ended and expired sessions, and null matches all", async () => {
      const id = await gate.user("gus");
      const tokens = [await gate.login("gus", "JWT"), await gate.login("gus", "TOKEN")];
      await gate.logout(tokens[0]!);
      const of = (isLive: boolean | null) => find({ userId: { in: [id] }, isLive });
      const [over = "", live = ""] = tokens.map(({ session }) => session.id);
      expect(await of(true)).toEqual([live]);
      expect(await of(false)).toEqual([over]);
      expect((await of(null)).sort()).toEqual([over, live].sort());
      expect(await find({ userId: { in: [id] } })).toEqual([live]);
      await gate.auth.accounts.deleteUser(id);
    });

    test("M-11: several fields are combined with AND", async () => {
      const where = {
        email: { icontains: "example" },
        scheme: "TOKEN",
        username: { iexact: "BOB" },
      };
      expect(await find(where)).toEqual([sessionsOf.bob[1]!.session.id]);
      expect(await find({ ...where, email: { icontains: "score" } })).toEqual([]);
      expect(await find({ ...where, email: null, scheme: null })).toEqual(newestFirst("bob"));
    });

    test.each([
      { createdAt: { gt: "yesterday" } },
      { createdAt: { gt: 7 } },
      { userId: "x" },
      { userId: { in: [null] } },
      { scheme: "jwt" },
      { isLive: "yes" },
      { password: { exact: "x" } },
      { username: { exact: 7 } },
    ])("T-09: is BAD_USER_INPUT if it has a wrong shape: %j", async (where) => {
      expect(await ask({ where })).toMatchObject(BAD);
    });

    const ODD = {
      "a NUL": "\0",
      "a NUL inside": "a\0b",
      "half a character": "\ud800",
      "50,000 letters": "x".repeat(50_000),
    };
    test.each(Object.entries(ODD))(
      "W10: with %s finds nothing or is BAD_USER_INPUT, never a 5xx",
      async (_name, text) => {
        const filters = {
          userId: { in: [text] },
          exact: { exact: text },
          iexact: { iexact: text },
          email: { icontains: text },
        };
        const answers = Object.entries(filters).map(async ([name, filter]) => {
          const field = name.includes("exact") ? "username" : name;
          const { data, code } = await ask({ where: { [field]: filter } });
          return [name, data?.allSessions.edges.length ?? code];
        });
        const found = Object.fromEntries(await Promise.all(answers));
        for (const name of Object.keys(filters)) {
          expect([name, found[name] === 0 ? "BAD_USER_INPUT" : found[name]]).toEqual([
            name,
            "BAD_USER_INPUT",
          ]);
        }
      },
    );
  });

  describe("a page of allSessions", () => {
    let manyId: string;

    test("has 20 sessions by default, and 1 to 100 on request", async () => {
      manyId = await gate.user("many");
      for (let count = 0; count < 25; count += 1) {
        await gate.auth.authentication.createStaticToken(manyId);
      }
      const where = { username: { exact: "many" } };
      expect((await page({ where })).ids).toHaveLength(20);
      expect((await page({ where, first: null })).ids).toHaveLength(20);
      expect((await page({ where, first: 1 })).ids).toHaveLength(1);
      expect((await page({ where, first: 100 })).ids).toHaveLength(25);
      for (const first of [0, -1, 101, 2 ** 31 - 1]) {
        expect(await ask({ first })).toMatchObject(BAD);
      }
    });

    test("is followed by the right page while sessions open and end, even at the same instant", async () => {
      const where = { username: { exact: "many" } };
      const before = (await page({ where, first: 100 })).ids;
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const { ids: part, pageInfo, edges } = await page({ where, first: 4, after });
        expect(pageInfo.hasPreviousPage).toBe(after !== null);
        expect(pageInfo.startCursor).toBe(edges[0].cursor);
        seen.push(...part);
        gate.advance(1);
        await gate.auth.authentication.createStaticToken(manyId);
        // End the session that the cursor names.
        await gate.auth.sessions.end(part.at(-1)!);
        after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
      } while (after !== null);
      expect(seen).toEqual(before);
    });

    test("is empty, without cursors, when nothing matches", async () => {
      const { pageInfo } = await page({ where: { username: { exact: "nobody" } } });
      expect(pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: false,
        startCursor: null,
        endCursor: null,
      });
    });

    test.each([
      "",
      "x",
      "\0",
      "1",
      Buffer.from("1.x").toString("base64url"),
      Buffer.from(`1' OR 1=1.${"0".repeat(32)}`).toString("base64url"),
      Buffer.from(`-1.${"0".repeat(32)}`).toString("base64url"),
      Buffer.from(`9999999999999999.${"0".repeat(32)}`).toString("base64url"),
      "A".repeat(50_000),
    ])("after an invalid cursor is BAD_USER_INPUT: %#", async (after) => {
      expect(await ask({ after })).toMatchObject(BAD);
    });
  });
});

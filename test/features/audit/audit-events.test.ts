import { beforeAll, describe, expect, test } from "@jest/globals";
import type { AuthEvent } from "../../../src/events.js";
import { describeGates, type Tokens } from "../../support/gate.js";
import { rowsOf } from "./stored.js";

const ALL = `query ($where: AuditEventFilter, $first: Int, $after: String) {
  auditEvents(where: $where, first: $first, after: $after) {
    edges { cursor node { id type at isByOther sessionId actorSessionId ipAddress userAgent requestId
      actor { id username } user { id username } impersonator { id } details { name value } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const BAD = { status: 400, code: "BAD_USER_INPUT" };
const MISSING = "0".repeat(32);

describeGates((gate) => {
  let rootId: string;
  let ada: string;
  let bob: string;
  let gone: string;
  let root: Tokens;
  let ofAda: Tokens;
  let ofBob: Tokens;
  let start: number;

  /** Publishes an event a second after the previous one, as a feature would. */
  function publish(
    type: `test:${string}`,
    userId?: string,
    actor?: { userId: string; sessionId: string; impersonatorId?: string },
    more: object = {},
  ): void {
    gate.advance(1);
    const event = { type, ...(userId && { userId }), ...more } as AuthEvent;
    const client = { ipAddress: "192.0.2.1", userAgent: "agent", requestId: "request" };
    gate.core.onEvent(event, { ...client, ...(actor && { actor }) });
  }

  const by = (userId: string, { session }: Tokens) => ({ userId, sessionId: session.id });

  beforeAll(async () => {
    [rootId, ada, bob, gone] = await Promise.all([
      gate.user("root", { role: "ADMIN" }),
      gate.user("ada", { email: "ada@example.com" }),
      gate.user("bob", { email: "bob@example.com" }),
      gate.user("gone"),
    ]);
    [root, ofAda, ofBob] = [
      await gate.issue(rootId),
      await gate.issue(ada, "SLIDING"),
      await gate.issue(bob, "SLIDING"),
    ];
    await rowsOf(gate);
    start = gate.now;
    publish("test:stranger", ada);
    publish("test:self", ada, by(ada, ofAda));
    publish("test:admin", ada, by(rootId, root), { details: { why: "spam", days: 3 } });
    publish("test:by-ada", bob, by(ada, ofAda));
    publish("test:bob", bob, by(bob, ofBob), { sessionId: MISSING });
    publish("test:impersonated", bob, { ...by(bob, ofBob), impersonatorId: rootId });
    publish("test:key");
    publish("test:gone", gone, { userId: gone, sessionId: MISSING });
    await gate.auth.accounts.deleteUser(gone);
    await rowsOf(gate);
  });

  const ask = (variables: object, tokens: Tokens = root) =>
    gate.ask(ALL, {
      variables: { ...variables },
      authorization: tokens.authorization,
    });
  async function page(variables: object, tokens?: Tokens) {
    const { data, text } = await ask(variables, tokens);
    if (!data) throw new Error(text);
    const { edges, pageInfo } = data.auditEvents;
    return { nodes: edges.map(({ node }: any) => node) as any[], edges, pageInfo };
  }
  /** Returns the types of the published events that match, oldest first, without `test:`. */
  async function find(where: object | null, tokens?: Tokens): Promise<string[]> {
    const { nodes } = await page({ where, first: 100 }, tokens);
    return nodes
      .map(({ type }) => type as string)
      .filter((type) => type.startsWith("test:") && type !== "test:mark")
      .map((type) => type.slice("test:".length))
      .reverse();
  }
  const everything = [
    ...["stranger", "self", "admin", "by-ada", "bob", "impersonated", "key", "gone"],
  ];

  describe("auditEvents", () => {
    test("AZ-10: needs a signed-in user", async () => {
      expect(await gate.ask("{ auditEvents { edges { cursor } } }")).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED",
      });
    });

    test("shows an ADMIN everything, newest first", async () => {
      expect(await find(null)).toEqual(everything);
      const { nodes } = await page({ first: 100 });
      const ids = nodes.map(({ id }) => id as string);
      expect(ids).toEqual(ids.toSorted().reverse());
      expect(nodes.find(({ type }) => type === "test:admin")).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        type: "test:admin",
        at: new Date(start + 3000).toISOString(),
        isByOther: true,
        sessionId: null,
        actorSessionId: root.session.id,
        ipAddress: "192.0.2.1",
        userAgent: "agent",
        requestId: "request",
        actor: { id: rootId, username: "root" },
        user: { id: ada, username: "ada" },
        impersonator: null,
        details: [
          { name: "why", value: "spam" },
          { name: "days", value: "3" },
        ],
      });
      const impersonated = nodes.find(({ type }) => type === "test:impersonated");
      expect(impersonated).toMatchObject({ impersonator: { id: rootId }, isByOther: true });
    });

    test("AZ-6: shows a USER only the events about her, and those that she caused", async () => {
      expect(await find(null, ofAda)).toEqual(["stranger", "self", "admin", "by-ada"]);
      expect(await find(null, ofBob)).toEqual(["by-ada", "bob", "impersonated"]);
    });

    test("AZ-6: shows a USER no other user, and nothing of the client of another user", async () => {
      const { nodes } = await page({ first: 100 }, ofAda);
      const seen = (type: string) => nodes.find((node) => node.type === `test:${type}`);
      const client = { ipAddress: "192.0.2.1", userAgent: "agent", requestId: "request" };
      const hidden = { ipAddress: null, userAgent: null, requestId: null, actorSessionId: null };
      const me = { id: ada, username: "ada" };
      expect(seen("stranger")).toMatchObject({
        actor: null,
        user: me,
        isByOther: false,
        ...client,
      });
      expect(seen("self")).toMatchObject({ actor: me, user: me, isByOther: false, ...client });
      expect(seen("self")).toMatchObject({ sessionId: ofAda.session.id });
      expect(seen("admin")).toMatchObject({ actor: null, user: me, isByOther: true, ...hidden });
      expect(seen("by-ada")).toMatchObject({ actor: me, user: null, isByOther: true, ...client });
      const [impersonated] = (await page({ where: { type: { in: ["test:impersonated"] } } }, ofBob))
        .nodes;
      expect(impersonated).toMatchObject({ impersonator: null, isByOther: true, ...hidden });
      const text = JSON.stringify([nodes, impersonated]);
      expect(text).not.toContain(rootId);
      expect(text).not.toContain(root.session.id);
    });

    test("AZ-6: gives a USER the same answer for ids of other users and for unknown ids", async () => {
      const texts = await Promise.all(
        [bob, gone, MISSING, "x"].flatMap((id) =>
          ["userId", "actorId", "sessionId"].map(
            async (field) =>
              (await ask({ where: { [field]: { in: [id] }, type: { in: ["test:bob"] } } }, ofAda))
                .text,
          ),
        ),
      );
      const foreign = { where: { sessionId: { in: [ofBob.session.id] } } };
      expect(new Set([...texts, (await ask(foreign, ofAda)).text]).size).toBe(1);
      expect(texts[0]).toContain(`"edges":[]`);
    });

    test("leaves out a deleted user, but keeps the event", async () => {
      const [node] = (await page({ where: { type: { in: ["test:gone"] } } })).nodes;
      expect(node).toMatchObject({ actor: null, user: null, isByOther: false });
      expect(await find({ userId: { in: [gone] } })).toEqual(["gone"]);
    });

    test("loads the users of a page with one statement, and runs none if the query selects no users", async () => {
      // The first statement authenticates the request.
      expect(await gate.countStatements(() => page({ first: 100 }))).toBe(3);
      const { authorization } = root;
      const query = "{ auditEvents { edges { node { id } } } }";
      expect(await gate.countStatements(() => gate.ask(query, { authorization }))).toBe(2);
    });

    test("filters by type, user, actor and session", async () => {
      expect(await find({ type: { in: ["test:self", "test:key", "x"] } })).toEqual(["self", "key"]);
      expect(await find({ userId: { in: [ada] } })).toEqual(["stranger", "self", "admin"]);
      expect(await find({ userId: { in: [bob, gone] } })).toEqual([
        ...["by-ada", "bob", "impersonated", "gone"],
      ]);
      expect(await find({ actorId: { in: [ada] } })).toEqual(["self", "by-ada"]);
      expect(await find({ sessionId: { in: [ofBob.session.id] } })).toEqual([
        "bob",
        "impersonated",
      ]);
      expect(await find({ sessionId: { in: [MISSING] } })).toEqual(["bob", "gone"]);
      expect(await find({ sessionId: { in: [MISSING] }, userId: { in: [bob] } })).toEqual(["bob"]);
      const where = { userId: { in: [ada] }, actorId: { in: [rootId, ada] } };
      expect(await find(where)).toEqual(["self", "admin"]);
      expect(await find({ ...where, type: { in: ["test:admin", "test:key"] } })).toEqual(["admin"]);
      expect(await find({ type: { in: ["test:self"] } }, ofAda)).toEqual(["self"]);
      expect(await find({ actorId: { in: [ada] } }, ofBob)).toEqual(["by-ada"]);
      for (const field of ["type", "userId", "actorId", "sessionId"]) {
        expect(await find({ [field]: { in: [] } })).toEqual([]);
        expect(await find({ userId: { in: [ada] }, [field]: { in: [] } })).toEqual([]);
        expect(await find({ [field]: {} })).toEqual(everything);
      }
    });

    test("filters by instant, exact to the millisecond", async () => {
      const at = (seconds: number, more = 0) =>
        new Date(start + seconds * 1000 + more).toISOString();
      const within = (range: object) => find({ at: range });
      expect(await within({ gt: at(6) })).toEqual(["key", "gone"]);
      expect(await within({ gte: at(6) })).toEqual(["impersonated", "key", "gone"]);
      expect(await within({ lt: at(2), gt: at(0) })).toEqual(["stranger"]);
      expect(await within({ lte: at(2), gt: at(0) })).toEqual(["stranger", "self"]);
      expect(await within({ gte: at(2), lte: at(2) })).toEqual(["self"]);
      expect(await within({ gt: at(2, -1), lt: at(2, 1), gte: at(1), lte: at(9) })).toEqual([
        "self",
      ]);
      expect(await within({ gt: at(2), lt: at(2) })).toEqual([]);
      expect(await within({ lt: "1960-01-01T00:00:00Z" })).toEqual([]);
      expect(await within({ gt: "1960-01-01T00:00:00Z", lt: "9999-01-01T00:00:00Z" })).toEqual(
        everything,
      );
    });

    test.each([
      ["everything", () => root, {}],
      ["her own events", () => ofAda, {}],
      ["several users", () => root, { userId: { in: [ada, bob] } }],
    ])("M-11: pages through %s without a gap or a repetition", async (_name, caller, given) => {
      // The ids exist only when the tests run.
      const where = "userId" in given ? { userId: { in: [ada, bob] } } : null;
      const all = (await page({ where, first: 100 }, caller())).nodes.map(({ id }) => id);
      const seen: string[] = [];
      let after: string | null = null;
      for (;;) {
        const { nodes, edges, pageInfo } = await page({ where, first: 2, after }, caller());
        expect(pageInfo.hasPreviousPage).toBe(after !== null);
        expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([
          edges[0].cursor,
          edges.at(-1).cursor,
        ]);
        seen.push(...nodes.map(({ id }) => id));
        // Newer events do not move the later pages.
        publish("test:later", ada);
        await rowsOf(gate);
        if (!pageInfo.hasNextPage) break;
        after = pageInfo.endCursor;
      }
      expect(seen.length).toBeGreaterThan(3);
      expect(seen).toEqual(all);
      await gate.sql("DELETE FROM audit_event WHERE type = 'test:later'");
    });

    test("M-11: refuses page sizes, cursors and lists beyond their limits", async () => {
      const hundred = Array.from({ length: 100 }, (_, index) => `${index}`);
      expect((await page({ first: null })).nodes.length).toBeGreaterThan(8);
      const refused = [
        { first: 0 },
        { first: 101 },
        { first: -1 },
        { after: "x" },
        { after: Buffer.from("1.2").toString("base64url") },
        ...["type", "userId", "actorId", "sessionId"].flatMap((field) => [
          { where: { [field]: { in: [...hundred, "x"] } } },
          { where: { [field]: { in: ["x".repeat(256)] } } },
          { where: { [field]: { in: ["\0"] } } },
          { where: { [field]: { in: [""] } } },
        ]),
      ];
      for (const variables of refused) {
        expect([variables, await ask(variables)]).toMatchObject([variables, BAD]);
        expect(await ask(variables, ofAda)).toMatchObject(BAD);
      }
      for (const field of ["type", "userId", "actorId", "sessionId"]) {
        expect(await find({ [field]: { in: hundred } })).toEqual([]);
      }
      const lists = { userId: { in: hundred }, actorId: { in: hundred }, type: { in: hundred } };
      expect(await find({ ...lists, sessionId: { in: hundred } })).toEqual([]);
    });
  });
});

describe("auditEvents", () => {
  describeGates({ bearerCheck: "stateless" }, (gate) => {
    test("AZ-5: loads the caller from the database even if `bearerCheck` is stateless", async () => {
      const id = await gate.user("ada");
      const { authorization, session } = await gate.issue(id);
      const query = "{ auditEvents { edges { node { type user { id } } } } }";
      await rowsOf(gate);
      const types = async () =>
        (await gate.ask(query, { authorization })).data.auditEvents.edges.map(
          ({ node }: any) => node.type,
        );
      expect(await types()).toEqual(["token_issued", "user_created"]);
      await gate.auth.accounts.setRole(id, "ADMIN");
      expect(await types()).toContain("test:mark");
      await gate.auth.sessions.end(session.id);
      expect(await gate.ask(query, { authorization })).toMatchObject({ reason: "token_revoked" });
    });

    test("an event's actor comes from the token, without a query", async () => {
      const id = await gate.user("bob");
      const { authorization, session } = await gate.issue(id);
      const query = "mutation { logout { sessionsEnded } }";
      const without = await gate.countStatements(() =>
        gate.ask("{ __typename }", { authorization }),
      );
      expect(without).toBe(0);
      await gate.ask(query, { authorization });
      expect((await rowsOf(gate)).at(-1)).toMatchObject({
        type: "session_ended",
        actor_id: id,
        actor_session_id: session.id,
      });
    });
  });
});

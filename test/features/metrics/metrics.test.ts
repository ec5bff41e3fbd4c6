import { describe, expect, test } from "@jest/globals";
import { AuthError, defineFeature } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { describeGates, PASSWORD, setUpGate } from "../../support/gate.js";
import { openConnection } from "../../support/wire.js";
import { countSamples, growthOf, METRICS_TOKEN, scrape, valueOf } from "./scrape.js";

const ON = { metrics: true, metricsToken: METRICS_TOKEN };

const LOGIN =
  'mutation ($password: String!) { login(username: "ada", password: $password) { access } }';

const operations = (operation: string, outcome: string) =>
  `gatehouse_operations_total{operation="${operation}",outcome="${outcome}"}`;
const refusals = (reason: string) => `gatehouse_refusals_total{reason="${reason}"}`;
const failures = (reason: string) => `gatehouse_login_failures_total{reason="${reason}"}`;
const events = (type: string) => `gatehouse_events_total{type="${type}"}`;

describeGates({ ...ON, loginFailuresPerAccount: 1 }, (gate) => {
  test("operations are counted by root field and outcome, with their durations", async () => {
    const userId = await gate.user("ada1");
    const { authorization } = await gate.issue(userId);
    const ask = async (query: string) => gate.ask(query, { authorization });
    const grown = await growthOf(
      gate,
      [
        operations("me", "ok"),
        'gatehouse_operation_duration_seconds_count{operation="me"}',
        operations("me", "UNAUTHENTICATED"),
        operations("multiple", "ok"),
        operations("__typename", "ok"),
        operations("other", "GRAPHQL_VALIDATION_FAILED"),
        operations("other", "GRAPHQL_PARSE_FAILED"),
        operations("other", "BAD_REQUEST"),
        operations("other", "OPERATION_RESOLUTION_FAILURE"),
        operations("allSessions", "FORBIDDEN"),
        refusals("no_credentials"),
        refusals("role_required"),
        'gatehouse_http_responses_total{route="POST /graphql",status="400"}',
      ],
      async () => {
        await ask("{ me { id } }");
        await ask("query Named { renamed: me { id } }");
        await ask("{ __typename me { id } }");
        await ask("{ ...Root } fragment Root on Query { ... { me { id } } }");
        await gate.me();
        await ask("{ me { id } sessions { id } }");
        await ask("{ one: me { id } two: me { id } }");
        await ask("{ __typename }");
        await ask("{ nothing }");
        await ask("{");
        for (const body of ["[]", `{"query":"query A { me { id } }","operationName":"B"}`]) {
          await fetch(`${gate.url}/graphql`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body,
          });
        }
        await ask("{ allSessions { edges { cursor } } }");
      },
    );
    expect(grown).toEqual([4, 5, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 4]);
  });

  test("logins are counted by scheme, and failed ones by reason", async () => {
    await gate.user("ada");
    const grown = await growthOf(
      gate,
      [
        'gatehouse_sessions_opened_total{scheme="JWT"}',
        'gatehouse_sessions_opened_total{scheme="TOKEN"}',
        failures("invalid_credentials"),
        failures("throttled"),
        events("login_failed"),
        refusals("throttled"),
        operations("login", "ok"),
        operations("login", "TOO_MANY_REQUESTS"),
        'gatehouse_password_hashes_total{state="finished"}',
      ],
      async () => {
        await gate.login("ada");
        await gate.login("ada", "TOKEN");
        await gate.ask(LOGIN, { variables: { password: "not the password of ada" } });
        expect((await gate.ask(LOGIN, { variables: { password: PASSWORD } })).reason).toBe(
          "throttled",
        );
      },
    );
    expect(grown).toEqual([1, 1, 1, 1, 2, 1, 2, 1, 3]);
  });

  test("a reused refresh token is counted", async () => {
    const { refresh } = await gate.issue(await gate.user("bob"));
    const grown = await growthOf(
      gate,
      [events("token_refreshed"), events("token_reused"), refusals("token_reused")],
      async () => {
        await gate.refresh(refresh);
        gate.advance(60);
        expect((await gate.refresh(refresh)).reason).toBe("token_reused");
      },
    );
    expect(grown).toEqual([1, 1, 1]);
  });

  test("pruned rows are counted", async () => {
    await gate.issue(await gate.user("cleo"));
    gate.advance(60 * 86_400);
    let deleted = 0;
    const grown = await growthOf(gate, ["gatehouse_pruned_rows_total"], async () => {
      deleted = await gate.auth.maintenance.prune();
    });
    expect(deleted).toBeGreaterThan(0);
    expect(grown).toEqual([deleted]);
  });

  test("statements are counted by kind", async () => {
    const userId = await gate.user("dora");
    const { authorization } = await gate.issue(userId);
    await gate.me(authorization);
    await gate.flush();
    // The audit trail is stored a moment after the requests.
    await eventually(
      async () => valueOf(await scrape(gate), "gatehouse_audit_pending_events") === 0,
    );
    const counts = ["read", "write", "transaction"].map(
      (kind) => `gatehouse_statement_duration_seconds_count{kind="${kind}"}`,
    );
    const [idle = 0] = await growthOf(gate, counts, () => Promise.resolve());
    const [read = 0, write] = await growthOf(gate, counts, () => gate.me(authorization));
    // A scrape reads the outboxes, which is one statement.
    expect([read - idle, write]).toEqual([1, 0]);
    const [, , transactions] = await growthOf(gate, counts, () =>
      gate.auth.accounts.setRole({ id: userId }, "ADMIN"),
    );
    expect(transactions).toBe(1);
  });

  test("an outbox shows its length and the age of its oldest row", async () => {
    await gate.sql(
      `INSERT INTO mail_outbox (id, template, recipient, data, queued_at, due_at, attempts)
       VALUES ('late', 'canary', 'ada@example.com', '{}', ?, ?, 3)`,
      [gate.now - 90_000, gate.now + 3_600_000],
    );
    const text = await scrape(gate);
    expect(valueOf(text, "gatehouse_mail_outbox_rows")).toBe(1);
    expect(valueOf(text, "gatehouse_mail_outbox_oldest_seconds")).toBe(90);
  });

  test("the database's connections, the versions and the event loop are shown", async () => {
    const text = await scrape(gate);
    expect(valueOf(text, "gatehouse_ready")).toBe(1);
    expect(valueOf(text, "gatehouse_database_connections_max")).toBeGreaterThan(0);
    expect(valueOf(text, 'gatehouse_database_connections{state="idle"}')).toBeGreaterThan(0);
    expect(valueOf(text, "gatehouse_database_waiting")).toBe(0);
    expect(valueOf(text, "nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
    expect(text).toMatch(
      /^gatehouse_build_info\{version="\d+\.\d+\.\d+",node="v\d+\.[\d.]+"\} 1$/m,
    );
  });

  test("the metrics name no user, session, address or token", async () => {
    const userId = await gate.user("named-user", { email: "named@example.com" });
    const { authorization, session } = await gate.issue(userId);
    await gate.ask("query Named { me { id } }", { authorization });
    await gate.ask(LOGIN, { variables: { password: "canary password" } });
    const text = await scrape(gate);
    const secrets = ["named", userId, session.id, authorization.slice(7), "canary", "127.0.0.1"];
    expect(secrets.filter((value) => text.includes(value))).toEqual([]);
    expect(text).not.toMatch(/\bada\b|Named/);
  });

  test("another server in the process has separate metrics", async () => {
    const other = await gate.another();
    const sample = operations("me", "UNAUTHENTICATED");
    const before = valueOf(await scrape(gate), sample) ?? 0;
    await other.me();
    expect(valueOf(await scrape(other), sample)).toBe(1);
    expect(valueOf(await scrape(gate), sample) ?? 0).toBe(before);
  });
});

/** A careless feature, which lets the client choose the reason, the code and the type of event. */
const careless = defineFeature({
  name: "careless",
  create: (core) => ({
    extension: {
      typeDefs: `extend type Query { refuse(as: String!): Boolean @public odd: Boolean @public }`,
      resolvers: {
        Query: {
          refuse: (_root: unknown, { as }: { as: string }) => {
            core.onEvent({ type: `careless:${as}` }, { ipAddress: null, userAgent: null });
            throw new AuthError("No.", { code: as as never, reason: as });
          },
          odd: () => {
            throw new AuthError("No.", { code: "FORBIDDEN", extensions: { reason: { a: 1 } } });
          },
        },
      },
    },
    measurements: [
      { name: "careless_items", help: "Items.", kind: "gauge", read: () => 7 },
      {
        name: "careless_queues",
        help: "Queues.",
        kind: "counter",
        labels: ["queue"],
        read: () => [{ labels: { queue: "a" }, value: 2 }],
      },
      {
        name: "careless_broken",
        help: "Broken.",
        kind: "gauge",
        read: () => Promise.reject(new Error("canary")),
      },
      {
        name: "careless_slow",
        help: "Slow.",
        kind: "gauge",
        read: () => new Promise(() => undefined),
      },
    ],
  }),
});

describe("a careless feature", () => {
  const gate = setUpGate({ ...ON, features: [careless] });

  test("1,000 operation names, reasons, codes and types of events make few labels, and known values keep their labels", async () => {
    const toRequest = (index: number) => {
      const name = `Hostile${index}`;
      // Every second request asks for a field that does not exist.
      const field = index % 2 === 0 ? "refuse" : name;
      const query = `query ${name}($as: String!) { ${name}: ${field}(as: $as) }`;
      const body = JSON.stringify({ query, operationName: name, variables: { as: name } });
      const head =
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
      return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    };
    // The requests do not wait for each other's responses, because 1,000 round trips would take most of the time.
    const connection = await openConnection(gate.url);
    connection.write(Array.from({ length: 1000 }, (_, index) => toRequest(index)).join(""));
    await eventually(() => connection.received.split("HTTP/1.1 ").length > 1000, 120_000);
    connection.close();
    const text = await scrape(gate);
    expect(valueOf(text, operations("refuse", "other"))).toBe(500);
    expect(valueOf(text, operations("other", "GRAPHQL_VALIDATION_FAILED"))).toBe(500);
    expect(countSamples(text, "gatehouse_operations_total")).toBe(2);
    // The core has 20 reasons and 22 events. Features may add 100 of each. `other` counts the rest.
    expect(countSamples(text, "gatehouse_refusals_total")).toBe(20 + 100 + 1);
    expect(countSamples(text, "gatehouse_events_total")).toBe(22 + 100 + 1);
    expect(valueOf(text, refusals("other"))).toBe(400);
    expect(Buffer.byteLength(text)).toBeLessThan(100_000);
    const [counted] = await growthOf(gate, [refusals("no_credentials")], () => gate.me());
    expect(counted).toBe(1);
  });

  test("a reason that is not text is not counted", async () => {
    const grown = await growthOf(
      gate,
      [operations("odd", "FORBIDDEN"), refusals("other"), refusals("[object Object]")],
      () => gate.ask("{ odd }"),
    );
    expect(grown).toEqual([1, 0, 0]);
  });

  test("its measurements are shown, and those that fail or take too long are left out", async () => {
    const text = await scrape(gate);
    expect(valueOf(text, "careless_items")).toBe(7);
    expect(valueOf(text, 'careless_queues{queue="a"}')).toBe(2);
    expect(text).not.toMatch(/^careless_(broken|slow)/m);
    const unread = (name: string) => `gatehouse_unread_measurements_total{measurement="${name}"}`;
    const [broken, slow] = ["careless_broken", "careless_slow"].map(unread);
    expect(valueOf(text, broken!)).toBeGreaterThan(0);
    expect(valueOf(text, slow!)).toBeGreaterThan(0);
    expect(text).not.toContain("canary");
  });
});

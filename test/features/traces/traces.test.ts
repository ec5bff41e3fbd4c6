import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { defineFeature } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { describeGates, PASSWORD, setUpGate } from "../../support/gate.js";
import { MailServer } from "../../support/mail-server.js";
import { Receiver } from "../webhooks/receiver.js";

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();

const secretKey = randomBytes(32).toString("base64url");
const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
const mails = await MailServer.start();
const receiver = await Receiver.start([webhookSecret]);

/** A feature whose field fails with a secret in the message. */
const broken = defineFeature({
  name: "broken",
  create: () => ({
    extension: {
      typeDefs: "extend type Query { broken: Int @public }",
      resolvers: {
        Query: {
          broken: () => {
            throw new Error("canary of a bug");
          },
        },
      },
    },
  }),
});

const OPTIONS = {
  traces: true,
  secretKey,
  webhookUrl: receiver.url,
  webhookSecret,
  smtpUrl: mails.url,
  mailFrom: "no-reply@example.com",
  features: [broken],
  // The clock runs, because events become due as time passes.
  now: () => Date.now(),
};

afterAll(async () => {
  await mails.close();
  await receiver.close();
  await provider.shutdown();
  trace.disable();
  context.disable();
  propagation.disable();
});

beforeEach(() => {
  exporter.reset();
});

/**
 * The number of users so far. Their addresses must differ between the gates, because all gates share one mail server.
 */
let users = 0;

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

/** Waits for a span. The span of a request ends a moment after the response. */
async function spanOf(name: string): Promise<ReadableSpan> {
  const find = () => exporter.getFinishedSpans().find((span) => span.name === name);
  await eventually(() => find() !== undefined);
  return find()!;
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const traceOf = (span: ReadableSpan) => span.spanContext().traceId;

const LOGIN = `mutation SignIn($username: String!, $password: String!) {
  login(username: $username, password: $password) { access refresh }
}`;

describeGates(OPTIONS, (gate, kind) => {
  const newUser = async () => {
    const username = `ada${(users += 1)}`;
    const email = `${username}@canary.example`;
    const id = await gate.user(username, { email, role: "ADMIN" });
    return { id, username, email };
  };

  test("a login is one span that continues the client's trace, and its steps are spans below it", async () => {
    const { username } = await newUser();
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "vendor=1" };
    const variables = { username, password: PASSWORD };
    const { data } = await gate.ask(LOGIN, { variables, headers });
    expect(data.login.access).toEqual(expect.any(String));
    const login = await spanOf("mutation login");
    expect(login).toMatchObject({
      kind: SpanKind.SERVER,
      parentSpanContext: { traceId: TRACE, spanId: PARENT, isRemote: true },
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "SignIn",
        "gatehouse.outcome": "ok",
      },
    });
    expect(login.spanContext()).toMatchObject({ traceId: TRACE });
    expect(login.spanContext().traceState?.get("vendor")).toBe("1");
    const steps = exporter
      .getFinishedSpans()
      .filter((span) => span.parentSpanContext?.spanId === idOf(login));
    expect(steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["verify password", "SELECT user"]),
    );
    expect(steps.every((span) => traceOf(span) === TRACE)).toBe(true);
    expect(steps.find(({ name }) => name === "SELECT user")).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: { "db.system.name": kind, "db.query.summary": "SELECT user" },
    });
  });

  test("an authenticated request runs one statement, on the table of sessions", async () => {
    const { authorization } = await gate.issue((await newUser()).id);
    exporter.reset();
    await gate.me(authorization);
    const me = await spanOf("query me");
    const [statement, ...others] = exporter
      .getFinishedSpans()
      .filter((span) => span.parentSpanContext?.spanId === idOf(me));
    expect([statement?.name, others]).toEqual(["SELECT session", []]);
    const [length, whole] = [statement!, me].map(({ duration: [s, ns] }) => s * 1e9 + ns);
    expect(length).toBeGreaterThan(0);
    expect(whole).toBeGreaterThan(length!);
  });

  test("statements of timers that a request has started belong to no trace", async () => {
    const { authorization, session } = await gate.issue((await newUser()).id);
    await gate.me(authorization);
    const me = await spanOf("query me");
    // A timer stores the time at which the session was used.
    await eventually(async () => {
      const sql = "SELECT last_used_at AS at FROM session WHERE id = ?";
      return (await gate.sql(sql, [session.id]))[0].at !== null;
    });
    const writes = exporter.getFinishedSpans().filter(({ name }) => name === "UPDATE session");
    expect(writes.filter((span) => traceOf(span) === traceOf(me))).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    ["no header", {}],
    ["a traceparent of 8 kB", { traceparent: `00-${TRACE}-${PARENT}-01${"0".repeat(8000)}` }],
    ["a traceparent of zeros", { traceparent: `00-${"0".repeat(32)}-${PARENT}-01` }],
    ["a version that is forbidden", { traceparent: `ff-${TRACE}-${PARENT}-01` }],
    ["two traceparents", { traceparent: `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01` }],
    ["only a tracestate", { tracestate: "vendor=1" }],
  ])("%s starts a new trace, and the request is answered", async (_title, headers) => {
    const { authorization } = await gate.issue((await newUser()).id);
    exporter.reset();
    const { status } = await gate.ask("{ me { id } }", { authorization, headers });
    expect(status).toBe(200);
    const me = await spanOf("query me");
    expect(me.parentSpanContext).toBeUndefined();
    expect(traceOf(me)).not.toBe(TRACE);
    expect(me.spanContext().traceState?.serialize() ?? "").toBe("");
  });

  test("a tracestate of 8 kB is dropped, and the trace continues", async () => {
    const { authorization } = await gate.issue((await newUser()).id);
    exporter.reset();
    const tracestate = `vendor=${"x".repeat(8000)}`;
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate };
    expect((await gate.ask("{ me { id } }", { authorization, headers })).status).toBe(200);
    const me = await spanOf("query me");
    expect(traceOf(me)).toBe(TRACE);
    expect(me.spanContext().traceState?.serialize() ?? "").toBe("");
  });

  test("a webhook and a mail each have a separate trace, and the webhook's receiver can continue it", async () => {
    receiver.reset();
    const { username, email } = await newUser();
    const baggage = "canary=1";
    await gate.ask(LOGIN, { variables: { username, password: PASSWORD }, headers: { baggage } });
    await gate.auth.mail.send({ template: "password-changed", to: email });
    await mails.mailsTo(email);
    const { headers } = await receiver.accepts("token_issued");
    const [, traceId, spanId] = /^00-(\w{32})-(\w{16})-01$/.exec(String(headers["traceparent"]))!;
    expect(headers["baggage"]).toBeUndefined();
    const isSent = (span: ReadableSpan) => idOf(span) === spanId && traceOf(span) === traceId;
    await eventually(() => exporter.getFinishedSpans().some(isSent));
    const webhook = exporter.getFinishedSpans().find(isSent)!;
    const mail = await spanOf("deliver mail_outbox");
    for (const span of [webhook, mail]) {
      expect(span.kind).toBe(SpanKind.CLIENT);
      expect(span.parentSpanContext).toBeUndefined();
    }
    expect(webhook.name).toBe("deliver webhook_outbox");
  });

  test("no attribute contains a secret, an address or a name of a user", async () => {
    receiver.reset();
    const { id, username, email } = await newUser();
    const password = "another long passphrase of ada";
    const { authorization: key, token } = await gate.issue(id, "TOKEN");
    const { data } = await gate.ask(LOGIN, { variables: { username, password: PASSWORD } });
    const { access, refresh } = data.login as { access: string; refresh: string };
    await gate.ask(LOGIN, { variables: { username, password: "a wrong password" } });
    const refreshed = await gate.refresh(refresh);
    await gate.ask(`mutation { requestPasswordReset(email: "${email}") { message } }`);
    const mailToken = await mails.tokenTo(email);
    await gate.ask(
      `mutation { resetPassword(token: "${mailToken}", newPassword: "${password}") { message } }`,
    );
    await gate.me(key);
    await gate.ask(`{ users(where: { email: { icontains: "${email}" } }) { edges { cursor } } }`, {
      authorization: `Bearer ${access}`,
    });
    await gate.ask("{ broken }", { headers: { cookie: "canary", "user-agent": "canary" } });
    await gate.ask(`{ "${password}" }`);
    await fetch(`${gate.url}/nowhere/${token}?access=${access}`);
    await receiver.accepts("password_changed");
    await spanOf("mutation resetPassword");
    await spanOf("GET");
    const [{ password_hash: hash }] = await gate.sql(
      `SELECT password_hash FROM "user" WHERE id = '${id}'`,
    );
    const spans = exporter.getFinishedSpans();
    expect(spans.length).toBeGreaterThan(20);
    const told = JSON.stringify(
      spans.map(({ name, attributes, events, status, links, resource }) => ({
        ...{ name, attributes, events, status, links },
        resource: resource.attributes,
      })),
    );
    const secrets = {
      ...{ password, PASSWORD, token, access, refresh, mailToken, hash, email, username, id },
      ...{ secretKey, webhookSecret, renewed: refreshed.data.refreshToken.refresh },
      ...{ wrong: "a wrong password", canary: "canary", databaseUrl: gate.databaseUrl },
    };
    const found = Object.entries(secrets).filter(
      ([, secret]) => typeof secret !== "string" || secret === "" || told.includes(secret),
    );
    expect(found).toEqual([]);
  });

  // This test is the last one, because a failed delivery delays later events.
  test("a failed delivery and a bug are failed spans, with a code and without a message", async () => {
    receiver.answer = () => 500;
    const { username } = await newUser();
    await gate.ask(LOGIN, { variables: { username, password: PASSWORD } });
    await gate.ask("{ broken }");
    const failed = [await spanOf("query broken")];
    const find = () =>
      exporter.getFinishedSpans().find(({ attributes }) => attributes["error.type"] === "500");
    await eventually(() => find() !== undefined, 30_000);
    failed.push(find()!);
    receiver.reset();
    expect(failed.map(({ attributes }) => attributes["error.type"])).toEqual([
      "INTERNAL_SERVER_ERROR",
      "500",
    ]);
    for (const { status, events } of failed) {
      expect({ status, events }).toEqual({ status: { code: SpanStatusCode.ERROR }, events: [] });
    }
  });
});

describe("without the setting", () => {
  const gate = setUpGate();

  test("nothing is recorded, although the process has an SDK", async () => {
    const { authorization } = await gate.issue(await gate.user("ada"));
    exporter.reset();
    await gate.me(authorization);
    await gate.login("ada");
    await gate.core.sql.read("SELECT 1", []);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import type { AuthEvent } from "../../../src/events.js";
import { ROOT, runCommand } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { describeFreshGates, type Gate } from "../../support/gate.js";
import { ownTimeOf } from "../../support/measure.js";
import { startNode } from "../../support/node-process.js";
import { Receiver } from "./receiver.js";

const HOUR = 3_600_000;
const TIMEOUT = 120_000;
const NOBODY = { ipAddress: null, userAgent: null };

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;
const [current, previous, foreign] = [newSecret(), newSecret(), newSecret()];

/** The time by which the clock is ahead, in milliseconds. */
let ahead = 0;
const now = () => Date.now() + ahead;

const receiver = await Receiver.start([current, previous, foreign], now);
const OPTIONS = {
  secretKey: randomBytes(32).toString("base64url"),
  webhookUrl: receiver.url,
  webhookSecret: `${current}, ${previous}`,
  now,
};

afterAll(() => receiver.close());

describeFreshGates(OPTIONS, (gate) => {
  afterEach(() => {
    ahead = 0;
    receiver.reset();
  });

  const publish = (type: `test:${string}`, userId?: string, on: Gate = gate) => {
    on.core.onEvent({ type, ...(userId !== undefined && { userId }) }, NOBODY);
  };
  /** Publishes an event, which wakes the outbox, and waits until it arrives. */
  const tick = async () => {
    const before = receiver.received.length;
    publish("test:tick");
    const hasArrived = () =>
      receiver.received.slice(before).some(({ type }) => type === "test:tick");
    await eventually(hasArrived, 30_000);
  };
  const rows = () =>
    gate.sql(`SELECT type, attempts, due_at AS "dueAt", body FROM webhook_outbox ORDER BY id`);
  const eventsOf = (type: string) => gate.events.filter((event) => event.type === type);
  const typesOf = (userId: string) =>
    receiver.accepted.filter(({ data }) => data["userId"] === userId).map(({ type }) => type);
  /** Waits until the outbox is empty. */
  const isDelivered = () => eventually(async () => (await rows()).length === 0, 60_000);

  test(
    "an event arrives once, signed with each secret, with its user and client, and leaves the outbox",
    async () => {
      const ada = await gate.user("ada");
      const { session } = await gate.login("ada");
      const event = await receiver.accepts("token_issued");
      expect(event).toMatchObject({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        verifiedBy: [current, previous],
        headers: {
          "content-type": "application/json",
          "webhook-signature": expect.stringMatching(/^v1,\S{44} v1,\S{44}$/),
          "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
        },
      });
      expect(Math.abs(Date.parse(event.timestamp) - Date.now())).toBeLessThan(60_000);
      expect(event.data).toEqual({
        id: event.id,
        userId: ada,
        sessionId: session.id,
        actorId: null,
        actorSessionId: null,
        impersonatorId: null,
        ipAddress: "127.0.0.1",
        userAgent: "node",
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        details: { scheme: "JWT" },
      });
      await isDelivered();
      expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(receiver.received.length);
      const stored = await gate.sql("SELECT id FROM audit_event");
      expect(receiver.received.map(({ id }) => id).sort()).toEqual(
        stored.map(({ id }) => id).sort(),
      );
    },
    TIMEOUT,
  );

  test(
    "LG-12: no event has a password, a token or a text that was typed as the user name",
    async () => {
      await gate.user("ada", { email: "canary@example.com" });
      const { refresh } = await gate.login("ada");
      await gate.refresh(refresh);
      const login = `mutation { login(username: "canary-typed", password: "canary-wrong") { access } }`;
      expect((await gate.ask(login)).reason).toBe("invalid_credentials");
      await receiver.accepts("token_refreshed");
      const failed = await receiver.accepts("login_failed");
      expect(failed.data["details"]).toMatchObject({
        login: expect.stringMatching(/^[0-9a-f]{16}$/),
      });
      const everything = JSON.stringify(receiver.received.map(({ data }) => data));
      expect(everything).not.toMatch(/canary|argon2|gth_|whsec_/);
      expect(everything).not.toContain(refresh);
    },
    TIMEOUT,
  );

  test.each<[what: string, answer: ReturnType<typeof receiver.answer>, code: string]>([
    ["refuses it", 400, "400"],
    ["fails", 500, "500"],
    ["redirects it", (response) => response.writeHead(307, { location: "/other" }).end(), "307"],
    ["dies after it has read it", (response) => response.destroy(), "UND_ERR_SOCKET"],
  ])(
    "a receiver that %s gets the same event again, half a minute later",
    async (_what, answer, code) => {
      receiver.answer = () => answer;
      publish("test:first", "ada");
      await eventually(() => eventsOf("webhooks:delayed").length === 1, 30_000);
      expect(eventsOf("webhooks:delayed")).toEqual([
        {
          type: "webhooks:delayed",
          userId: "ada",
          details: { event: "test:first", attempts: 1, code },
        },
      ]);
      expect(receiver.paths).toEqual(["/hooks?key=canary"]);
      receiver.answer = () => 204;
      publish("test:other");
      await receiver.accepts("test:other");
      expect(receiver.accepted).toHaveLength(1);
      ahead += 30_000;
      await tick();
      const again = await receiver.accepts("test:first");
      expect(again.id).toBe(receiver.received[0]?.id);
      expect(again.verifiedBy).toEqual([current, previous]);
      await isDelivered();
      expect(JSON.stringify(gate.events)).not.toMatch(/canary|whsec_/);
    },
    TIMEOUT,
  );

  test(
    "an event of a user waits for earlier events of the same user, but not for those of others",
    async () => {
      receiver.answer = ({ type }) => (type === "test:1" ? 400 : 204);
      publish("test:1", "ada");
      publish("test:2", "ada");
      publish("test:3", "bob");
      await receiver.accepts("test:3");
      publish("test:4", "ada");
      publish("test:5", "bob");
      await receiver.accepts("test:5");
      expect(typesOf("ada")).toEqual([]);
      receiver.answer = () => 204;
      ahead += 30_000;
      await tick();
      await isDelivered();
      expect(typesOf("ada")).toEqual(["test:1", "test:2", "test:4"]);
    },
    TIMEOUT,
  );

  test(
    "many events that wait behind one do not hide the events of other users",
    async () => {
      const first = now() - 10_000;
      const insert = `INSERT INTO webhook_outbox (id, user_id, type, body, queued_at, due_at)`;
      const body = `'{"type":"test:old","data":{}}'`;
      await gate.sql(
        `${insert} VALUES ('000000000000', 'ada', 'test:old', ${body}, ${first}, ${now() + HOUR})`,
      );
      for (let index = 1; index <= 2; index += 1) {
        const values = Array.from(
          { length: 60 },
          (_, turn) =>
            `('0000000${index}${1000 + turn}', 'ada', 'test:old', ${body}, ${first}, ${first})`,
        );
        await gate.sql(`${insert} VALUES ${values.join(", ")}`);
      }
      publish("test:bob", "bob");
      await receiver.accepts("test:bob");
      expect(receiver.received).toHaveLength(1);
      await eventually(async () => (await rows()).length === 121);
      ahead += HOUR;
      await tick();
      await isDelivered();
      expect(receiver.accepted).toHaveLength(123);
    },
    TIMEOUT,
  );

  test(
    "an event is tried for a day; then another event reports the failure, and the user's next event is sent",
    async () => {
      receiver.answer = ({ type }) => (type === "test:bad" ? 422 : 204);
      const start = now();
      publish("test:bad", "ada");
      publish("test:next", "ada");
      const pauses: number[] = [];
      for (let attempts = 1; eventsOf("webhooks:failed").length === 0; attempts += 1) {
        // A claim lasts half a minute, and so does the first pause.
        const least = attempts === 1 ? 0 : 40_000;
        await eventually(
          async () =>
            eventsOf("webhooks:failed").length > 0 ||
            (eventsOf("webhooks:delayed").length > 0 &&
              (await rows()).some(
                (row) => row.attempts === attempts && Number(row.dueAt) > now() + least,
              )),
          30_000,
        );
        const [row] = await rows();
        if (row?.type !== "test:bad") break;
        const pause = Number(row.dueAt) - now();
        pauses.push(Math.round(pause / 30_000));
        ahead += pause;
        await tick();
      }
      expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, ...pauses.slice(9)]);
      expect(new Set(pauses.slice(9))).toEqual(new Set([480]));
      expect(now() - start).toBeGreaterThanOrEqual(24 * HOUR);
      expect(now() - start).toBeLessThan(29 * HOUR);
      await receiver.accepts("test:next");
      const details = { event: "test:bad", attempts: pauses.length + 1, code: "422" };
      expect(eventsOf("webhooks:failed")).toEqual([
        { type: "webhooks:failed", userId: "ada", details },
      ]);
      // Otherwise, events about webhooks would cause further ones.
      expect(receiver.received.filter(({ type }) => type.startsWith("webhooks:"))).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    "two instances deliver each event once, and the events of a user in their order",
    async () => {
      const other = await gate.another();
      const users = ["ada", "bob", "cyd"];
      const busy = new Set<unknown>();
      let overlaps = 0;
      receiver.answer = ({ data: { userId } }) => {
        if (busy.has(userId)) overlaps += 1;
        busy.add(userId);
        return (response) => {
          setTimeout(() => {
            busy.delete(userId);
            response.writeHead(204).end();
          }, 50);
        };
      };
      for (let turn = 1; turn <= 10; turn += 1) {
        for (const user of users) publish(`test:${turn}`, user, turn % 2 === 0 ? gate : other);
        await sleep(30);
      }
      await eventually(() => receiver.received.length >= 30, 30_000);
      await isDelivered();
      const all = Array.from({ length: 10 }, (_, index) => `test:${index + 1}`);
      for (const user of users) {
        const ofUser = receiver.received.filter(({ data }) => data["userId"] === user);
        expect(ofUser.map(({ type }) => type)).toEqual(all);
      }
      expect(receiver.received).toHaveLength(30);
      expect(overlaps).toBe(0);
    },
    TIMEOUT,
  );

  test(
    "requests do not wait for a receiver that stalls, and closing waits less than 5 seconds",
    async () => {
      const other = await gate.another();
      await gate.user("ada");
      receiver.answer = () => () => undefined;
      const { authorization } = await gate.login("ada");
      await eventually(() => receiver.received.length >= 1, 30_000);
      expect((await gate.me(authorization)).status).toBe(200);
      // Either instance may deliver the event. Without a limit, the attempt would end after 15 seconds.
      const closing = () => Promise.all([gate.close(), other.close()]).catch(() => undefined);
      expect(await ownTimeOf(closing)).toBeLessThan(9000);
    },
    TIMEOUT,
  );

  test(
    "an endless answer is not read",
    async () => {
      let sent = 0;
      receiver.answer = () => (response) => {
        response.writeHead(200);
        const write = () => {
          while (!response.destroyed && sent < 1e8 && response.write(Buffer.alloc(65_536)))
            sent += 65_536;
          if (!response.destroyed && sent < 1e8) response.once("drain", write);
        };
        write();
      };
      publish("test:endless");
      await eventually(() => receiver.received.length === 1, 30_000);
      await isDelivered();
      expect(sent).toBeLessThan(2e7);
    },
    TIMEOUT,
  );

  test(
    "a storm of refusals is sent only in part, with a count of the rest",
    async () => {
      const event: AuthEvent = { type: "login_failed", login: "x", reason: "unknown_user" };
      // The refusals are counted per minute, so begin one.
      ahead += 60_000 - (now() % 60_000);
      for (let index = 0; index < 1000; index += 1) {
        gate.core.onEvent(event, { ...NOBODY, ipAddress: "192.0.2.1" });
      }
      await eventually(() => receiver.accepted.length >= 10, 30_000);
      await eventually(async () =>
        (await rows()).some(({ type }) => type === "audit:events_dropped"),
      );
      ahead += 61_500;
      await tick();
      const dropped = await receiver.accepts("audit:events_dropped");
      expect(dropped.data["details"]).toEqual({ count: 990 });
      await isDelivered();
      expect(receiver.received).toHaveLength(12);
    },
    TIMEOUT,
  );

  test(
    "an instance that is killed loses no stored event: another one sends it",
    async () => {
      const script = `
        import { createAuth } from "graphql-gatehouse";
        const { databaseUrl, secretKey, webhookUrl, webhookSecret } = JSON.parse(process.argv[1]);
        const auth = await createAuth({ databaseUrl, secretKey, webhookUrl, webhookSecret });
        await auth.accounts.createUser({ username: "ada" });
        setInterval(() => {}, 1000);`;
      receiver.answer = () => () => undefined;
      const { databaseUrl } = gate;
      const { child, ended } = startNode(
        ["--input-type=module", "-e", script, JSON.stringify({ ...OPTIONS, databaseUrl })],
        { cwd: process.cwd() },
      );
      await eventually(() => receiver.received.length === 1, 60_000);
      child.kill("SIGKILL");
      await ended;
      receiver.answer = () => 204;
      ahead += 31_000;
      await tick();
      const again = await receiver.accepts("user_created");
      expect(again.id).toBe(receiver.received[0]?.id);
    },
    TIMEOUT,
  );

  test(
    "a server sends the events that a command has stored",
    async () => {
      const ada = await gate.user("ada");
      const { databaseUrl: DATABASE_URL, secretKey: SECRET_KEY } = gate;
      const env = { DATABASE_URL, SECRET_KEY, WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: current };
      const { code } = await runCommand(["deactivate", "ada"], { cwd: ROOT, env });
      expect(code).toBe(0);
      await tick();
      const event = await receiver.accepts("user_deactivated");
      expect(event.data["userId"]).toBe(ada);
    },
    TIMEOUT,
  );

  test(
    "events that are too old leave the outbox, so that it does not grow without limit",
    async () => {
      receiver.answer = () => 503;
      publish("test:old", "ada");
      // An attempt that fails after a day would delete the event.
      await eventually(() => eventsOf("webhooks:delayed").length === 1, 30_000);
      ahead += 48 * HOUR - 10_000;
      await gate.auth.maintenance.prune();
      expect(await rows()).toHaveLength(1);
      ahead += 20_000;
      await gate.auth.maintenance.prune();
      expect((await rows()).filter(({ type }) => type === "test:old")).toEqual([]);
    },
    TIMEOUT,
  );
});

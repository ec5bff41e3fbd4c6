import { beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makeExecutableSchema } from "@graphql-tools/schema";
import { type ExecutionResult, type GraphQLSchema, parse, subscribe } from "graphql";
import { type EventChecks, guardEvents } from "../../src/permissions/guarded-events.js";
import { guardSchema } from "../../src/permissions/guards.js";
import type { AuthContext } from "../../src/index.js";
import { type Gate, setUpGate } from "../support/gate.js";

const gate = setUpGate();
let schema: GraphQLSchema;
let id: string;
let users = 0;

/** The events that wait to be read. */
let events: { value: number; secret: string }[];
let wake: () => void;
let isStopped: boolean;
/** The number of sources that were started. */
let starts: number;

/** Returns a source of events. The source tells when it was stopped, even while a reader waits. */
function source() {
  starts += 1;
  return {
    async next() {
      while (events.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return { value: { ticks: events.shift() }, done: false };
    },
    return() {
      isStopped = true;
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function emit(value: number): void {
  events.push({ value, secret: "s3cret" });
  wake();
}

beforeAll(() => {
  const subscriber = { subscribe: source, resolve: ({ ticks }: { ticks: unknown }) => ticks };
  schema = guardSchema(
    makeExecutableSchema({
      typeDefs: [
        gate.auth.typeDefs,
        /* GraphQL */ `
          type Tick {
            value: Int!
            secret: String @auth(requires: ADMIN)
          }
          type Subscription {
            ticks: Tick
            adminTicks: Tick @auth(requires: ADMIN)
            openTicks: Tick @public
          }
        `,
      ],
      resolvers: [
        gate.auth.resolvers,
        { Subscription: { ticks: subscriber, adminTicks: subscriber, openTicks: subscriber } },
      ],
    }),
  );
});

beforeEach(async () => {
  events = [];
  wake = () => undefined;
  isStopped = false;
  starts = 0;
  id = await gate.user(`user${(users += 1)}`, { role: "ADMIN" });
});

async function open(name: string, context: Partial<AuthContext>) {
  const document = parse(`subscription { ${name} { value secret } }`);
  const result = await subscribe({ schema, document, contextValue: context });
  if (!(Symbol.asyncIterator in result)) throw new Error(JSON.stringify(result));
  return result as AsyncGenerator<ExecutionResult<any>>;
}

const contextOf = (authorization?: string) =>
  gate.auth.createContext({ headers: authorization === undefined ? {} : { authorization } });

async function next(stream: AsyncGenerator<ExecutionResult<any>>) {
  const { value, done } = await stream.next();
  const { data, errors } = (value ?? {}) as ExecutionResult<any>;
  return { done, data, reason: errors?.[0]?.extensions["reason"] };
}

describe("an open subscription", () => {
  test.each(["JWT", "TOKEN", "SLIDING"] as const)(
    "ends at the first event after the logout of a %s session, with the refusal in place of that event",
    async (scheme) => {
      const { authorization } = await gate.issue(id, scheme);
      const stream = await open("ticks", await contextOf(authorization));
      emit(1);
      expect(await next(stream)).toMatchObject({ data: { ticks: { value: 1 } } });
      await gate.logout({ authorization });
      emit(2);
      expect(await next(stream)).toEqual({
        done: false,
        data: { ticks: null },
        reason: "token_revoked",
      });
      expect(isStopped).toBe(true);
      expect(await next(stream)).toMatchObject({ done: true });
    },
  );

  test("ends when its access token expires", async () => {
    const { authorization } = await gate.issue(id);
    const stream = await open("ticks", await contextOf(authorization));
    gate.advance(400);
    emit(1);
    expect(await next(stream)).toMatchObject({ data: { ticks: null }, reason: "token_expired" });
    expect(await next(stream)).toMatchObject({ done: true });
  });

  test("ends when the user is deactivated", async () => {
    const stream = await open("ticks", await contextOf((await gate.issue(id)).authorization));
    await gate.user(`admin${users}`, { role: "ADMIN" });
    await gate.auth.accounts.setActive(id, false);
    emit(1);
    expect(await next(stream)).toMatchObject({ data: { ticks: null }, reason: "user_inactive" });
    expect(await next(stream)).toMatchObject({ done: true });
  });

  test("notices a lowered role at its next event, in the field itself and in the fields below it", async () => {
    await gate.user(`admin${users}`, { role: "ADMIN" });
    const { authorization } = await gate.issue(id);
    const [all, some] = [
      await open("adminTicks", await contextOf(authorization)),
      await open("ticks", await contextOf(authorization)),
    ];
    emit(1);
    expect(await next(some)).toMatchObject({ data: { ticks: { value: 1, secret: "s3cret" } } });
    await gate.auth.accounts.setRole(id, "USER");
    gate.events.length = 0;
    emit(2);
    expect(await next(some)).toMatchObject({
      data: { ticks: { value: 2, secret: null } },
      reason: "role_required",
    });
    emit(3);
    expect(await next(all)).toMatchObject({ data: { adminTicks: null }, reason: "role_required" });
    expect(await next(all)).toMatchObject({ done: true });
    expect(gate.events.filter(({ type }) => type === "role_denied")).toHaveLength(2);
  });

  test("ends when its credential cannot be checked again", async () => {
    const stream = await open("ticks", await contextOf((await gate.issue(id)).authorization));
    await gate.sql("ALTER TABLE session RENAME TO away");
    try {
      emit(1);
      await expect(stream.next()).rejects.toThrow("session");
    } finally {
      await gate.sql("ALTER TABLE away RENAME TO session");
    }
    expect(isStopped).toBe(true);
    emit(2);
    expect(await next(stream)).toMatchObject({ done: true });
  });

  test("is not checked again if it is public", async () => {
    const { authorization } = await gate.issue(id);
    const stream = await open("openTicks", await contextOf(authorization));
    await gate.logout({ authorization });
    emit(1);
    expect(await next(stream)).toMatchObject({ data: { openTicks: { value: 1 } } });
  });

  test("stops its source at once when the client leaves while no event comes", async () => {
    const stream = await open("ticks", await contextOf((await gate.issue(id)).authorization));
    void stream.next();
    await stream.return(undefined);
    expect(isStopped).toBe(true);
  });

  test("is refused if it gets only a part of the context", async () => {
    const { user } = await contextOf((await gate.issue(id)).authorization);
    await expect(open("ticks", { user })).rejects.toThrow(/whole context of auth.createContext/);
  });
});

describe("the events of a guarded source", () => {
  const END = { value: undefined, done: true };

  const checks = (): EventChecks => ({
    isAllowed: () => Promise.resolve(true),
    watch: () => () => undefined,
  });

  function guarded(more: object = {}) {
    let reads = 0;
    const endless = {
      next() {
        reads += 1;
        return Promise.resolve({ value: reads, done: false });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const events = guardEvents({ ...endless, ...more }, checks());
    return { events: events as AsyncGenerator, reads: () => reads };
  }

  test("end when the client leaves, even if the source cannot be stopped", async () => {
    const { events, reads } = guarded();
    expect(await events.next()).toEqual({ value: 1, done: false });
    expect(await events.return(undefined)).toEqual(END);
    expect(await events.next()).toEqual(END);
    expect(reads()).toBe(1);
  });

  test("stop the source and end when the client's side fails", async () => {
    let stops = 0;
    const { events, reads } = guarded({ return: () => Promise.resolve((stops += 1)) });
    const lost = new Error("lost");
    await expect(events.throw(lost)).rejects.toBe(lost);
    expect(await events.next()).toEqual(END);
    expect([stops, reads()]).toEqual([1, 0]);
  });

  test("end with their source, without another check", async () => {
    const source = { next: () => Promise.resolve(END), [Symbol.asyncIterator]: () => source };
    const isAllowed = () => Promise.reject(new Error("checked"));
    const events = guardEvents(source, { ...checks(), isAllowed }) as AsyncGenerator;
    expect(await events.next()).toEqual(END);
  });

  test("are no longer watched after their end, whoever ends them", async () => {
    const ends: ((events: AsyncGenerator) => Promise<unknown>)[] = [
      (events) => events.return(undefined),
      (events) => events.throw(new Error("lost")),
      (events) => events.next(),
    ];
    for (const end of ends) {
      let watches = 0;
      const watch = () => {
        watches += 1;
        return () => (watches -= 1);
      };
      const failing = { next: () => Promise.reject(new Error("broken")) };
      const source = { ...failing, [Symbol.asyncIterator]: () => failing };
      const events = guardEvents(source, { ...checks(), watch }) as AsyncGenerator;
      expect(watches).toBe(1);
      await end(events).catch(() => undefined);
      expect(watches).toBe(0);
    }
  });

  test("end with an empty event when the user is refused meanwhile, even if the source is stuck", async () => {
    let onChange = () => Promise.resolve();
    let isAllowed = true;
    const never = new Promise<never>(() => undefined);
    const stuck = { next: () => never, return: () => never, [Symbol.asyncIterator]: () => stuck };
    const events = guardEvents(stuck, {
      isAllowed: () => Promise.resolve(isAllowed),
      watch: (listener) => {
        onChange = listener;
        return () => undefined;
      },
    }) as AsyncGenerator;
    const first = events.next();
    await onChange();
    isAllowed = false;
    await onChange();
    expect(await first).toEqual({ value: undefined, done: false });
    expect(await events.next()).toEqual(END);
  });

  test("are passed on unchanged if they are not a stream, which graphql-js reports", () => {
    expect(guardEvents(7, checks())).toBe(7);
  });
});

describe("in stateless mode a subscription that requires a role", () => {
  let stateless: Gate;

  beforeAll(async () => {
    stateless = await gate.another({ bearerCheck: "stateless" });
  });

  const contextOfAccess = async (userId: string) => {
    const { authorization } = await stateless.issue(userId);
    return stateless.auth.createContext({ headers: { authorization } });
  };

  test("is refused without the role before its source starts", async () => {
    const user = await gate.user(`lower${users}`);
    await expect(open("adminTicks", await contextOfAccess(user))).rejects.toThrow("role_required");
    expect(starts).toBe(0);
  });

  test("ends at the first event after the role was lowered", async () => {
    await gate.user(`admin${users}`, { role: "ADMIN" });
    const stream = await open("adminTicks", await contextOfAccess(id));
    emit(1);
    expect(await next(stream)).toMatchObject({
      data: { adminTicks: { value: 1, secret: "s3cret" } },
    });
    await gate.auth.accounts.setRole(id, "USER");
    emit(2);
    expect(await next(stream)).toEqual({
      done: false,
      data: { adminTicks: null },
      reason: "role_required",
    });
    expect(await next(stream)).toMatchObject({ done: true });
  });
});

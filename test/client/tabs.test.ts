import { setImmediate as nextTurn } from "node:timers/promises";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type AuthClient, createAuthClient } from "../../src/client/index.js";
import { eventually } from "../support/eventually.js";
import { FakeAsyncStorage, FakeStorage, withGlobal } from "../support/fake-storage.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { ownTimeOf } from "../support/measure.js";

/** Imitates Web Locks for the tabs of one test. */
class FakeLocks {
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  request<Result>(
    _name: string,
    { ifAvailable }: { ifAvailable?: boolean },
    run: (lock: object | null) => Promise<Result>,
  ): Promise<Result> {
    if (ifAvailable && this.#held > 0) return run(null);
    this.#held += 1;
    const turn = this.#last.then(() => run({})).finally(() => (this.#held -= 1));
    this.#last = turn;
    return turn;
  }
}

const LOCKS = { locks: new FakeLocks() };
const PLATFORMS = [
  ["locks and channels", { navigator: LOCKS, BroadcastChannel }, false],
  ["channels alone", { navigator: {}, BroadcastChannel }, false],
  ["storage events alone", { navigator: {}, BroadcastChannel: undefined }, false],
  ["locks, channels and promises", { navigator: LOCKS, BroadcastChannel }, true],
  ["channels and promises alone", { navigator: {}, BroadcastChannel }, true],
] as const;

const gate = setUpGate();
let proxy: FaultyProxy;

beforeAll(async () => {
  await gate.user("ada");
  await gate.user("bob");
  proxy = await FaultyProxy.open(gate.url);
});

afterAll(() => proxy.close());

describe.each(PLATFORMS)("with %s, tabs of one storage", (_, globals, isAsync) => {
  let storage: FakeStorage;
  let restore: (() => void)[];
  let tabs: [AuthClient, AuthClient];

  beforeEach(async () => {
    storage = new FakeStorage();
    const listen = (_type: string, listener: any) => storage.listeners.add(listener);
    const unlisten = (_type: string, listener: any) => storage.listeners.delete(listener);
    restore = Object.entries({
      ...globals,
      // Only the storages of browsers have events.
      addEventListener: isAsync ? undefined : listen,
      removeEventListener: unlisten,
    }).map(([name, value]) => withGlobal(name, value));
    const options = { url: proxy.url, storage: isAsync ? new FakeAsyncStorage(storage) : storage };
    tabs = [createAuthClient(options), createAuthClient(options)];
    await tabs[0].login("ada", PASSWORD);
    await eventually(() => tabs[1].getSession().status === "authenticated");
    proxy.reset();
  });

  afterEach(() => {
    for (const tab of tabs) tab.close();
    expect(storage.listeners.size).toBe(0);
    for (const undo of restore) undo();
  });

  test("follow a login, with its user", async () => {
    expect(tabs[1].getSession()).toMatchObject({ user: { username: "ada" }, error: null });
    await tabs[1].login("bob", PASSWORD);
    await eventually(() => tabs[0].getSession().user?.username === "bob");
  });

  test("follow a logout", async () => {
    await tabs[0].logout();
    await eventually(() => tabs[1].getSession().status === "anonymous");
    expect(tabs[1].getSession().token).toBeNull();
  });

  test("share one refresh, and both stay signed in", async () => {
    gate.events.length = 0;
    await Promise.all([tabs[0].refresh(), tabs[1].refresh(), tabs[0].refresh()]);
    expect(gate.events.map(({ type }) => type)).toEqual(["token_refreshed"]);
    expect(tabs[1].getSession().token).toBe(tabs[0].getSession().token);
    gate.advance(20);
    expect(await tabs[1].refresh()).toMatchObject({ status: "authenticated", error: null });
    gate.advance(20);
    expect(await tabs[0].refresh()).toMatchObject({ status: "authenticated", error: null });
  });

  test("use the tokens that another tab has refreshed, even before its message arrives", async () => {
    await tabs[0].refresh();
    gate.advance(20);
    expect(await tabs[1].refresh()).toMatchObject({ status: "authenticated", error: null });
  });

  test("do not restore a session that another tab ended during a refresh", async () => {
    await Promise.all([tabs[0].refresh(), tabs[1].logout()]);
    await eventually(() => tabs.every((tab) => tab.getSession().status === "anonymous"));
    expect([...storage.entries.keys()].filter((key) => !key.endsWith(":lease"))).toEqual([]);
  });

  test("do not wait forever for a tab that was closed during its refresh", async () => {
    storage.entries.set(`gatehouse:jwt:${proxy.url}:lease`, `${Date.now() - 4_900}:gone`);
    expect(await tabs[1].refresh()).toMatchObject({ status: "authenticated", error: null });
  });

  test("stay signed in when a tab was closed between the rotation and its response", async () => {
    const [, kept = ""] = [...storage.entries][0] ?? [];
    storage.entries.set(`gatehouse:jwt:${proxy.url}:lease`, `${Date.now()}:gone`);
    const lost = await gate.refresh(JSON.parse(kept).refresh);
    expect(lost.status).toBe(200);
    // A lease lasts 5 seconds. The server accepts the used token for 10 seconds.
    const waited = await ownTimeOf(async () => {
      expect(await tabs[1].refresh()).toMatchObject({ status: "authenticated", error: null });
    });
    expect(waited).toBeLessThan(9000);
    const [, found = ""] = [...storage.entries].find(([, text]) => text.startsWith("{")) ?? [];
    expect(JSON.parse(found).refresh).toBe(lost.data.refreshToken.refresh);
  });

  test("know why a session ended if they have channels, and show no error after the next logout", async () => {
    await gate.logout({ authorization: tabs[0].getSession().authorization ?? "" });
    await tabs[0].refresh();
    expect(tabs[0].getSession().error?.reason).toBe("token_revoked");
    await eventually(() => tabs[1].getSession().status === "anonymous");
    if (globals.BroadcastChannel) {
      await eventually(() => tabs[1].getSession().error?.reason === "token_revoked");
    }
    await tabs[0].login("bob", PASSWORD);
    await eventually(() => tabs[1].getSession().user?.username === "bob");
    await tabs[0].logout();
    await eventually(() => tabs[1].getSession().status === "anonymous");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tabs[1].getSession().error).toBeNull();
  });
});

test("without locks, two tabs that write their leases at the same time send one refresh", async () => {
  const storage = new FakeStorage();
  const lease = `gatehouse:jwt:${proxy.url}:lease`;
  let isRead = false;
  /**
   * The storage as the first tab sees it. The first tab's lease is written only after the second tab has found no
   * lease.
   */
  const early = {
    getItem: (key: string) => Promise.resolve(storage.getItem(key)),
    removeItem: (key: string) => Promise.resolve(storage.entries.delete(key)).then(() => undefined),
    setItem: async (key: string, value: string) => {
      while (key === lease && !isRead) await nextTurn();
      storage.setItem(key, value);
    },
  };
  /** The storage as the second tab sees it. The second tab's lease is written only after the first tab's. */
  const late = {
    ...early,
    getItem: (key: string) => {
      isRead ||= key === lease;
      return Promise.resolve(storage.getItem(key));
    },
    setItem: async (key: string, value: string) => {
      while (key === lease && !storage.entries.has(lease)) await nextTurn();
      // If the first tab read its lease again at once, it would do so in this turn.
      await nextTurn();
      storage.setItem(key, value);
    },
  };
  const undo = [withGlobal("navigator", {}), withGlobal("BroadcastChannel", undefined)];
  const first = createAuthClient({ url: proxy.url, storage: early });
  await first.login("ada", PASSWORD);
  const second = createAuthClient({ url: proxy.url, storage: late });
  await eventually(() => second.getSession().status === "authenticated");
  gate.events.length = 0;
  await Promise.all([first.refresh(), second.refresh()]);
  for (const tab of [first, second]) tab.close();
  for (const restore of undo) restore();
  expect(gate.events.map(({ type }) => type)).toEqual(["token_refreshed"]);
  expect(second.getSession().token).toBe(first.getSession().token);
});

describe("tabs whose sessionStorage is a copy of another's", () => {
  test("follow each other's refreshes and logout, and no other session", async () => {
    const storages = [new FakeStorage(), new FakeStorage(), new FakeStorage()];
    const open = (storage: FakeStorage | undefined) => {
      const undo = withGlobal("sessionStorage", storage);
      const client = createAuthClient({ url: proxy.url, storage: "sessionStorage" });
      undo();
      return client;
    };
    const first = open(storages[0]);
    await first.login("ada", PASSWORD);
    for (const [key, value] of storages[0]?.entries ?? []) storages[1]?.entries.set(key, value);
    const [copy, other] = [open(storages[1]), open(storages[2])];
    await other.login("bob", PASSWORD);
    const { token } = await first.refresh();
    await eventually(() => copy.getSession().token === token);
    gate.advance(20);
    expect(await copy.refresh()).toMatchObject({ status: "authenticated", error: null });
    await copy.logout();
    await eventually(() => first.getSession().status === "anonymous");
    expect(other.getSession()).toMatchObject({ user: { username: "bob" }, error: null });
    for (const tab of [first, copy, other]) tab.close();
  });
});

describe("a tab of a browser without locks", () => {
  const MOST_READS = 20;

  /** A storage in which another tab has taken the lease whenever this tab reads it. */
  class ContestedStorage extends FakeStorage {
    reads = 0;

    override getItem(key: string): string | null {
      if (!key.endsWith(":lease") || this.reads === MOST_READS) return super.getItem(key);
      this.reads += 1;
      return `${Date.now()}:tab-${this.reads}`;
    }
  }

  test("waits for many tabs in turn no longer than for one, and does not take their lease", async () => {
    const storage = new ContestedStorage();
    const tab = createAuthClient({ url: proxy.url, storage });
    await tab.login("ada", PASSWORD);
    const written = jest.spyOn(storage, "setItem");
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, "now");
    clock.mockImplementation(() => now() + storage.reads * 1000);
    expect(await tab.refresh()).toMatchObject({ status: "authenticated", error: null });
    clock.mockRestore();
    expect(storage.reads).toBeLessThan(MOST_READS);
    expect(written.mock.calls.filter(([key]) => key.endsWith(":lease"))).toEqual([]);
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type AuthClient,
  type AuthState,
  type AuthStorage,
  createAuthClient,
  type StorageKind,
} from "../../src/client/index.js";
import { FakeAsyncStorage, FakeStorage, withGlobal } from "../support/fake-storage.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { Gate, PASSWORD, setUpGate } from "../support/gate.js";

const KINDS = ["localStorage", "sessionStorage"] as const;

const gate = setUpGate();
let proxy: FaultyProxy;
let storage: FakeStorage;
let open: AuthClient[];
let restore: (() => void)[];

beforeAll(async () => {
  await gate.user("ada");
  await gate.user("bob");
  proxy = await FaultyProxy.open(gate.url);
});

beforeEach(() => {
  storage = new FakeStorage();
  open = [];
  restore = KINDS.map((kind) => withGlobal(kind, storage));
});

afterEach(() => {
  for (const client of open) client.close();
  for (const undo of restore) undo();
});

afterAll(() => proxy.close());

/** Creates the client of a page that has just loaded. */
function load(kind: StorageKind | AuthStorage, url = proxy.url): AuthClient {
  const client = createAuthClient({ url, storage: kind });
  open.push(client);
  return client;
}

/** Resolves with the state once the storage has been read. */
async function stateOf(client: AuthClient): Promise<AuthState> {
  await client.getAuthorization();
  return client.getSession();
}

const ALL = [...KINDS, "a custom storage", "an asynchronous storage"] as const;

describe.each(ALL)("in %s", (kind) => {
  const choose = () =>
    kind === "a custom storage"
      ? storage
      : kind === "an asynchronous storage"
        ? new FakeAsyncStorage(storage)
        : kind;

  test("a session is restored after a reload, and is valid", async () => {
    const { token } = await load(choose()).login("ada", PASSWORD);
    const reloaded = load(choose());
    expect(await stateOf(reloaded)).toMatchObject({
      status: "authenticated",
      user: { username: "ada" },
      token,
    });
    expect((await gate.me((await reloaded.getAuthorization()) ?? "")).data.me.username).toBe("ada");
  });

  test("the tokens of the last refresh are stored", async () => {
    const client = load(choose());
    await client.login("ada", PASSWORD);
    const { token } = await client.refresh();
    expect((await stateOf(load(choose()))).token).toBe(token);
  });

  test("a session has one entry, and a logout removes no other entry", async () => {
    storage.entries.set("theme", "dark");
    const client = load(choose());
    await client.login("ada", PASSWORD);
    expect([...storage.entries.keys()]).toEqual(["theme", `gatehouse:jwt:${proxy.url}`]);
    await client.logout();
    expect([...storage.entries]).toEqual([["theme", "dark"]]);
  });

  test.each(["{", "null", "[]", '"text"', '{"authorization":"Bearer x"}'])(
    "a malformed entry counts as signed out: %s",
    async (entry) => {
      storage.entries.set(`gatehouse:jwt:${proxy.url}`, entry);
      expect(await stateOf(load(choose()))).toMatchObject({ status: "anonymous", error: null });
    },
  );

  test("if the storage is full, the session is kept in memory, and the state says so", async () => {
    storage.isFull = true;
    const client = load(choose());
    expect(await client.login("ada", PASSWORD)).toMatchObject({
      status: "authenticated",
      hasStorageFailed: true,
    });
    expect(await client.refresh()).toMatchObject({ status: "authenticated", error: null });
  });

  test("if the storage becomes full, no stale refresh token stays behind", async () => {
    const client = load(choose());
    await client.login("ada", PASSWORD);
    storage.isFull = true;
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      hasStorageFailed: true,
    });
    expect([...storage.entries]).toEqual([]);
  });

  test("if the storage becomes forbidden after a reload, the session that was read is still valid", async () => {
    await load(choose()).login("ada", PASSWORD);
    const client = load(choose());
    await stateOf(client);
    storage.isForbidden = true;
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      error: null,
      hasStorageFailed: true,
    });
  });

  test("if the storage and channels are forbidden, the client still works", async () => {
    storage.isForbidden = true;
    const undo = withGlobal("BroadcastChannel", function () {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
    try {
      const client = load(choose());
      expect((await client.login("ada", PASSWORD)).status).toBe("authenticated");
    } finally {
      undo();
    }
  });

  test("if the storage is forbidden, the session is kept in memory, and the state says so from the start", async () => {
    storage.isForbidden = true;
    const client = load(choose());
    expect(await stateOf(client)).toMatchObject({ status: "anonymous", hasStorageFailed: true });
    expect((await client.login("ada", PASSWORD)).status).toBe("authenticated");
    expect((await client.refresh()).error).toBeNull();
    expect((await client.logout()).status).toBe("anonymous");
  });

  test("the clients of two servers on one origin never touch each other's session", async () => {
    const other = await Gate.open();
    try {
      await other.user("ada");
      const [here, there] = [load(choose()), load(choose(), `${other.url}/graphql`)];
      await here.login("ada", PASSWORD);
      const { token } = await there.login("ada", PASSWORD);
      await here.refresh();
      await here.logout();
      expect(there.getSession().token).toBe(token);
      expect(await there.refresh()).toMatchObject({ status: "authenticated", error: null });
      expect([...storage.entries.keys()]).toEqual([`gatehouse:jwt:${other.url}/graphql`]);
    } finally {
      await other.close();
    }
  });
});

test("a storage whose property throws, as in a sandboxed frame, counts as forbidden", async () => {
  const undo = withGlobal("localStorage", undefined);
  try {
    Object.defineProperty(globalThis, "localStorage", {
      configurable: true,
      get: () => {
        throw new DOMException("refused", "SecurityError");
      },
    });
    const client = load("localStorage");
    expect(client.getSession().hasStorageFailed).toBe(true);
    expect((await client.login("ada", PASSWORD)).status).toBe("authenticated");
  } finally {
    undo();
  }
});

test("nothing is written to a storage in memory mode", async () => {
  const client = load("memory");
  await client.login("ada", PASSWORD);
  await client.refresh();
  expect([...storage.entries]).toEqual([]);
  expect(client.getSession().hasStorageFailed).toBe(false);
});

describe("an asynchronous storage", () => {
  let slow: FakeAsyncStorage;

  beforeEach(() => {
    slow = new FakeAsyncStorage(storage);
  });

  const stored = () => [...storage.entries.keys()];

  test("is loading at the start, calls the listeners when it has been read, and sends nothing", async () => {
    await load(slow).login("ada", PASSWORD);
    proxy.reset();
    const client = load(slow);
    const statuses: string[] = [client.getSession().status];
    client.subscribe(() => statuses.push(client.getSession().status));
    expect(await client.getAuthorization()).toBe(client.getSession().authorization);
    expect(statuses).toEqual(["loading", "authenticated"]);
    expect(proxy.seen).toEqual([]);
  });

  test.each([
    ["logout", "token_revoked"],
    ["logoutAll", "token_revoked"],
    ["refresh", undefined],
  ] as const)(
    "%s waits for the storage, and applies to the stored session",
    async (method, reason) => {
      const { authorization } = await load(slow).login("ada", PASSWORD);
      const client = load(slow);
      const { status } = await client[method]();
      expect(status).toBe(method === "refresh" ? "authenticated" : "anonymous");
      expect((await gate.me(authorization ?? "")).reason).toBe(reason);
    },
  );

  test("a login at the start wins over the stored session", async () => {
    await load(slow).login("ada", PASSWORD);
    const client = load(slow);
    expect((await client.login("bob", PASSWORD)).user?.username).toBe("bob");
    expect((await stateOf(load(slow))).user?.username).toBe("bob");
  });

  test("a failed login at the start leaves the stored session as it is", async () => {
    await load(slow).login("ada", PASSWORD);
    expect(await load(slow).login("bob", "wrong")).toMatchObject({
      user: { username: "ada" },
      error: { reason: "invalid_credentials" },
    });
  });

  test("contains the last write, although writes take longer than removals", async () => {
    const client = load(slow);
    await client.login("ada", PASSWORD);
    await Promise.all([client.refresh(), client.logout()]);
    expect(stored()).toEqual([]);
    await Promise.all([client.login("ada", PASSWORD), client.logout()]);
    expect(stored()).toEqual([]);
  });

  test("has the session by the time the login returns", async () => {
    await load(slow).login("ada", PASSWORD);
    expect(stored()).toHaveLength(1);
  });

  test("that never answers counts as failed after five seconds, and the client works without it", async () => {
    slow.isStuck = true;
    const client = load(slow);
    expect(await client.login("ada", PASSWORD)).toMatchObject({
      status: "authenticated",
      hasStorageFailed: true,
    });
  });

  test("that stops answering later does not keep a refresh waiting forever", async () => {
    const client = load(slow);
    await client.login("ada", PASSWORD);
    slow.isStuck = true;
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      hasStorageFailed: true,
    });
  });

  test("that reads synchronously, as a preloaded copy does, is read at once, and its writes may fail", async () => {
    const entries = new Map<string, string>();
    const copy: AuthStorage = {
      getItem: (key) => entries.get(key) ?? null,
      setItem: (key, value) => {
        entries.set(key, value);
        return slow.setItem(key, value);
      },
      removeItem: (key) => {
        entries.delete(key);
        return slow.removeItem(key);
      },
    };
    await load(copy).login("ada", PASSWORD);
    expect(stored()).toHaveLength(1);
    const client = load(copy);
    expect(client.getSession().status).toBe("authenticated");
    storage.isFull = true;
    expect(await client.refresh()).toMatchObject({
      status: "authenticated",
      hasStorageFailed: true,
    });
  });
});

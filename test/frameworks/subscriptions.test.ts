import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type InstalledExample, installExample, PASSWORD } from "./install-example.js";

let example: InstalledExample;

beforeAll(async () => {
  example = await installExample("yoga");
  await example.createUsers();
  await example.start();
});

afterAll(() => example.remove());

async function ask(query: string, authorization: string) {
  const response = await fetch(example.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(authorization && { authorization }) },
    body: JSON.stringify({ query }),
  });
  return ((await response.json()) as any).data;
}

async function login(username: string): Promise<string> {
  const query = `mutation { login(username: "${username}", password: "${PASSWORD}") { access } }`;
  return `Bearer ${(await ask(query, "")).login.access}`;
}

/** One open subscription. */
interface Stream {
  /** Returns the next result, or null at the end. */
  next(): Promise<any>;
  close(): Promise<unknown>;
}

type Open = (query: string, authorization?: unknown) => Promise<Stream>;

/** Subscribes by server-sent events. */
const overSse: Open = async (query, authorization) => {
  const abort = new AbortController();
  const response = await fetch(example.url, {
    method: "POST",
    signal: abort.signal,
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(typeof authorization === "string" && { authorization }),
    },
    body: JSON.stringify({ query }),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  return {
    async next() {
      for (;;) {
        const [, event, data, rest] =
          /^(?:event: (\w+)\n)?data:(.*)\n\n([^]*)$/.exec(buffer.replace(/^(:\n\n)+/, "")) ?? [];
        if (event === "complete") return null;
        if (event === "next") {
          buffer = rest!;
          return JSON.parse(data!);
        }
        const { value, done } = await reader.read();
        if (done) return null;
        buffer += value;
      }
    },
    close: () => {
      abort.abort();
      return Promise.resolve();
    },
  };
};

/** Subscribes over a WebSocket, with the client of graphql-ws. */
const overWebSocket: Open = (query, authorization) => {
  const require = createRequire(join(example.folder, "package.json"));
  const client = require("graphql-ws").createClient({
    url: example.url.replace("http", "ws"),
    webSocketImpl: require("ws").WebSocket,
    connectionParams: authorization === undefined ? {} : { authorization },
    retryAttempts: 0,
  });
  const results = client.iterate({ query });
  return Promise.resolve({
    next: async () => {
      const { value, done } = await results.next();
      return done ? null : value;
    },
    close: () => client.dispose(),
  });
};

const reasonOf = (result: any) => result?.errors?.[0].extensions.reason;

/**
 * Reads the motto until the stream has an event. One read may be too early, because a subscription starts a moment
 * after its request.
 */
async function readUntilEvent(stream: Stream, reader: string): Promise<any> {
  const timer = setInterval(() => void ask("{ motto }", reader), 200);
  try {
    return await stream.next();
  } finally {
    clearInterval(timer);
  }
}

describe.each([
  ["SSE", overSse],
  ["graphql-ws", overWebSocket],
])("a subscription over %s", (_name, open) => {
  test("without a directive needs a signed-in user", async () => {
    const stream = await open("subscription { mottoRead }");
    expect(reasonOf(await stream.next())).toBe("no_credentials");
    await stream.close();
  });

  test("that requires ADMIN is refused to a USER, and open to an ADMIN", async () => {
    const query = "subscription { mottoReads }";
    const refused = await open(query, await login("bob"));
    expect(reasonOf(await refused.next())).toBe("role_required");
    await refused.close();
    const ada = await login("ada");
    const stream = await open(query, ada);
    const { data } = await readUntilEvent(stream, ada);
    expect(data.mottoReads).toBeGreaterThan(0);
    await stream.close();
  });

  test("that is public is open to everyone", async () => {
    const stream = await open("subscription { activity }");
    const { data } = await readUntilEvent(stream, await login("ada"));
    expect(data).toEqual({ activity: true });
    await stream.close();
  });

  test("ends after its session has ended, with the reason", async () => {
    const [ada, bob] = [await login("ada"), await login("bob")];
    const stream = await open("subscription { mottoRead }", bob);
    expect(await readUntilEvent(stream, ada)).toMatchObject({ data: { mottoRead: "ada" } });
    await ask("mutation { logout { message } }", bob);
    let last = await readUntilEvent(stream, ada);
    // Events from before the logout may still be on their way.
    while (last?.data != null) last = await readUntilEvent(stream, ada);
    expect(reasonOf(last)).toBe("token_revoked");
    expect(await stream.next()).toBeNull();
    await stream.close();
  });
});

test.each<unknown>([7, {}, { toString: 1 }, ["Bearer x"], "Bearer a b"])(
  "a WebSocket whose authorization is %j is refused, and the server continues",
  async (authorization) => {
    const stream = await overWebSocket("subscription { mottoRead }", authorization);
    expect(reasonOf(await stream.next())).toMatch(/^(bad_authorization_header|token_not_valid)$/);
    await stream.close();
  },
);

test("a server with open subscriptions stops at SIGTERM", async () => {
  const ada = await login("ada");
  const streams = [
    await overSse("subscription { mottoRead }", ada),
    await overWebSocket("subscription { mottoRead }", ada),
  ];
  for (const stream of streams) {
    expect(await readUntilEvent(stream, ada)).toMatchObject({ data: { mottoRead: "ada" } });
  }
  const ends = Promise.allSettled(streams.map((stream) => stream.next()));
  const { code, stderr } = await example.stop();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await ends;
});

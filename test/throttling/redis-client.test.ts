import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterEach, expect, jest, test } from "@jest/globals";
import { expectThrottled, from } from "../support/attempts.js";
import { eventually } from "../support/eventually.js";
import { FakeRedis, MASTER, type Reply } from "../support/fake-redis.js";
import { type Call, Gate, type GateOptions } from "../support/gate.js";
import { describeWith, runProgram } from "../support/programs.js";
import { faultsOf } from "../support/redis.js";

const VERIFY = `mutation { verifyToken(token: "no.token.at-all") { active } }`;

/** What the test closes at its end, the last first. */
const open: { close: () => Promise<unknown> }[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function startRedis(...parameters: Parameters<typeof FakeRedis.open>): Promise<FakeRedis> {
  const redis = await FakeRedis.open(...parameters);
  open.push(redis);
  return redis;
}

async function startGate(redisUrl: string, options: GateOptions = {}): Promise<Gate> {
  const gate = await Gate.open({ redisUrl, ...options });
  open.push(gate);
  return gate;
}

/** Starts a node of a Cluster. @param readSlots returns the slots, each with its node */
function startNode(readSlots: () => Promise<Reply>, options?: tls.TlsOptions): Promise<FakeRedis> {
  return startRedis((name, [parameter = ""]) => {
    if (name !== "cluster") return MASTER[name] ?? "OK";
    return parameter.toLowerCase() === "info" ? "cluster_state:ok\r\n" : readSlots();
  }, options);
}

/** Starts a Cluster of one node. @param begin delays the reply that names the node */
function startCluster(begin?: Promise<unknown>, options?: tls.TlsOptions): Promise<FakeRedis> {
  const node = startNode(async () => {
    await begin;
    return [[0, 16_383, ["127.0.0.1", (await node).port, "node"]]];
  }, options);
  return node;
}

/** Starts a Sentinel. @param find returns the server that it names */
function startSentinel(find: () => FakeRedis, options?: tls.TlsOptions): Promise<FakeRedis> {
  return startRedis((name, [parameter = ""]) => {
    if (name === "subscribe") return ["subscribe", parameter, 1];
    if (name !== "sentinel") return MASTER[name] ?? "OK";
    return parameter === "sentinels" ? [] : ["127.0.0.1", `${find().port}`];
  }, options);
}

/** Waits until the server counts an attempt. */
async function counts(gate: Gate, redis: FakeRedis, call: Call = {}): Promise<void> {
  const before = redis.keys.length;
  await eventually(async () => {
    await gate.ask(VERIFY, call);
    return redis.keys.length > before;
  });
}

test("OP-8: Redis gets no command that Redis 5 does not know", async () => {
  const redis = await startRedis();
  const gate = await startGate(`redis://:secret@${redis.address}/3`);
  await gate.ask(VERIFY);
  expect(redis.names).toEqual(["auth", "select", "info", "eval", "evalsha"]);
});

test("OP-8: attempts before a Cluster is ready are counted in memory, and never in Redis", async () => {
  let begin: () => void = () => undefined;
  const node = await startCluster(new Promise<void>((resolve) => (begin = resolve)));
  const gate = await startGate(`redis+cluster://${node.address}`, { requestsPerAddress: 1 });
  expect((await gate.ask(VERIFY)).status).toBe(200);
  expectThrottled(await gate.ask(VERIFY), 60);
  expect(node.keys).toEqual([]);
  begin();
  await counts(gate, node);
  // The first attempts were those of the start.
  expect(node.keys.join()).not.toContain("gatehouse:start:");
});

test("OP-8: the nodes of a Cluster are reached by host name", async () => {
  const node = await startCluster();
  await counts(await startGate(`redis+cluster://localhost:${node.port}`), node);
});

test("OP-8: attempts before a new connection to Redis is ready are counted in memory, and never in Redis", async () => {
  let begin: () => void = () => undefined;
  let ready = Promise.resolve();
  const redis = await startRedis(async (name) => {
    if (name === "info") await ready;
    return MASTER[name] ?? "OK";
  });
  const options = { requestsPerAddress: 1, trustedProxies: ["127.0.0.1"] };
  const gate = await startGate(`redis://${redis.address}`, options);
  const { length } = redis.keys;
  ready = new Promise<void>((resolve) => (begin = resolve));
  redis.end();
  await eventually(() => redis.connections === 2);
  const early = from("192.0.2.1");
  expect((await gate.ask(VERIFY, early)).status).toBe(200);
  expectThrottled(await gate.ask(VERIFY, early), 60);
  begin();
  // Redis now counts two attempts of another address, and not the early ones before them.
  for (let turn = 0; turn < 2; turn += 1) await counts(gate, redis, from("192.0.2.2"));
  expect(new Set(redis.keys.slice(length)).size).toBe(1);
});

test("OP-8: the log says why a node of a Cluster is unreachable", async () => {
  const readSlots = (): Promise<Reply> =>
    Promise.resolve([
      [0, 8191, ["127.0.0.1", first.port, "first"]],
      [8192, 16_383, ["127.0.0.1", second.port, "second"]],
    ]);
  const [first, second] = [await startNode(readSlots), await startNode(readSlots)];
  const url = `redis+cluster://${first.address}`;
  const gate = await startGate(url, { trustedProxies: ["127.0.0.1"], logLevel: "warn" });
  expect(second.keys.length).toBeGreaterThan(0);
  await second.close();
  let turn = 0;
  await eventually(async () => {
    await gate.ask(VERIFY, from(`192.0.2.${(turn += 1) % 256}`));
    return faultsOf(gate).length > 0;
  });
  expect(faultsOf(gate)).toEqual([expect.stringContaining(`ECONNREFUSED ${second.address}`)]);
});

test("OP-8: while Redis does not reply, only one request in a second waits for it", async () => {
  let isSilent = false;
  const redis = await startRedis((name) =>
    isSilent && name.startsWith("eval") ? new Promise(() => undefined) : (MASTER[name] ?? "OK"),
  );
  const gate = await startGate(`redis://${redis.address}`);
  const start = performance.now();
  let milliseconds = 0;
  jest.spyOn(performance, "now").mockImplementation(() => start + milliseconds);
  const waiting = async () => {
    const before = redis.keys.length;
    for (let turn = 0; turn < 10; turn += 1) await gate.ask(VERIFY);
    return redis.keys.length - before;
  };
  isSilent = true;
  expect(await waiting()).toBe(1);
  milliseconds = 999;
  expect(await waiting()).toBe(0);
  milliseconds = 1000;
  expect(await waiting()).toBe(1);
});

test("OP-8: a server that has become a replica is connected to again, because its address may name another server now", async () => {
  let isReplica = false;
  const redis = await startRedis((name) =>
    isReplica && name.startsWith("eval")
      ? new Error("READONLY You can't write against a read only replica.")
      : (MASTER[name] ?? "OK"),
  );
  const gate = await startGate(`redis://${redis.address}`);
  isReplica = true;
  await gate.ask(VERIFY);
  await eventually(() => redis.connections === 2);
});

test("OP-8: when the Sentinels name a new server it is used at once, although the old one still replies", async () => {
  const [old, next] = [await startRedis(), await startRedis()];
  let master = old;
  const sentinel = await startSentinel(() => master);
  const gate = await startGate(`redis+sentinel://${sentinel.address}/mymaster`);
  await counts(gate, old);
  await eventually(() => sentinel.names.includes("subscribe"));
  master = next;
  sentinel.publish("+switch-master", `mymaster ${old.address} ${next.address}`);
  await counts(gate, next);
});

test("OP-8: the log names the server's error at the start, also if the server then ends the connection", async () => {
  let isEnding = false;
  const redis = await startRedis((name) => {
    if (isEnding) redis.end();
    if (!name.startsWith("eval")) return MASTER[name] ?? "OK";
    isEnding = redis.keys.length >= 8;
    return new Error("ERR out of order");
  });
  const gate = await startGate(`redis://${redis.address}`, { logLevel: "warn" });
  expect(faultsOf(gate)).toEqual([expect.stringContaining("ERR out of order")]);
});

describeWith("openssl")("with rediss://", () => {
  /** Returns a new certificate for 127.0.0.1, which this process trusts until the end of the test. */
  async function makeTrusted(): Promise<tls.TlsOptions> {
    const folder = await mkdtemp(join(tmpdir(), "gate-redis-tls-"));
    const [certificate, keyFile] = [join(folder, "server.crt"), join(folder, "server.key")];
    await runProgram("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", keyFile, "-out", certificate],
    ]);
    const [cert, key] = [await readFile(certificate), await readFile(keyFile)];
    await rm(folder, { recursive: true });
    const connect = tls.connect.bind(tls) as (options: tls.ConnectionOptions) => tls.TLSSocket;
    jest
      .spyOn(tls, "connect")
      .mockImplementation((options) =>
        connect({ ...(options as unknown as tls.ConnectionOptions), ca: cert }),
      );
    return { cert, key };
  }

  test("OP-8: Redis, the Sentinels and their server, and the nodes of a Cluster are reached over TLS", async () => {
    const options = await makeTrusted();
    const [alone, master, node] = [
      await startRedis(undefined, options),
      await startRedis(undefined, options),
      await startCluster(undefined, options),
    ];
    const sentinel = await startSentinel(() => master, options);
    for (const [url, redis] of [
      [`rediss://${alone.address}`, alone],
      [`rediss+sentinel://${sentinel.address}/mymaster`, master],
      [`rediss+cluster://${node.address}`, node],
    ] as const) {
      await counts(await startGate(url), redis);
    }
  });
});

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { WrongSettings } from "../../src/index.js";
import { expectThrottled } from "../support/attempts.js";
import { findFreePort } from "../support/free-port.js";
import { Gate } from "../support/gate.js";
import { runProgram } from "../support/programs.js";
import {
  describeRedisServers,
  type RedisGroup,
  RedisServer,
  startCluster,
  startSentinels,
} from "../support/redis-servers.js";

const VERIFY = `mutation { verifyToken(token: "no.token.at-all") { active } }`;
/**
 * The time for the start, in milliseconds. It is long, because a Cluster and Sentinels start slowly on a busy
 * machine.
 */
const START = 120_000;

describeRedisServers("a start with a wrong REDIS_URL", () => {
  let secret: RedisServer;
  let plain: RedisServer;
  let old: RedisServer;
  let cluster: RedisGroup;
  let sentinels: RedisGroup;
  let web: Server;
  let folder: string;
  let encrypted: RedisServer;
  let tlsPort: number;

  beforeAll(async () => {
    secret = await RedisServer.start("--requirepass", "right-password");
    plain = await RedisServer.start();
    // This server is another program with almost the same protocol.
    old = await RedisServer.start(
      "--rename-command",
      "EVAL",
      "",
      "--rename-command",
      "EVALSHA",
      "",
    );
    await plain.run("ACL", "SETUSER", "bob", "on", ">bobs-password", "~other:*", "+@all");
    cluster = await startCluster();
    sentinels = await startSentinels();
    folder = await mkdtemp(join(tmpdir(), "gate-redis-tls-"));
    tlsPort = await findFreePort();
    encrypted = await startWithTls();
    web = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(web, "listening");
  }, START);

  afterAll(async () => {
    await Promise.all(
      [secret, plain, old, encrypted, cluster, sentinels].map((each) => each.stop()),
    );
    await rm(folder, { recursive: true });
    web.close();
  });

  /** Starts a server that also listens on `tlsPort`, with a certificate that no authority has signed. */
  async function startWithTls(): Promise<RedisServer> {
    const [certificate, key] = [join(folder, "server.crt"), join(folder, "server.key")];
    await runProgram("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
    ]);
    return RedisServer.start(
      ...["--tls-port", `${tlsPort}`, "--tls-auth-clients", "no"],
      ...["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate],
    );
  }

  const sentinel = () => /\/\/([^,]*),/.exec(sentinels.url)?.[1] ?? "";

  const WRONG: [url: () => string, message: RegExp][] = [
    [() => `redis://:wrong-password@${secret.address}`, /refuses the user or the password/],
    [() => `redis://eve:right-password@${secret.address}`, /refuses the user or the password/],
    [() => secret.url, /needs a password; write redis:\/\/:PASSWORD@host/],
    [() => `redis://bob:bobs-password@${plain.address}`, /does not allow the user to run scripts/],
    [() => old.url, /must be Redis 5 or newer, or Valkey/],
    [() => `${plain.url}/99`, /has no database with the number/],
    [() => `redis://127.0.0.1:${(web.address() as AddressInfo).port}`, /is not Redis/],
    [() => `redis+sentinel://${plain.address}/mymaster`, /is not a Sentinel; write redis:/],
    [() => `redis+cluster://${plain.address}`, /is not a Cluster; write redis:/],
    [() => `redis+cluster://:wrong-password@${secret.address}`, /refuses the user or the password/],
    [() => cluster.servers[0]!.url, /is a node of a Cluster; write redis\+cluster/],
    [() => cluster.servers[1]!.url, /is a node of a Cluster; write redis\+cluster/],
    [() => `redis://${sentinel()}`, /must be Redis 5 or newer, or Valkey, and not a Sentinel/],
    [() => `redis+sentinel://${sentinel()}/other`, /does not know the name/],
    [() => `rediss://localhost:${tlsPort}`, /has a certificate that is not trusted/],
    [() => `rediss://127.0.0.1:${(web.address() as AddressInfo).port}`, /does not use TLS/],
  ];

  test.each(WRONG.map(([url, message], index) => ({ index, url, message })))(
    "OP-8: the wrong URL number $index is refused with one line that says what to do: $message",
    async ({ url, message }) => {
      const opening = Gate.open({ redisUrl: url() });
      await expect(opening).rejects.toThrow(WrongSettings);
      await expect(opening).rejects.toThrow(/^redisUrl: the server [^\n]+$/);
      await expect(opening).rejects.toThrow(message);
      await expect(opening).rejects.not.toThrow(/password-|127\.0\.0\.1/);
    },
  );

  test("OP-8: a replica, which cannot count, does not stop the start, and attempts are counted in memory", async () => {
    const gate = await Gate.open({
      redisUrl: sentinels.servers[1]!.url,
      requestsPerAddress: 1,
      logLevel: "warn",
    });
    try {
      expect(gate.log).toMatchObject([{ err: { message: expect.stringContaining("READONLY") } }]);
      expect((await gate.ask(VERIFY)).status).toBe(200);
      expectThrottled(await gate.ask(VERIFY), 60);
    } finally {
      await gate.close();
    }
  });
});

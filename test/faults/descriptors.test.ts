import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { createDatabase, DATABASES } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { PASSWORD } from "../support/gate.js";
import { ME } from "./client.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

const run = promisify(execFile);

/**
 * The number of files and connections that the server may have open, and the number of connections that the test
 * opens.
 */
const LIMIT = 64;
const CONNECTIONS = 200;
/** The time from the start of the server until it has imported all modules, in milliseconds. */
const PRELOADED = 10_000;

const CHANGE = `mutation { changePassword(currentPassword: "${PASSWORD}", newPassword: "x") { message } }`;

describe.each(DATABASES)("over %s", (kind) => {
  test(`a server that may open ${LIMIT} files waits for a free one, ends no session, and works when there is one`, async () => {
    const database = await createDatabase(kind);
    const site = await Site.open(database.url, { clients: 8 });
    const { url, pid } = site.server;
    const { hostname, port } = new URL(url);
    const openFiles = () => readdirSync(`/proc/${pid}/fd`).length;
    try {
      await sleep(PRELOADED);
      const authorization = await site.server.login("ada", PASSWORD);
      await site.load();
      await run("prlimit", ["--pid", String(pid), `--nofile=${LIMIT}:${LIMIT}`]);
      const sockets = Array.from({ length: CONNECTIONS }, () =>
        connect(Number(port), hostname).on("error", () => undefined),
      );
      await eventually(() => openFiles() >= LIMIT - 1);
      const begin = performance.now();
      // No module may be left to import. Node could not open its file now, and would not try again later.
      await site.ask(CHANGE, authorization).catch(() => undefined);
      await eventually(() => performance.now() > begin + 3000);
      for (const socket of sockets) socket.destroy();
      await Promise.all(sockets.map(async (socket) => socket.closed || once(socket, "close")));
      const freed = performance.now();
      await site.answersAll(freed);
      const back = Math.round(performance.now() - freed);
      const { data } = await site.ask(ME, authorization);
      expect(data?.me).toEqual({ username: "ada" });
      const { errors } = await site.ask(CHANGE, authorization);
      expect(errors?.[0].extensions).toMatchObject({ reason: "password_too_weak" });
      const counted = await site.expectNothingLost();
      say(
        `${kind}: the server had used up its ${LIMIT} files; each client had an answer ${back} ms after they were free. ${counted}.`,
      );
    } finally {
      await site.close();
      await database.drop();
    }
  });
});

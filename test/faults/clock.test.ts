import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type AuthClient, createAuthClient } from "../../src/client/index.js";
import { createDatabase, DATABASES } from "../support/databases.js";
import { eventually } from "../support/eventually.js";
import { FakeClock } from "../support/fake-clock.js";
import { PASSWORD } from "../support/gate.js";
import { describeWith } from "../support/programs.js";
import { ME } from "./client.js";
import { say } from "./progress.js";
import { Site } from "./site.js";

const HOUR = 3600;
/** The steps of the clock, in seconds from the real time. */
const STEPS = [HOUR, 0, -HOUR, 0];
/**
 * The longest wait of an account after so few failures, in milliseconds. Only after many failures, an account waits
 * for 15 minutes.
 */
const MAX_WAIT = 60_000;

const ask = (site: Site, client: AuthClient) =>
  client
    .authFetch(`${site.server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: ME }),
    })
    .then((response) => response.json() as Promise<any>);

/** Waits until the server's `Date` header follows the step. */
async function untilStepped(site: Site, seconds: number): Promise<void> {
  await eventually(async () => {
    const { headers } = await fetch(`${site.server.url}/health/live`);
    const ahead = (Date.parse(headers.get("date") ?? "") - Date.now()) / 1000;
    return Math.abs(ahead - seconds) < 10;
  }, 30_000);
}

const failLogin = async (site: Site, username: string): Promise<string> => {
  const mutation = `mutation { login(username: "${username}", password: "wrong") { access } }`;
  return (await site.ask(mutation)).errors[0].extensions.reason;
};

describeWith("faketime")("the clock of a running server", () => {
  describe.each(DATABASES)("over %s", (kind) => {
    test("is stepped by an hour in both directions: nobody is signed out, and no account waits longer", async () => {
      const folder = await mkdtemp(join(tmpdir(), "gate-clock-"));
      const clock = await FakeClock.start(folder);
      const database = await createDatabase(kind);
      const site = await Site.open(database.url, { clients: 8, env: clock.env });
      try {
        const url = `${site.server.url}/graphql`;
        const clients = (["jwt", "sliding", "token"] as const).map((scheme) =>
          createAuthClient({ url, scheme, storage: "memory" }),
        );
        for (const client of clients) await client.login("ada", PASSWORD);
        await site.load();
        for (const [index, seconds] of STEPS.entries()) {
          await eventually(async () => (await failLogin(site, `victim${index}`)) === "throttled");
          await clock.step(seconds);
          await untilStepped(site, seconds);
          const stepped = performance.now();
          for (const client of clients) {
            expect(await ask(site, client)).toEqual({ data: { me: { username: "ada" } } });
          }
          await site.answersAll();
          await eventually(
            async () => (await failLogin(site, `victim${index}`)) === "invalid_credentials",
            MAX_WAIT,
          );
          const waited = Math.round(performance.now() - stepped);
          say(`${kind}: the clock is at ${seconds} s; a throttled account waited ${waited} ms`);
        }
        say(
          `${kind}: the clock was stepped ${STEPS.length} times. ${await site.expectNothingLost()}.`,
        );
      } finally {
        await site.close();
        await database.drop();
        await rm(folder, { recursive: true });
      }
    });
  });
});

// Measures `me` for a signed-in user without load, and while 200 logins arrive at once.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "../dist/index.js";

const PASSWORD = "correct horse battery staple";
const LOGINS = 200;
const ROUNDS = 5;

const LOGIN = `mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { access } }`;

/** Measures, and returns the result as a section of the report. */
export async function measureStorm() {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-storm-"));
  const server = await createServer({
    port: 0,
    databaseUrl: `sqlite:${join(folder, "storm.sqlite")}`,
    secretKey: randomBytes(32).toString("base64url"),
    logLevel: "error",
    // Each login comes from its own address, so that no limit per address applies.
    trustedProxies: ["127.0.0.1"],
    publicUrl: "https://auth.example.com",
    createDatabase: true,
  });
  try {
    const { accounts, authentication } = server.auth;
    const adaId = await accounts.createUser({ username: "ada", password: PASSWORD });
    const { token } = await authentication.createStaticToken(adaId);
    const me = () =>
      ask(server.url, { query: "{ me { id } }" }, { authorization: `Token ${token}` });
    for (let index = 0; index < 200; index += 1) await me();
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const calm = await observe(me, () => sleep(1500));
      const storm = await observe(me, () => login200(server.url, round));
      rounds.push({ calm, storm, answers: storm.result });
    }
    return describe(rounds);
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}

function login200(url, round) {
  return Promise.all(
    Array.from({ length: LOGINS }, async (_, index) => {
      const body = { query: LOGIN, variables: { u: `nobody${round}-${index}`, p: PASSWORD } };
      const begin = performance.now();
      const { errors } = await ask(url, body, { "x-forwarded-for": `203.0.${round}.${index}` });
      return { code: errors[0].extensions.code, time: performance.now() - begin };
    }),
  );
}

/** Calls `me` while `work` runs, with a pause of 1 ms between calls. */
async function observe(me, work) {
  let isOver = false;
  const times = [];
  const asking = (async () => {
    while (!isOver) {
      const begin = performance.now();
      const { data } = await me();
      if (!data?.me) throw new Error("me was refused");
      times.push(performance.now() - begin);
      await sleep(1);
    }
  })();
  const result = await work();
  isOver = true;
  await asking;
  return { result, times };
}

const agent = new Agent({ keepAlive: true });

function ask(url, body, headers) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${url}/graphql`,
      { method: "POST", agent, headers: { "content-type": "application/json", ...headers } },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve(JSON.parse(text)));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify(body));
  });
}

function describe(rounds) {
  const at = (times, share) => {
    const sorted = [...times].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  };
  const calm = rounds.flatMap((round) => round.calm.times);
  const storm = rounds.flatMap((round) => round.storm.times);
  const answers = rounds.flatMap((round) => round.answers);
  const count = (code) => answers.filter((answer) => answer.code === code).length;
  const slowest = Math.max(...answers.map(({ time }) => time));
  const row = (name, times) =>
    `| ${name} | ${times.length} | ${at(times, 0.5).toFixed(1)} | ${at(times, 0.99).toFixed(1)} | ${at(times, 1).toFixed(1)} |`;
  return `## A storm of ${LOGINS} logins at once

${ROUNDS} rounds, each measured first without the storm, then with it: one client queries \`me\` repeatedly while ${LOGINS} logins from as
many addresses arrive at once. Clients and server share both cores. ${count("UNAUTHENTICATED")} logins were refused after hashing, ${count("SERVICE_UNAVAILABLE")} refused before that; the slowest response took ${(slowest / 1000).toFixed(1)} s. Wall times of \`me\` in ms:

| | requests | median | 99th percentile | longest |
|---|---|---|---|---|
${row("calm", calm)}
${row("in the storm", storm)}

The 99th percentile in the storm is ${(at(storm, 0.99) / at(calm, 0.99)).toFixed(1)} times the calm one.
`;
}

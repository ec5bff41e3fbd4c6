// Measures the values that docs/scale.md multiplies: CPU of the server and of PostgreSQL, WAL, bytes on the wire and
// rows. `node bench/sizes.mjs` needs PostgreSQL (TEST_POSTGRES_URL) on this machine. Run nothing else on the machine
// meanwhile.
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { createAuth, createServer } from "../dist/index.js";

const {
  TEST_POSTGRES_URL: POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres",
  SIZES_DATABASE,
  SIZES_SECRET = randomBytes(32).toString("base64url"),
} = process.env;
const PASSWORD = "correct horse battery staple";
/** A text of the same length as a real hash. */
const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${"a".repeat(22)}$${"b".repeat(43)}`;
const USERS = 200;
const ROWS = 5000;
const CLIENTS = 16;
const SUBSCRIPTIONS = 1000;
const REFUSALS = 1600;
/** The most connections that a server serves. */
const SERVED = 1000;
/** Milliseconds. */
const DURATION = 8000;
/** The CPU time of one tick in /proc, in milliseconds. */
const TICK = 10;

async function serve() {
  const server = await createServer({
    port: 0,
    databaseUrl: SIZES_DATABASE,
    secretKey: SIZES_SECRET,
    logLevel: "warn",
    loginsPerAddress: 1_000_000,
    requestsPerAddress: 1_000_000,
    refreshesPerAddress: 1_000_000,
    refreshesPerSession: 1_000_000,
    connectionsPerAddress: 1000,
  });
  const { accounts, authentication } = server.auth;
  for (let index = 0; index < USERS; index += 1) {
    await accounts.createUser({
      username: `user${index}`,
      email: `user${index}@example.com`,
      password: PASSWORD,
    });
  }
  process.on("message", async (message) => {
    if (message === "rows") {
      for (let index = 0; index < ROWS; index += 1) {
        const username = `row${index}`;
        const id = await accounts.createUser({ username, email: `${username}@example.com` });
        await authentication.createStaticToken({ id });
      }
    }
    if (message === "close") await server.close();
    const { user, system } = process.cpuUsage();
    process.send({ cpu: (user + system) / 1000 });
  });
  process.once("disconnect", () => process.exit());
  process.send({ url: server.url });
}

async function measure() {
  const admin = new pg.Client(POSTGRES);
  await admin.connect();
  const name = `gatehouse_sizes_${process.pid}`;
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(POSTGRES);
  url.pathname = name;
  const child = fork(fileURLToPath(import.meta.url), {
    env: { ...process.env, NODE_ENV: "development", SIZES_DATABASE: url.href, SIZES_SECRET },
  });
  try {
    const [{ url: origin }] = await once(child, "message");
    const own = new pg.Client(url.href);
    // Dropping the database ends this connection. Ignore the error, because it could hide an earlier error.
    own.on("error", () => undefined);
    await own.connect();
    const tell = async (message) => {
      child.send(message);
      const [answer] = await once(child, "message");
      return answer;
    };
    await measureOperations(origin, tell, own);
    await measureRefusals(origin, tell);
    await measureSubscriptions(url.href, own);
    await tell("rows");
    await own.query(`UPDATE "user" SET password_hash = '${HASH}'`);
    await own.query("DELETE FROM session WHERE scheme <> 'TOKEN'");
    await own.query("VACUUM FULL");
    for (const table of ["user", "profile", "session", "audit_event"]) {
      const { rows } = await own.query(
        `SELECT pg_total_relation_size('"${table}"') AS size, count(*) AS rows FROM "${table}"`,
      );
      const [{ size, rows: count }] = rows;
      print(`${table}: bytes per row, with indexes`, size / Math.max(Number(count), 1));
    }
    await own.end();
    await tell("close");
  } finally {
    child.disconnect();
    await once(child, "exit");
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}

async function measureOperations(origin, tell, own) {
  const LOGIN = `mutation ($username: String!, $password: String!) {
    login(username: $username, password: $password) { access refresh }
  }`;
  const REFRESH = `mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access refresh } }`;
  const clients = [];
  for (let index = 0; index < CLIENTS; index += 1) clients.push(new Client(origin));
  const login = async (client, turn) => {
    const username = `user${(turn * CLIENTS + clients.indexOf(client)) % USERS}`;
    client.tokens = (
      await client.ask(LOGIN, { variables: { username, password: PASSWORD } })
    ).login;
  };
  const refresh = async (client) => {
    const { refresh: token } = client.tokens;
    client.tokens = (await client.ask(REFRESH, { variables: { refresh: token } })).refreshToken;
  };
  const me = (client) =>
    client.ask("{ me { id username profile { role } } }", {
      authorization: `Bearer ${client.tokens.access}`,
    });
  for (const [name, operation] of Object.entries({ login, refreshToken: refresh, me })) {
    await run(clients, operation, 2000);
    const before = await snapshot(tell, own);
    const bytesBefore = sum(clients.map((client) => client.bytes));
    const count = await run(clients, operation, DURATION);
    const after = await snapshot(tell, own);
    print(`${name}: a second`, (count / DURATION) * 1000);
    print(`${name}: ms of CPU, server`, (after.server - before.server) / count);
    print(`${name}: ms of CPU, PostgreSQL`, (after.database - before.database) / count);
    print(`${name}: bytes of WAL`, (after.wal - before.wal) / count);
    print(
      `${name}: bytes of HTTP`,
      (sum(clients.map((client) => client.bytes)) - bytesBefore) / count,
    );
  }
  for (const client of clients) client.close();
}

/** Measures a request on a connection that is refused because there are too many. */
async function measureRefusals(origin, tell) {
  const clients = Array.from({ length: SERVED }, () => new Client(origin));
  for (const client of clients) await client.ask("{ __typename }", {});
  const { cpu } = await tell("cpu");
  const refuse = async () => {
    for (let count = 0; count < REFUSALS / CLIENTS; count += 1) {
      const refused = new Client(origin);
      const isServed = await refused.ask("{ __typename }", {}).catch(() => null);
      if (isServed !== null) throw new Error("The connection was not refused.");
      refused.close();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, refuse));
  print("refused connection: ms of CPU", ((await tell("cpu")).cpu - cpu) / REFUSALS);
  for (const client of clients) client.close();
}

/** Measures how much it costs to watch the sessions of open subscriptions. */
async function measureSubscriptions(databaseUrl, own) {
  const auth = await createAuth({ databaseUrl, secretKey: SIZES_SECRET });
  const stops = [];
  for (let index = 0; index < SUBSCRIPTIONS; index += 1) {
    const user = await auth.accounts.createUser({ username: `subscriber${index}` });
    const { token } = await auth.authentication.createStaticToken(user);
    const context = await auth.createContext(
      { headers: { authorization: `Token ${token}` } },
      { ipAddress: "127.0.0.1" },
    );
    stops.push(context.watch(() => Promise.resolve()));
  }
  const tell = () => {
    const { user, system } = process.cpuUsage();
    return Promise.resolve({ cpu: (user + system) / 1000 });
  };
  const before = await snapshot(tell, own);
  await new Promise((resolve) => setTimeout(resolve, DURATION));
  const after = await snapshot(tell, own);
  const seconds = DURATION / 1000;
  print(
    "1,000 subscriptions: ms of CPU a second, server",
    (after.server - before.server) / seconds,
  );
  print("… PostgreSQL", (after.database - before.database) / seconds);
  for (const stop of stops) stop();
  await auth.close();
}

/** Lets all clients repeat the operation. @returns how many times they have repeated it */
async function run(clients, operation, duration) {
  const end = performance.now() + duration;
  let count = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let turn = 0; performance.now() < end; turn += 1) {
        await operation(client, turn);
        count += 1;
      }
    }),
  );
  return count;
}

async function snapshot(tell, own) {
  const { rows } = await own.query(
    `SELECT pid, (SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn) AS wal FROM pg_stat_activity
     WHERE datname = current_database() OR backend_type IN ('walwriter', 'background writer', 'checkpointer')`,
  );
  const { cpu: server } = await tell("cpu");
  return { server, database: sum(rows.map(({ pid }) => cpuOf(pid))), wal: Number(rows[0].wal) };
}

/** Returns the CPU time of a process, in milliseconds. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** A client with one connection. It counts the bytes of the connection. */
class Client {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #url;
  #socket;

  constructor(origin) {
    this.#url = `${origin}/graphql`;
  }

  get bytes() {
    return this.#socket.bytesRead + this.#socket.bytesWritten;
  }

  async ask(query, { variables, authorization }) {
    const outgoing = request(this.#url, {
      agent: this.#agent,
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
    }).end(JSON.stringify({ query, variables }));
    const [response] = await once(outgoing, "response");
    this.#socket = response.socket;
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    const { data, errors } = JSON.parse(text);
    if (errors !== undefined) throw new Error(text);
    return data;
  }

  close() {
    this.#agent.destroy();
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function print(name, value) {
  console.log(`${name}: ${value.toPrecision(3)}`);
}

await (SIZES_DATABASE === undefined ? measure() : serve());

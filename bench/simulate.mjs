// Simulates a day of 100 million users, the wave of refreshes after an outage, and the loss of a region. Prints the
// tables of docs/scale.md. Run `node bench/simulate.mjs`. It needs no server, and always prints the same tables.

/** Measured values. They are from `node bench/sizes.mjs`, but the CPU of the server is from bench/results.md. */
const MEASURED = {
  // CPU of the server and of PostgreSQL, in ms. The CPU of the server is that of the REST bridge on PostgreSQL. The
  // bridge runs the same operations: `POST /login/`, `POST /token/refresh/` and `GET /profile/` by Bearer.
  login: { server: 13.1, database: 2.1, bytes: 1600, wal: 2600 },
  refresh: { server: 0.57, database: 0.33, bytes: 2000, wal: 4400 },
  me: { server: 0.18, database: 0.074, bytes: 1100, wal: 0 },
  // Bytes of a row with its indexes.
  row: { user: 570, profile: 140, session: 450, audit: 460 },
  /**
   * CPU of a connection that is refused because there are too many, in ms. This is an estimate. Without load, a refusal
   * took 0.74 ms and `me` took 0.34 ms. Under load, `me` takes a third of its time without load.
   */
  refusal: 0.15,
};

/** Assumptions about the users, which cannot be measured here. Change these values first. */
const ASSUMED = {
  users: 100e6,
  /** The share of users who are active on a day. */
  active: 0.3,
  visitsPerDay: 3,
  /** Seconds. */
  visit: 600,
  /** How many times an active user logs in on a day. Most users still have a refresh token. */
  logins: 0.1,
  sessionsPerUser: 2,
  /** The load at the busiest time of a region, divided by the mean load of its day. */
  peak: 2,
  regions: [
    { name: "Americas", share: 0.35, hours: 0 },
    { name: "Europe", share: 0.4, hours: 7 },
    { name: "Asia", share: 0.25, hours: 14 },
  ],
  /** The largest share of CPU time that an instance and a database may use at the peak. */
  utilization: 0.5,
  /** In dollars: the price of a core for an hour, and of a GB of storage with replicas for a month. */
  corePrice: 0.04,
  storagePrice: 0.3,
};

/** The client renews an access token of 300 s after this many seconds. See src/client/credentials.ts. */
const RENEWAL = 240;
const DAY = 86_400;

/** Returns a random number generator that always gives the same numbers for a seed: mulberry32. */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A queue whose `shift` takes the same time however long it is. */
function createQueue() {
  const items = [];
  let head = 0;
  return {
    get length() {
      return items.length - head;
    },
    push: (item) => items.push(item),
    shift() {
      const item = items[head];
      items[head] = undefined;
      head += 1;
      return item;
    },
  };
}

const exponential = (random, mean) => -mean * Math.log(1 - random());

/** Returns the load of a region at a second of its day, relative to its mean. The load is highest at 20 h. */
function activity(second) {
  return 1 + (ASSUMED.peak - 1) * Math.cos((2 * Math.PI * (second / 3600 - 20)) / 24);
}

/**
 * Simulates every visit of a sample of the users on one day. Returns the number of operations in each second, all over
 * the world.
 */
function playDay() {
  const random = createRandom(1);
  const scale = 100;
  const counts = Object.fromEntries(
    ["login", "refresh", "me"].map((name) => [name, new Float64Array(DAY)]),
  );
  const online = new Float64Array(DAY + 1);
  for (const { share, hours } of ASSUMED.regions) {
    const people = (ASSUMED.users * ASSUMED.active * share) / scale;
    for (let visit = 0; visit < people * ASSUMED.visitsPerDay; visit += 1) {
      let local;
      do local = random() * DAY;
      while (random() * ASSUMED.peak > activity(local));
      const begin = (local - hours * 3600 + DAY) % DAY;
      const at = (name, second) => (counts[name][Math.floor(second) % DAY] += scale);
      // The access token of the last visit has expired.
      at(random() < ASSUMED.logins / ASSUMED.visitsPerDay ? "login" : "refresh", begin);
      at("me", begin);
      const length = exponential(random, ASSUMED.visit);
      for (let since = RENEWAL; since < length; since += RENEWAL) at("refresh", begin + since);
      online[Math.floor(begin)] += scale;
      online[Math.min(Math.floor(begin + length), DAY)] -= scale;
    }
  }
  let now = 0;
  let most = 0;
  for (let second = 0; second < DAY; second += 1) most = Math.max(most, (now += online[second]));
  return { counts, online: most };
}

/** Returns the highest mean of any minute. */
function peakOf(perSecond) {
  let peak = 0;
  for (let minute = 0; minute < DAY / 60; minute += 1) {
    peak = Math.max(peak, sum(perSecond.subarray(minute * 60, minute * 60 + 60)) / 60);
  }
  return peak;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

// The client's rules (src/client/execute.ts, src/client/renewal.ts), in seconds.
const FIRST_TIMEOUT = 4;
const TIMEOUT = 10;
const RETRY_DELAYS = [0.25, 0.5, 1];
const LAST_RETRY = 8;
/**
 * The server's rules: how many connections one core serves and refuses (src/http/connections.ts), and `reuseWindow`.
 */
const SERVED = 1000;
const REFUSED = 1000;
const REUSE_WINDOW = 10;

/** How long a client pauses after a failed refresh. `failures` counts the failures in a row. */
const PAUSES = {
  "always 1 s": () => 1,
  "1 s and jitter": (_failures, random) => 1 + random(),
  "doubled to 30 s": (failures) => Math.min(2 ** (failures - 1), 30),
  "doubled, and jitter": (failures, random) => Math.min(2 ** (failures - 1), 30) * (1 + random()),
};

/** The length of one step, in seconds. */
const STEP = 0.05;

/**
 * Simulates clients that are online before, during and after an outage.
 * @param cores how many cores the clients need at `ASSUMED.utilization` without an outage
 * @param backAt returns when a client can reach the service again, in seconds after the start of the outage
 * @param kind `unreachable`: connections are refused. `refusing`: the server answers that its database is unavailable
 */
function playOutage({ clients, cores, asks, pause, kind, backAt, seed = 2 }) {
  const random = createRandom(seed);
  const agents = Array.from({ length: clients }, (_, index) => ({
    due: random() * RENEWAL,
    back: backAt(index, random),
    pausedUntil: 0,
    failures: 0,
    chain: 0,
    attempt: 0,
    /** When the server replaced the token, if the client got no response. Otherwise null. */
    rotated: null,
    isRenewed: false,
  }));
  const end = Math.max(...agents.map(({ back }) => back)) + 600;
  const steps = Math.ceil(end / STEP);
  const events = Array.from({ length: steps + 1 }, () => []);
  const plan = (second, act) => {
    const step = Math.max(Math.ceil(second / STEP), now + 1);
    if (step <= steps) events[step].push(act);
  };
  let now = 0;
  const time = () => now * STEP;
  const arrived = createQueue();
  const served = createQueue();
  let left = agents.length;
  const attempts = new Uint32Array(Math.ceil(end) + 1);
  const result = { cores, wasted: 0, used: 0, ended: 0, renewedAt: null };

  const ask = (agent) => {
    const from = Math.max(agent.due, agent.pausedUntil, time());
    plan(from + exponential(random, asks), () => {
      agent.chain = time();
      agent.attempt = 0;
      send(agent);
    });
  };
  const send = (agent) => {
    agent.attempt += 1;
    attempts[Math.floor(time())] += 1;
    if (time() < agent.back) {
      if (kind === "unreachable") lost(agent);
      else failed(agent);
      return;
    }
    const sent = { agent, at: time(), attempt: agent.attempt, chain: agent.chain };
    // The server closes connections beyond this number at once.
    if (arrived.length >= REFUSED * cores) {
      lost(agent);
      return;
    }
    arrived.push(sent);
    plan(time() + (agent.attempt === 1 ? FIRST_TIMEOUT : TIMEOUT), () => {
      if (isCurrent(sent)) lost(agent);
    });
  };
  const isCurrent = ({ agent, attempt, chain }) =>
    agent.attempt === attempt && agent.chain === chain;
  const lost = (agent) => {
    const delay = RETRY_DELAYS[agent.attempt - 1] * (0.5 + random() / 2);
    const mayRetry =
      agent.attempt <= RETRY_DELAYS.length && time() + delay <= agent.chain + LAST_RETRY;
    if (!mayRetry) failed(agent);
    else {
      const { chain, attempt } = agent;
      plan(time() + delay, () => {
        if (isCurrent({ agent, chain, attempt })) send(agent);
      });
    }
  };
  const failed = (agent) => {
    agent.failures += 1;
    agent.pausedUntil = time() + pause(agent.failures, random);
    agent.attempt = -1;
    ask(agent);
  };
  const answer = (sent) => {
    const { agent } = sent;
    const isReplayed = agent.rotated !== null && time() - agent.rotated > REUSE_WINDOW;
    if (isReplayed) result.ended += 1;
    if (!isCurrent(sent)) {
      if (!isReplayed) agent.rotated ??= time();
      return;
    }
    agent.failures = 0;
    agent.rotated = null;
    agent.attempt = -1;
    agent.due = time() + RENEWAL;
    if (!agent.isRenewed && time() >= agent.back) {
      agent.isRenewed = true;
      left -= 1;
      if (left <= clients / 100) result.renewedAt ??= time();
    }
    ask(agent);
  };

  let budget = 0;
  const spend = (cost, isWasted) => {
    budget -= cost;
    if (time() < 600) return;
    result.used += cost;
    if (isWasted) result.wasted += cost;
  };

  for (const agent of agents) ask(agent);
  for (; now < steps; now += 1) {
    for (const act of events[now]) act();
    events[now] = [];
    // Work that is left over waits for the next step. Connections come before requests.
    budget = Math.min(budget, 0) + cores * STEP * 1000;
    while (arrived.length > 0 && budget > 0) {
      const sent = arrived.shift();
      if (served.length < SERVED * cores) served.push(sent);
      else {
        spend(COST.refusal, true);
        if (isCurrent(sent)) failed(sent.agent);
      }
    }
    while (served.length > 0 && budget > 0) {
      const sent = served.shift();
      spend(COST.refresh, !isCurrent(sent));
      answer(sent);
    }
  }
  const peak = Math.max(...attempts);
  return { ...result, peak, busiest: attempts.indexOf(peak) };
}

/** The CPU time on the server, in ms. */
const COST = { refresh: MEASURED.refresh.server, refusal: MEASURED.refusal };

function table(head, rows) {
  const lines = [head, head.map((_, index) => (index === 0 ? "---" : "--:")), ...rows];
  console.log(`\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}`);
}

const number = (value) =>
  value >= 1e9
    ? `${(value / 1e9).toPrecision(3)} bn`
    : value >= 1e6
      ? `${(value / 1e6).toPrecision(3)} m`
      : Math.round(Number(value.toPrecision(3))).toLocaleString("en");
const small = (value) => Number(value.toPrecision(2)).toString();

const started = performance.now();
const { counts, online } = playDay();
const operations = Object.keys(counts);
const perDay = Object.fromEntries(operations.map((name) => [name, sum(counts[name])]));
const peaks = Object.fromEntries(operations.map((name) => [name, peakOf(counts[name])]));
const total = (values, factor) =>
  sum(operations.map((name) => values[name] * factor(MEASURED[name])));
const cores = (kind) => total(peaks, (cost) => cost[kind]) / 1000 / ASSUMED.utilization;

console.log("## A day");
table(
  ["operation", "a day", "a second, mean", "a second, peak", "cores, server", "cores, database"],
  operations.map((name) => [
    `\`${name === "refresh" ? "refreshToken" : name}\``,
    number(perDay[name]),
    number(perDay[name] / DAY),
    number(peaks[name]),
    small((peaks[name] * MEASURED[name].server) / 1000),
    small((peaks[name] * MEASURED[name].database) / 1000),
  ]),
);
const { row } = MEASURED;
const auditPerDay = perDay.login + perDay.refresh;
const stored =
  ASSUMED.users * (row.user + row.profile + ASSUMED.sessionsPerUser * row.session) +
  auditPerDay * 90 * row.audit;
const month = 730;
const connections = sum(Object.values(peaks)) * 75;
const price =
  (cores("server") + cores("database")) * ASSUMED.corePrice * month +
  (stored / 1e9) * ASSUMED.storagePrice;
table(
  ["what", "how much"],
  [
    ["clients online at the peak", number(online)],
    ["connections at the peak, one each, kept for 75 s", number(connections)],
    ["instances, if no proxy shared their connections", number(Math.ceil(connections / SERVED))],
    ["HTTP at the peak", `${small((total(peaks, ({ bytes }) => bytes) * 8) / 1e9)} Gbit/s`],
    ["WAL at the peak", `${small(total(peaks, ({ wal }) => wal) / 1e6)} MB/s`],
    ["WAL a day", `${small(total(perDay, ({ wal }) => wal) / 1e12)} TB`],
    ["stored, with 90 days of audit trail", `${small(stored / 1e12)} TB`],
    ["cores of instances, half busy at the peak", number(Math.ceil(cores("server")))],
    ["cores of PostgreSQL, half busy at the peak", number(Math.ceil(cores("database")))],
    ["dollars a month for a million users", small(price / (ASSUMED.users / 1e6))],
  ],
);

const SAMPLE = 4000;
/** How many cores the refreshes of the sample need. */
const sampleCores = ((SAMPLE / RENEWAL) * COST.refresh) / 1000 / ASSUMED.utilization;
const usual = SAMPLE / RENEWAL;

for (const [title, kind] of [
  ["the instances cannot be reached", "unreachable"],
  ["the instances answer `SERVICE_UNAVAILABLE`", "refusing"],
]) {
  console.log(`\n## After an outage of 10 minutes in which ${title}`);
  const rows = [];
  for (const asks of [1, 10]) {
    for (const [name, pause] of Object.entries(PAUSES)) {
      const played = playOutage({
        ...{ clients: SAMPLE, cores: sampleCores, asks, pause, kind },
        backAt: () => 600,
      });
      rows.push([
        `${asks} s`,
        name,
        `${Math.round(played.peak / usual)} ×`,
        played.renewedAt === null ? "never" : `${Math.round(played.renewedAt - 600)} s`,
        `${Math.round((100 * played.wasted) / played.used)} %`,
        `${small((100 * played.ended) / SAMPLE)} %`,
      ]);
    }
  }
  table(
    [
      "the application asks every",
      "the client pauses",
      "attempts at the worst second",
      "99 % renewed after",
      "CPU wasted",
      "sessions ended",
    ],
    rows,
  );
}

console.log("\n## A region is lost at its peak, and its clients move within 5 minutes");
const rows = [];
for (const lost of ASSUMED.regions) {
  // The second of the day at which it is 20 h in the lost region.
  const at = 20 * 3600 - lost.hours * 3600;
  const busy = ({ share, hours }) => share * activity((at + hours * 3600 + DAY) % DAY);
  const others = ASSUMED.regions.filter((region) => region !== lost);
  const capacity = sum(others.map(({ share }) => share)) * ASSUMED.peak;
  const before = sum(others.map(busy));
  const after = before + busy(lost);
  const clients = SAMPLE;
  const moving = Math.round((clients * busy(lost)) / after);
  const played = playOutage({
    clients,
    cores: (sampleCores * capacity) / after,
    asks: 10,
    pause: PAUSES["doubled, and jitter"],
    kind: "unreachable",
    backAt: (index, random) => (index < moving ? 30 + random() * 270 : 0),
  });
  rows.push([
    lost.name,
    `${Math.round((100 * ASSUMED.utilization * before) / capacity)} %`,
    `${Math.round((100 * ASSUMED.utilization * after) / capacity)} %`,
    `${small(played.peak / usual)} ×`,
    played.renewedAt === null ? "never" : `${Math.round(played.renewedAt)} s`,
  ]);
}
table(
  [
    "lost",
    "the others before",
    "the others after",
    "attempts at the worst second",
    "99 % renewed after",
  ],
  rows,
);
console.error(`${((performance.now() - started) / 1000).toFixed(0)} s`);

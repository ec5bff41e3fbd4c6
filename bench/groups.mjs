// What is measured. The rows of a group are measured in turn, in every round, and compared with the group's first row.
import { startArgon2 } from "./servers/argon2.mjs";
import { startBetterAuth, startConstant, startDjango, startGatehouse } from "./subjects.mjs";

const FEW = 1000;
const BOTH = ["SQLite", "PostgreSQL"];
const SYNC = ["--workers", "5"];
const TUNED = [
  "--worker-class",
  "gthread",
  "--workers",
  "2",
  "--threads",
  "4",
  "--keep-alive",
  "5",
];

const apollo = { name: "bare Apollo", start: () => startConstant("apollo.mjs") };
const graphqlJs = { name: "graphql-js on node:http", start: () => startConstant("graphql-js.mjs") };

/** Returns a Gatehouse. Rows that use the same object share one server. */
function gatehouse(database, users = FEW, options = {}) {
  const name = `Gatehouse, ${database}`;
  return { name, database, start: (stage) => startGatehouse(stage, database, users, options) };
}

const plain = BOTH.map((database) => gatehouse(database));
const stateless = BOTH.map((database) => gatehouse(database, FEW, { bearerCheck: "stateless" }));
const measured = gatehouse("SQLite", FEW, { metrics: true });
const djangos = BOTH.flatMap((database) => [
  {
    name: `Django, gunicorn sync, ${database}`,
    database,
    start: (stage) => startDjango(stage, database, SYNC),
  },
  {
    name: `Django, gunicorn gthread, ${database}`,
    database,
    start: (stage) => startDjango(stage, database, TUNED, { connectionAge: 60 }),
  },
]);
const rotating = BOTH.map((database) => ({
  name: `Django, gunicorn gthread, rotating, ${database}`,
  database,
  start: (stage) => startDjango(stage, database, TUNED, { connectionAge: 60, rotates: true }),
}));
const betterAuths = BOTH.map((database) => ({
  name: `better-auth, ${database}`,
  database,
  start: (stage) => startBetterAuth(stage, database),
}));

const row = (subject, operation, label, connections = 32) => ({
  ...{ subject, operation, connections },
  name: `${subject.name}${label === "" ? "" : `, ${label}`}`,
});

const constants = (connections) => [
  row(apollo, "me", "", connections),
  row(graphqlJs, "me", "", connections),
];

const checks = (connections) =>
  plain.flatMap((subject, index) => [
    row(subject, "token", "Token", connections),
    row(subject, "bearer", "Bearer checked", connections),
    row(stateless[index], "bearer", "Bearer stateless", connections),
  ]);

/** @param users how many users the large databases have */
export const groupsOf = (users) => ({
  me: {
    title: "`me`, 32 connections",
    rows: [
      ...constants(32),
      ...checks(32),
      row(measured, "token", "Token, METRICS=on"),
      ...djangos.map((subject) => row(subject, "bearer", "Bearer")),
      ...betterAuths.map((subject) => row(subject, "token", "session cookie")),
    ],
  },
  alone: { title: "`me`, one connection", rows: [...constants(1), ...checks(1)] },
  refresh: {
    title: "`refreshToken`, 32 connections",
    rows: [
      ...plain.map((subject) => row(subject, "refresh", "")),
      ...[...djangos, ...rotating].map((subject) => row(subject, "refresh", "")),
    ],
  },
  login: {
    title: "`login` and `logout`, 32 connections",
    rows: [
      ...plain.map((subject) => row(subject, "login", "login")),
      row({ name: "Argon2id alone", start: startArgon2 }, "hash", ""),
      ...djangos.map((subject) => row(subject, "login", "login")),
      ...betterAuths.map((subject) => row(subject, "login", "login")),
      ...plain.map((subject) => row(subject, "logout", "logout")),
    ],
  },
  ...Object.fromEntries(
    BOTH.map((database) => [
      `scale-${database.toLowerCase()}`,
      {
        title: `${FEW.toLocaleString("en")} and ${users.toLocaleString("en")} users, ${database}`,
        pairs: true,
        rows: ["token", "bearer", "refresh"].flatMap((operation) =>
          pairOf(database, users).map((subject, index) =>
            row(
              subject,
              operation,
              `${operation}, ${[FEW, users][index].toLocaleString("en")} users`,
            ),
          ),
        ),
      },
    ]),
  ),
  instances: {
    title: "One and two instances on one database",
    pairs: true,
    rows: BOTH.flatMap((database) => {
      const two = gatehouse(database, FEW, { instances: 2 });
      const one = plain[BOTH.indexOf(database)];
      return ["token", "refresh"].flatMap((operation) => [
        row(one, operation, `${operation}, one`),
        row(two, operation, `${operation}, two`),
      ]);
    }),
  },
});

const pairs = new Map();

/** Returns a Gatehouse with few users, and one with many. */
function pairOf(database, users) {
  const key = `${database} ${users}`;
  if (!pairs.has(key)) {
    pairs.set(key, [plain[BOTH.indexOf(database)], gatehouse(database, users)]);
  }
  return pairs.get(key);
}

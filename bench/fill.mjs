// Fills a new database with users and their sessions by SQL, and signs tokens for them without logins.
import "reflect-metadata";
import { randomBytes } from "node:crypto";
import pg from "pg";
import sqlite3 from "sqlite3";
import { newId } from "../dist/accounts/id.js";
import { skeletonsOf } from "../dist/accounts/look-alikes.js";
import { openAuth } from "../dist/auth.js";
import { resolveConfig } from "../dist/config/auth-config.js";
import { featuresWith } from "../dist/features/index.js";
import { generateStaticToken } from "../dist/tokens/static-token.js";

/** The password of every user. */
export const PASSWORD = "correct horse battery staple";
const DAY = 86_400_000;
const ROWS = 500;
/** How many tokens of each kind to make. Their users are chosen at random. */
const SAMPLE = 10_000;
/**
 * How many access tokens to make. The warm-up uses each of them once, because only the first use of a token checks its
 * signature.
 */
const BEARERS = 1000;
/** How many sessions to end. */
export const LEAVERS = 600;
/** Two IP addresses. `ADDRESS` marks the sessions of the users, and `LEAVER` marks the sessions to end. */
const ADDRESS = "203.0.113.7";
const LEAVER = "203.0.113.99";
const USER_AGENT =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/** The skeleton (UTS 39) of each character of the generated names. */
const SKELETONS = Object.fromEntries(
  Array.from("0123456789abcdef.", (letter) => [letter, skeletonsOf(letter).folded]),
);

const USER_COLUMNS = `id, username, username_key, email, email_key, password_hash, is_active, created_at, last_login_at, username_skeleton`;
const SESSION_COLUMNS = `id, user_id, scheme, credentials_version, created_at, rotated_at, authenticated_at, last_used_at, expires_at, refresh_expires_at, ip_address, user_agent`;

/**
 * Creates the tables with Gatehouse, and inserts `count` users with one session each, as a login with the scheme JWT
 * stores it.
 * @param settings options of `createAuth`; the database must be empty
 */
export async function fill(settings, count) {
  const { core, auth } = await open(settings);
  const passwordHash = await core.hasher.hash(PASSWORD);
  await auth.close();
  const database = await connect(settings.databaseUrl);
  const now = Date.now();
  await database.bulk(async () => {
    for (let first = 0; first < count; first += ROWS) {
      const users = Array.from({ length: Math.min(ROWS, count - first) }, (_, index) => {
        const name = `${randomBytes(3).toString("hex")}.${first + index}`;
        const createdAt = now - 365 * DAY + Math.floor(((first + index) / count) * 364 * DAY);
        return { id: newId(), name, email: `${name}@example.com`, createdAt };
      });
      await database.insert(
        `"user" (${USER_COLUMNS})`,
        users.map(({ id, name, email, createdAt }) => {
          const skeleton = Array.from(name, (letter) => SKELETONS[letter]).join("");
          const names = [name, name, email, email];
          return [id, ...names, passwordHash, true, createdAt, now, skeleton];
        }),
      );
      await database.insert(
        "profile (user_id, role)",
        users.map(({ id }) => [id, "USER"]),
      );
      const minutes = () => now - Math.floor(Math.random() * 1000) * 60_000;
      await database.insert(
        `session (${SESSION_COLUMNS})`,
        users.map(({ id }) => {
          const at = minutes();
          const times = [at, at, at, now + DAY, at + 30 * DAY, at + 7 * DAY];
          return [newId(), id, "JWT", 0, ...times, ADDRESS, USER_AGENT];
        }),
      );
    }
  });
  await database.close();
}

/**
 * Makes credentials of random users. Turns some sessions into static tokens, and opens another session for some users.
 * @returns `tokens` and `bearers`, which are `Authorization` headers; `refreshes`, the current refresh tokens of
 * further sessions; `usernames`; and `leavers`, the headers of sessions to end
 */
export async function signIn(settings, sample = SAMPLE) {
  const database = await connect(settings.databaseUrl);
  // Undo what an earlier run has changed.
  await database.run(`DELETE FROM session WHERE ip_address <> '${ADDRESS}'`);
  await database.run(
    `UPDATE session SET scheme = 'JWT', secret_hash = NULL, expires_at = created_at + ${30 * DAY},
       refresh_expires_at = created_at + ${7 * DAY} WHERE scheme = 'TOKEN'`,
  );
  const rows = await database.all(
    `SELECT session.id, user_id, username, expires_at, refresh_expires_at, rotated_at, generation
     FROM session JOIN "user" ON "user".id = user_id
     WHERE scheme = 'JWT' AND ended_at IS NULL ORDER BY random() LIMIT ${3 * sample}`,
  );
  const third = Math.floor(rows.length / 3);
  const tokens = [];
  const now = Date.now();
  const leavers = Array.from({ length: LEAVERS }, (_, index) => ({
    ...rows[index % rows.length],
    id: newId(),
  }));
  await database.bulk(async () => {
    for (const { id } of rows.slice(0, third)) {
      const { token, secretHash } = generateStaticToken(id);
      await database.run(
        `UPDATE session SET scheme = 'TOKEN', secret_hash = '${secretHash}', expires_at = NULL, refresh_expires_at = NULL
         WHERE id = '${id}'`,
      );
      tokens.push(`Token ${token}`);
    }
    await database.insert(
      `session (${SESSION_COLUMNS})`,
      leavers.map(({ id, user_id, expires_at, refresh_expires_at }) => {
        const times = [now, now, now, now + DAY, expires_at, refresh_expires_at];
        return [id, user_id, "JWT", 0, ...times, LEAVER, USER_AGENT];
      }),
    );
  });
  await database.close();
  const { core, auth } = await open(settings);
  const access = (row) => {
    const session = { userId: row.user_id, sessionId: row.id, impersonatorId: null };
    return `Bearer ${core.kinds.access.issue({ ...session, sessionExpiresAt: null }).access}`;
  };
  const refresh = (row) =>
    core.kinds.refresh.issue({
      ...{ userId: row.user_id, sessionId: row.id, impersonatorId: null },
      ...{ generation: Number(row.generation), issuedAt: Number(row.rotated_at) },
      ...{ expiresAt: Number(row.refresh_expires_at), slidesUntil: Number(row.expires_at) },
    });
  const credentials = {
    tokens,
    bearers: rows
      .slice(third, 2 * third)
      .slice(0, BEARERS)
      .map(access),
    refreshes: rows.slice(2 * third).map(refresh),
    usernames: rows.map(({ username }) => username),
    leavers: leavers.map(access),
  };
  await auth.close();
  return credentials;
}

/** Reopens the sessions of `leavers`, so that they can be ended again. */
export async function reopen(databaseUrl) {
  const database = await connect(databaseUrl);
  await database.run(
    `UPDATE session SET ended_at = NULL, end_reason = NULL WHERE ip_address = '${LEAVER}' AND ended_at IS NOT NULL`,
  );
  await database.close();
}

function open(settings) {
  const features = featuresWith([]);
  return openAuth(resolveConfig(settings, features), features);
}

function connect(databaseUrl) {
  return databaseUrl.startsWith("sqlite:")
    ? connectSqlite(databaseUrl.slice("sqlite:".length))
    : connectPostgres(databaseUrl);
}

async function connectSqlite(path) {
  const database = new sqlite3.Database(path);
  const call = (method, ...parameters) =>
    new Promise((resolve, reject) => {
      database[method](...parameters, (error, rows) => (error ? reject(error) : resolve(rows)));
    });
  return {
    all: (sql) => call("all", sql),
    run: (sql) => call("run", sql),
    insert: (into, rows) => {
      const row = `(${rows[0].map(() => "?").join(", ")})`;
      return call(
        "run",
        `INSERT INTO ${into} VALUES ${rows.map(() => row).join(", ")}`,
        rows.flat(),
      );
    },
    bulk: async (work) => {
      await call(
        "exec",
        "PRAGMA busy_timeout = 10000; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; BEGIN IMMEDIATE",
      );
      await work();
      await call("exec", "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    },
    close: () => call("close"),
  };
}

async function connectPostgres(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    all: async (sql) => (await client.query(sql)).rows,
    run: (sql) => client.query(sql),
    insert: (into, rows) => {
      let place = 0;
      const list = rows.map((row) => `(${row.map(() => `$${(place += 1)}`).join(", ")})`);
      return client.query(`INSERT INTO ${into} VALUES ${list.join(", ")}`, rows.flat());
    },
    bulk: async (work) => {
      await client.query("SET synchronous_commit = off");
      await work();
      await client.query("VACUUM ANALYZE");
    },
    close: () => client.end(),
  };
}

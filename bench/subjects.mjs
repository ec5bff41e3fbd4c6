// The servers to compare, how each is started, and the requests for each.
import { execFile, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fill, LEAVERS, PASSWORD, reopen, signIn } from "./fill.mjs";
import { findFreePort } from "./free-port.mjs";
import { withDescendants } from "./load.mjs";

const execute = promisify(execFile);
const SECRET = "bench-secret-0123456789abcdefghijklmnopq";
const DJANGO = fileURLToPath(new URL("../test/django", import.meta.url));
const PYTHON = process.env.DJANGO_PYTHON ?? "/usr/bin/python3";
/** Installed into the bench's folder when it is measured, so that it is no dependency of Gatehouse. */
const BETTER_AUTH = ["better-auth@1.7.25", "better-sqlite3@12.11.1"];

const json = (value) => JSON.stringify(value);
const ME = json({ query: "{ me { id username email profile { role } } }" });
const graphql = (query, variables) => json({ query, variables });

/** Returns a function that returns the items in turn, in an endless loop. */
function inTurn(items) {
  let next = 0;
  return () => items[next++ % items.length];
}

/**
 * @typedef {object} Subject a running server
 * @property {readonly string[]} urls
 * @property {() => Promise<readonly number[]>} pids the processes of all instances
 * @property {Record<string, object>} requests options of `load`, and `prepare`, by operation
 * @property {() => unknown} stop
 */

/** Starts a program of ours, which sends its URL. */
async function startProgram(file, parameters = []) {
  const child = fork(new URL(`servers/${file}`, import.meta.url), parameters, {
    env: { ...process.env, NODE_ENV: "production" },
  });
  const [hello] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`${file} ended: ${code}`))),
  ]);
  const stop = async () => {
    child.disconnect();
    await once(child, "exit");
  };
  return { hello, urls: [hello.url], pids: async () => [child.pid], stop };
}

export async function startConstant(file) {
  return { ...(await startProgram(file)), requests: { me: { next: () => ({ body: ME }) } } };
}

/**
 * Starts Gatehouse on a database of `users` users. The database stays for later runs.
 * @param stage the folder, and PostgreSQL or null
 */
export async function startGatehouse(stage, database, users, { instances = 1, ...options } = {}) {
  const databaseUrl =
    database === "SQLite"
      ? `sqlite:${join(stage.folder, `users-${users}.sqlite`)}`
      : await stage.postgres.url(`users_${users}`);
  const settings = { databaseUrl, secretKey: SECRET, accessTokenLifetime: 3600, ...options };
  const credentials = (stage.credentials[databaseUrl] ??= await prepare(stage, settings, users));
  const { tokens, bearers, refreshes, usernames, leavers } = credentials;
  const started = [];
  for (let index = 0; index < instances; index += 1) {
    started.push(await startProgram("gatehouse.mjs", [json(settings)]));
  }
  const me = (headers) => {
    const next = inTurn(headers);
    return { next: () => ({ body: ME, headers: { authorization: next() } }) };
  };
  const REFRESH = `mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access refresh } }`;
  const LOGIN = `mutation ($username: String!, $password: String!) { login(username: $username, password: $password) { access refresh } }`;
  const nextName = inTurn(usernames);
  const nextLeaver = inTurn(leavers);
  return {
    urls: started.flatMap(({ urls }) => urls),
    pids: async () => (await Promise.all(started.map(({ pids }) => pids()))).flat(),
    stop: () => Promise.all(started.map(({ stop }) => stop())),
    requests: {
      token: me(tokens),
      bearer: me(bearers),
      refresh: {
        // Each response appends the session's next token, so all sessions come in turn.
        next: () => ({ body: graphql(REFRESH, { refresh: refreshes.shift() }) }),
        receive: (text) => refreshes.push(JSON.parse(text).data.refreshToken.refresh),
        amountPerSecond: 800,
      },
      login: {
        next: () => ({ body: graphql(LOGIN, { username: nextName(), password: PASSWORD }) }),
        amountPerSecond: 64,
      },
      logout: {
        prepare: () => reopen(databaseUrl),
        next: () => ({
          body: graphql("mutation { logout { sessionsEnded } }"),
          headers: { authorization: nextLeaver() },
        }),
        amount: LEAVERS,
      },
    },
  };
}

async function prepare(stage, settings, users) {
  const { databaseUrl } = settings;
  const isFilled = databaseUrl.startsWith("sqlite:")
    ? existsSync(databaseUrl.slice("sqlite:".length))
    : (await stage.postgres.query(`SELECT 1 FROM pg_database WHERE datname = 'filled_${users}'`))
        .length > 0;
  if (!isFilled) {
    process.stderr.write(`inserting ${users} users\n`);
    await fill(settings, users);
    if (!databaseUrl.startsWith("sqlite:")) await stage.postgres.url(`filled_${users}`);
  }
  return signIn(settings);
}

/**
 * Starts Django REST framework with simplejwt under gunicorn. Returns null if Debian's packages are not installed.
 * @param words options of gunicorn
 * @param options `connectionAge`, how long a connection to the database is kept, in seconds; `rotates`, whether a refresh
 * replaces the refresh token and blacklists the old one, as Gatehouse does
 */
export async function startDjango(
  stage,
  database,
  words,
  { connectionAge = 0, rotates = false } = {},
) {
  const isInstalled = await execute(PYTHON, [
    "-c",
    "import rest_framework_simplejwt, gunicorn",
  ]).then(
    () => true,
    () => false,
  );
  if (!isInstalled) return null;
  const name = `django_${words.length}${rotates ? "_rotating" : ""}`;
  const file = join(stage.folder, `${name}.sqlite`);
  if (database === "SQLite") await rm(file, { force: true });
  else await stage.postgres.query(`DROP DATABASE IF EXISTS ${name}`);
  const env = {
    PATH: process.env.PATH,
    PYTHONDONTWRITEBYTECODE: "1",
    DATABASE_URL: database === "SQLite" ? `sqlite:${file}` : await stage.postgres.url(name),
    SECRET_KEY: SECRET,
    CONN_MAX_AGE: String(connectionAge),
    SIMPLE_JWT: json({ ROTATE_REFRESH_TOKENS: rotates, BLACKLIST_AFTER_ROTATION: rotates }),
  };
  const manage = async (...parameters) =>
    (await execute(PYTHON, ["manage.py", ...parameters], { cwd: DJANGO, env, maxBuffer: 2 ** 26 }))
      .stdout;
  await manage("migrate", "--verbosity", "0");
  const code = `
import json
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from datetime import timedelta
AccessToken.lifetime = timedelta(hours=1)
password = make_password(${json(PASSWORD)})
users = [User(username=f"user{i}", email=f"user{i}@example.com", password=password) for i in range(100)]
for user in users: user.save()
print(json.dumps([{"username": user.username, "key": Token.objects.create(user=user).key,
  "access": str(AccessToken.for_user(user)), "refresh": str(RefreshToken.for_user(user))} for user in users]))`;
  const users = JSON.parse(await manage("shell", "-c", code));
  const next = inTurn(users);
  const refreshes = users.map(({ refresh }) => refresh);
  const port = await findFreePort();
  const parameters = ["-m", "gunicorn", "--bind", `127.0.0.1:${port}`, ...words, "project.wsgi"];
  const child = spawn(PYTHON, parameters, { cwd: DJANGO, env, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/profile/`).catch(() => null))) await sleep(100);
  const profile = (header) => ({
    method: "GET",
    next: () => ({ path: "/profile/", headers: { authorization: header(next()) } }),
  });
  return {
    urls: [url],
    pids: () => withDescendants(child.pid),
    stop: async () => {
      child.kill();
      await once(child, "exit");
    },
    requests: {
      token: profile(({ key }) => `Token ${key}`),
      bearer: profile(({ access }) => `Bearer ${access}`),
      refresh: rotates
        ? {
            next: () => ({ path: "/token/refresh/", body: json({ refresh: refreshes.shift() }) }),
            receive: (text) => refreshes.push(JSON.parse(text).refresh),
            amountPerSecond: 400,
          }
        : { next: () => ({ path: "/token/refresh/", body: json({ refresh: next().refresh }) }) },
      login: {
        next: () => ({
          path: "/token/",
          body: json({ username: next().username, password: PASSWORD }),
        }),
        amountPerSecond: 24,
      },
    },
  };
}

export async function startBetterAuth(stage, database) {
  const folder = join(stage.folder, "better-auth");
  if (!existsSync(join(folder, "node_modules", "better-sqlite3"))) {
    await mkdir(folder, { recursive: true });
    await execute("npm", ["init", "-y"], { cwd: folder });
    await execute("npm", ["install", "--no-audit", "--no-fund", ...BETTER_AUTH], { cwd: folder });
  }
  const file = join(stage.folder, "better-auth.sqlite");
  if (database === "SQLite") await rm(file, { force: true });
  else await stage.postgres.query("DROP DATABASE IF EXISTS better_auth");
  const databaseUrl =
    database === "SQLite" ? `sqlite:${file}` : await stage.postgres.url("better_auth");
  const started = await startProgram("better-auth.mjs", [folder, databaseUrl]);
  const { users, password } = started.hello;
  const next = inTurn(users);
  return {
    ...started,
    requests: {
      token: {
        method: "GET",
        next: () => ({ path: "/api/auth/get-session", headers: { cookie: next().cookie } }),
      },
      login: {
        next: () => ({
          path: "/api/auth/sign-in/email",
          headers: { origin: "http://127.0.0.1" },
          body: json({ email: next().email, password }),
        }),
        amountPerSecond: 24,
      },
    },
  };
}

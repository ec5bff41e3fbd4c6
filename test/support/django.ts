import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "@jest/globals";
import { ROOT } from "./command.js";
import { DATABASES, type DatabaseKind } from "./databases.js";
import { eventually } from "./eventually.js";
import { findFreePort } from "./free-port.js";
import { createMysqlDatabase, findMysqlFault } from "./mysql.js";
import { takePostgresDatabase } from "./postgresql.js";

/** The Python that has Django. Debian's packages install it for its own Python only. */
export const PYTHON = process.env["DJANGO_PYTHON"] ?? "/usr/bin/python3";
/** The Django project that users of Gatehouse may come from: its settings, views and URLs. */
export const PROJECT = join(ROOT, "test/django");

const MODULES =
  "django rest_framework rest_framework_simplejwt gunicorn argon2 bcrypt psycopg2 MySQLdb";
const djangoFault = await findFault(`import ${MODULES.replaceAll(" ", ", ")}`);
const mariadbFault = djangoFault ?? (await findMysqlFault());
const faults = { Django: djangoFault, MariaDB: mariadbFault };

for (const [name, fault] of Object.entries(faults)) {
  if (fault === null) continue;
  if (process.env["REQUIRE_SERVICES"] === "1") {
    throw new Error(`${name} is required, but cannot be used: ${fault}`);
  }
  describe.skip(`with ${name}: it cannot be used (${fault})`, () => {
    test("the tests that need it are skipped", () => undefined);
  });
}

/** `describe` if Django and its packages are installed; otherwise it skips the tests and says why. */
export const describeDjango = djangoFault === null ? describe : describe.skip;

type DjangoDatabase = DatabaseKind | "mariadb";

/** The databases that a project can use here. */
export const DJANGO_DATABASES: readonly DjangoDatabase[] = [
  ...DATABASES,
  ...(mariadbFault === null ? (["mariadb"] as const) : []),
];

/** The workers of gunicorn, or `runserver` for the server of Django itself. */
export type DjangoWorkers = "sync" | "gthread" | "runserver";

export interface DjangoOptions {
  readonly database?: DjangoDatabase;
  /** Django's SECRET_KEY. */
  readonly secretKey?: string;
  /** SIMPLE_JWT, with its lifetimes in seconds. */
  readonly simpleJwt?: Readonly<Record<string, unknown>>;
  /** The URL of Gatehouse, whose tokens the classes of test/django/accounts/gatehouse.py accept. */
  readonly gatehouseUrl?: string;
  /** DEFAULT_AUTHENTICATION_CLASSES. @default TokenAuthentication and JWTAuthentication */
  readonly authenticationClasses?: readonly string[];
}

/** A response of the project: its status and its JSON. */
export interface DjangoAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** A copy of the Django project, with a separate database. */
export class DjangoProject {
  /** The database, for `gatehouse import-django --from`. */
  readonly databaseUrl: string;
  /** Signs the tokens of simplejwt. */
  readonly secretKey: string;
  readonly #env: Record<string, string>;
  readonly #drop: () => Promise<void>;
  readonly #servers: { stop(): Promise<void> }[] = [];

  private constructor(
    { url, drop }: { url: string; drop: () => Promise<void> },
    { secretKey = randomBytes(32).toString("hex"), ...options }: DjangoOptions,
  ) {
    this.databaseUrl = url;
    this.secretKey = secretKey;
    this.#drop = drop;
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      DATABASE_URL: url,
      SECRET_KEY: secretKey,
      SIMPLE_JWT: JSON.stringify(options.simpleJwt ?? {}),
      AUTHENTICATION_CLASSES: JSON.stringify(options.authenticationClasses ?? null),
      ...(options.gatehouseUrl === undefined ? {} : { GATEHOUSE_URL: options.gatehouseUrl }),
    };
  }

  /** Creates a project with an empty database, and migrates it. */
  static async create(options: DjangoOptions = {}): Promise<DjangoProject> {
    const project = new DjangoProject(await createDatabase(options.database ?? "sqlite"), options);
    await project.manage("migrate", "--verbosity", "0");
    return project;
  }

  /** Returns the same project with other settings, over the same database. Only the first one may be closed. */
  with(options: Omit<DjangoOptions, "database">): DjangoProject {
    const database = { url: this.databaseUrl, drop: () => Promise.resolve() };
    const project = new DjangoProject(database, { secretKey: this.secretKey, ...options });
    this.#servers.push({ stop: () => project.close() });
    return project;
  }

  /** Runs `manage.py`. Returns what it printed. */
  manage(...parameters: string[]): Promise<string> {
    return runPython(["manage.py", ...parameters], { cwd: PROJECT, env: this.#env });
  }

  /**
   * Runs Python in the project's shell, and returns the value of the variable `result`. `User`, `Token`, `Profile`,
   * and simplejwt's token classes and models are imported.
   */
  async shell(code: string): Promise<any> {
    const printed = await this.manage("shell", "-c", `${IMPORTS}\n${code}\n${PRINT_RESULT}`);
    return JSON.parse(printed.trimEnd().split("\n").at(-1) ?? "");
  }

  /** Starts a server on a free port. If it is not stopped earlier, it is stopped when the project is closed. */
  async serve(workers: DjangoWorkers = "gthread"): Promise<DjangoServer> {
    const port = await findFreePort();
    const address = `127.0.0.1:${port}`;
    const parameters =
      workers === "runserver"
        ? ["manage.py", "runserver", "--noreload", address]
        : [
            ...["-m", "gunicorn", "--bind", address, "--worker-class", workers, "--workers", "2"],
            ...(workers === "gthread" ? ["--threads", "4", "--keep-alive", "5"] : []),
            "project.wsgi",
          ];
    const server = await DjangoServer.start(`http://${address}`, parameters, this.#env);
    this.#servers.push(server);
    return server;
  }

  /** Stops the servers, and drops the database. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.stop()));
    await this.#drop();
  }
}

/** A running server of a {@link DjangoProject}. */
export class DjangoServer {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  static async start(
    url: string,
    parameters: readonly string[],
    env: Record<string, string>,
  ): Promise<DjangoServer> {
    const child = spawn(PYTHON, parameters, {
      cwd: PROJECT,
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let printed = "";
    child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`Django ended:\n${printed}`);
      return fetch(`${url}/profile/`).then(
        () => true,
        () => false,
      );
    }, 30_000);
    return new DjangoServer(url, child);
  }

  get(path: string, authorization?: string): Promise<DjangoAnswer> {
    return this.#send(path, { headers: authorization === undefined ? {} : { authorization } });
  }

  /** Sends a body of JSON. */
  post(path: string, body: object, authorization?: string): Promise<DjangoAnswer> {
    return this.#send(path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify(body),
    });
  }

  async #send(path: string, request: RequestInit): Promise<DjangoAnswer> {
    const response = await fetch(`${this.url}${path}`, request);
    const { status, headers } = response;
    return { status, headers, body: JSON.parse((await response.text()) || "null") };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }
}

const IMPORTS = `
from datetime import timedelta
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from accounts.models import Profile
result = None`;

const PRINT_RESULT = "import json; print(json.dumps(result, default=str))";

/**
 * Runs Python until it ends.
 * @throws Error with the output, if it failed
 */
async function runPython(
  parameters: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const child = spawn(PYTHON, parameters, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const [[code], printed, errors] = await Promise.all([
    once(child, "close"),
    text(child.stdout),
    text(child.stderr),
  ]);
  if (code !== 0) throw new Error(`${parameters.slice(0, 2).join(" ")} failed:\n${errors}`);
  return printed;
}

/** Returns the last line of the error with which `code` failed, or null if it ran. */
async function findFault(code: string): Promise<string | null> {
  return runPython(["-c", code]).then(
    () => null,
    (error: unknown) => String(error).trimEnd().split("\n").at(-1) ?? "",
  );
}

async function createDatabase(
  kind: DjangoDatabase,
): Promise<{ url: string; drop: () => Promise<void> }> {
  if (kind === "postgresql") {
    const { url, release } = await takePostgresDatabase();
    const drop = () => {
      release();
      return Promise.resolve();
    };
    return { url, drop };
  }
  if (kind === "mariadb") return createMysqlDatabase();
  const folder = await mkdtemp(join(tmpdir(), "django-"));
  return {
    url: `sqlite:${join(folder, "db.sqlite3")}`,
    drop: () => rm(folder, { recursive: true, force: true }),
  };
}

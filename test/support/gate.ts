import "reflect-metadata";
import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe } from "@jest/globals";
import type { NewUser } from "../../src/accounts/accounts.js";
import type { OpenAuth } from "../../src/auth.js";
import type { AuthEvent, AuthScheme } from "../../src/events.js";
import { resolveServerConfig } from "../../src/config/server-config.js";
import type { Feature } from "../../src/features/feature.js";
import { featuresWith } from "../../src/features/index.js";
import { startServer } from "../../src/http/server.js";
import type { Server, ServerOptions } from "../../src/index.js";
import { createDatabase, type DatabaseKind, DATABASES, type TestDatabase } from "./databases.js";
import { countRequestStatements } from "./statements.js";

export { DATABASES } from "./databases.js";

/** The password of every test user, unless a test passes another. */
export const PASSWORD = "correct horse battery staple";

/** The hash of {@link PASSWORD}. It has the current parameters, so that a login does not replace it. */
export const PASSWORD_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$cd5hpboW+WTLtMhgsVJr0g$h9yvUua+zVA5NxllxfujwWd1CihARezcp+DKMLpDWSo";

/** A GraphQL response, with its HTTP status and headers. */
export interface Answer {
  status: number;
  headers: Headers;
  data: any;
  errors: { message: string; path?: string[]; extensions: Record<string, any> }[] | undefined;
  /** `extensions.code` of the first error. */
  code: string | undefined;
  /** `extensions.reason` of the first error. */
  reason: string | undefined;
  text: string;
}

export interface Call {
  variables?: Record<string, unknown>;
  /** The whole `Authorization` header. */
  authorization?: string;
  headers?: Record<string, string>;
  /** The URL of another server over the same database. @default the gate's own */
  url?: string;
}

/** The tokens that `login` returns. */
export interface Tokens {
  scheme: string;
  token: string;
  access: string;
  refresh: string;
  session: { id: string };
  /** The `Authorization` header to send. */
  authorization: string;
}

const LOGIN = `mutation ($username: String!, $password: String!, $scheme: AuthScheme!) {
  login(username: $username, password: $password, scheme: $scheme) {
    scheme tokenType token access refresh expiresAt refreshExpiresAt session { id } user { id }
  }
}`;

/** Rate limits that no test reaches, although all requests come from one address. Tests of rate limits set others. */
const UNTHROTTLED = {
  loginsPerAddress: 1_000_000,
  requestsPerAddress: 1_000_000,
  refreshesPerAddress: 1_000_000,
  refreshesPerSession: 1_000_000,
  loginFailuresPerAccount: 100,
  connectionsPerAddress: 1000,
};

/**
 * These options are set because a server that others can reach needs `publicUrl`. With the same `jwtIssuer`, servers
 * accept each other's tokens.
 */
const PUBLIC = { publicUrl: "https://auth.example.com", jwtIssuer: "gatehouse" };

export type GateOptions = Partial<ServerOptions<readonly Feature[]>>;

/**
 * A server for tests. It has its own database, users, a clock that tests move, and a list of the events that it
 * published. Tests get one from {@link describeGates} or {@link setUpGate}, which start and close it.
 */
export class Gate {
  readonly events: AuthEvent[] = [];
  /** The records that the server has logged. Empty unless the test sets `logLevel`. */
  readonly log: Record<string, any>[] = [];
  readonly #options: GateOptions & Pick<ServerOptions, "secretKey">;
  readonly #kind: DatabaseKind;
  #clock = { now: 0 };
  #database: TestDatabase | undefined;
  #server: Awaited<ReturnType<typeof startServer>> | undefined;
  #others: Gate[] = [];

  constructor(options: GateOptions = {}, kind: DatabaseKind = "sqlite") {
    this.#options = { secretKey: randomBytes(32).toString("base64url"), ...options };
    this.#kind = kind;
  }

  /** Starts a gate that the test itself closes. */
  static async open(options?: GateOptions, kind?: DatabaseKind): Promise<Gate> {
    const gate = new Gate(options, kind);
    await gate.start();
    return gate;
  }

  /** Starts the server over a new database, at the present time. */
  async start(): Promise<void> {
    this.events.length = 0;
    this.#clock = { now: Date.now() };
    const database = await createDatabase(this.#kind);
    try {
      await this.#listen(database);
    } catch (error) {
      await database.drop();
      throw error;
    }
  }

  /**
   * Starts another server over the same database and clock, with the same options except for `options`. If it is not
   * closed earlier, it is closed together with the gate.
   */
  async another(options: GateOptions = {}): Promise<Gate> {
    const gate = new Gate({ ...this.#options, ...options }, this.#kind);
    gate.#clock = this.#clock;
    await gate.#listen({ ...requireOpen(this.#database), drop: () => Promise.resolve() });
    this.#others.push(gate);
    return gate;
  }

  async #listen(database: TestDatabase): Promise<void> {
    const clock = this.#clock;
    const { features: own, ...given } = this.#options;
    const features = featuresWith(own);
    // createServer does the same, but its result has only the documented part.
    const options: ServerOptions = {
      host: "127.0.0.1",
      port: 0,
      databaseUrl: database.url,
      createDatabase: true,
      ...("publicUrl" in given ? {} : PUBLIC),
      logLevel: "silent",
      ...UNTHROTTLED,
      now: () => clock.now,
      onEvent: (event) => this.events.push(event),
      ...given,
    };
    const log = new Writable({
      write: (line: Buffer, _encoding, done) => {
        this.log.push(JSON.parse(line.toString()));
        done();
      },
    });
    this.#server = await startServer(resolveServerConfig(options, features), features, log);
    this.#database = database;
  }

  /** Closes the server and the servers that {@link Gate.another} started, and drops the database. */
  async close(): Promise<void> {
    const [server, database] = [this.#server, this.#database];
    this.#server = this.#database = undefined;
    for (const other of this.#others.splice(0).toReversed()) await other.close();
    await server?.close();
    await database?.drop();
  }

  /** Stops the server as the command does after SIGTERM. */
  drain(): Promise<void> {
    const server = requireOpen(this.#server);
    this.#server = undefined;
    return server.drain();
  }

  /** The current root secret. */
  get secretKey(): string {
    const [current = ""] = [this.#options.secretKey].flat();
    return current;
  }

  get databaseUrl(): string {
    return requireOpen(this.#database).url;
  }

  /** The file of a SQLite database. */
  get databasePath(): string {
    return this.databaseUrl.slice("sqlite:".length);
  }

  /** Runs one statement, with `?` for its parameters, on a separate connection. */
  sql(statement: string, parameters?: unknown[]): Promise<any[]> {
    return requireOpen(this.#database).sql(statement, parameters);
  }

  get url(): string {
    return requireOpen(this.#server).url;
  }

  get auth(): Server["auth"] {
    return requireOpen(this.#server).auth;
  }

  /** The server's internal services, for tests that need more than {@link Gate.auth} offers. */
  get core(): OpenAuth["core"] {
    return requireOpen(this.#server).core;
  }

  /** Waits until the server has done the writes that it postponed after a response. */
  async flush(): Promise<void> {
    await requireOpen(this.#server).flush();
  }

  /** Epoch milliseconds. */
  get now(): number {
    return this.#clock.now;
  }

  /** Moves the server's clock forward, in whole milliseconds. */
  advance(seconds: number): void {
    this.#clock.now += Math.round(seconds * 1000);
  }

  /**
   * Creates a user and returns the id. The password is {@link PASSWORD} unless a test passes another. The known hash
   * of {@link PASSWORD} is inserted, because hashing takes longer than many tests.
   */
  async user(username: string, rest: Partial<NewUser> = {}): Promise<string> {
    const id = await this.auth.accounts.createUser({ username, ...rest });
    if (rest.password === undefined) {
      const statement = `UPDATE "user" SET password_hash = ? WHERE id = ? RETURNING id`;
      await this.core.sql.write(statement, [PASSWORD_HASH, id]);
    }
    // Removes the event of this user, because the test did not cause it.
    const made = this.events.findIndex(
      (event) => event.type === "user_created" && event.userId === id,
    );
    if (made >= 0) this.events.splice(made, 1);
    return id;
  }

  /** Sends a GraphQL request that accepts `application/graphql-response+json`, unless `headers` say otherwise. */
  async ask(
    query: string,
    { variables, authorization, headers, url = this.url }: Call = {},
  ): Promise<Answer> {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json",
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    const { data, errors } = JSON.parse(text) as Pick<Answer, "data" | "errors">;
    const { code, reason } = errors?.[0]?.extensions ?? {};
    return { status: response.status, headers: response.headers, data, errors, code, reason, text };
  }

  /** Logs in. Fails the test if the login is refused. */
  async login(username: string, scheme: AuthScheme = "JWT", password = PASSWORD): Promise<Tokens> {
    const { data, text } = await this.ask(LOGIN, { variables: { username, password, scheme } });
    if (!data) throw new Error(`login was refused: ${text}`);
    const tokens = data.login as Tokens;
    const { tokenType, token, access } = data.login;
    return { ...tokens, authorization: `${tokenType} ${token ?? access}` };
  }

  /** Opens a session as a login does, but checks no password, because the check takes longer than most tests. */
  async issue(userId: string, scheme: AuthScheme = "JWT"): Promise<Tokens> {
    const issued = await this.core.authentication.issue(userId, { scheme });
    const { token, access, refresh, principal } = issued;
    const authorization = scheme === "TOKEN" ? `Token ${token}` : `Bearer ${token ?? access}`;
    const session = { id: principal.session.id };
    return { scheme, token, access, refresh, session, authorization } as Tokens;
  }

  async me(authorization?: string): Promise<Answer> {
    return this.ask("{ me { id username } }", authorization === undefined ? {} : { authorization });
  }

  async refresh(refresh: string, call: Call = {}): Promise<Answer> {
    const query = `mutation ($refresh: String!) {
      refreshToken(refresh: $refresh) { token access refresh expiresAt refreshExpiresAt session { id } user { id } }
    }`;
    return this.ask(query, { ...call, variables: { refresh } });
  }

  async logout({
    refresh,
    ...call
  }: Pick<Call, "authorization" | "url"> & { refresh?: string }): Promise<Answer> {
    const query = `mutation ($refresh: String) { logout(refresh: $refresh) { message sessionsEnded } }`;
    return this.ask(query, { ...call, variables: { refresh } });
  }

  async verify(token: string): Promise<Answer> {
    const query = `mutation ($token: String!) {
      verifyToken(token: $token) { active scheme tokenType expiresAt user { username } }
    }`;
    return this.ask(query, { variables: { token } });
  }

  /** Counts the SQL statements of `run`. Postponed writes of earlier requests are not counted. */
  async countStatements(run: () => Promise<unknown>): Promise<number> {
    await this.core.sessions.flush();
    return countRequestStatements(run);
  }
}

function requireOpen<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error("The gate is open only while its tests run.");
  return part;
}

/** Starts a gate before the tests of the surrounding block, and closes it after them. */
export function setUpGate(options?: GateOptions, kind?: DatabaseKind): Gate {
  const gate = new Gate(options, kind);
  beforeAll(() => gate.start());
  afterAll(() => gate.close());
  return gate;
}

/** Starts a new gate before each test of the surrounding block, and closes it after the test. */
export function setUpFreshGate(options?: GateOptions, kind?: DatabaseKind): Gate {
  const gate = new Gate(options, kind);
  beforeEach(() => gate.start());
  afterEach(() => gate.close());
  return gate;
}

type Block = (gate: Gate, database: DatabaseKind) => void;
type Gates = [block: Block] | [options: GateOptions, block: Block];

/** Describes rules that hold over each database. All tests of the block share one gate. */
export function describeGates(...gates: Gates): void {
  describeEach(setUpGate, gates);
}

/** Does the same as {@link describeGates}, but each test gets a new gate. */
export function describeFreshGates(...gates: Gates): void {
  describeEach(setUpFreshGate, gates);
}

function describeEach(setUp: typeof setUpGate, gates: Gates): void {
  const [options, block] = gates.length === 1 ? [{}, ...gates] : gates;
  describe.each(DATABASES)("over %s", (database) => {
    block(setUp(options, database), database);
  });
}

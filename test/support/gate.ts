import "reflect-metadata";
import { randomBytes } from "node:crypto";
import type { NewUser } from "../../src/accounts/accounts.js";
import type { OpenAuth } from "../../src/auth.js";
import type { AuthEvent, AuthScheme } from "../../src/events.js";
import { createServer, type Server, type ServerOptions } from "../../src/index.js";
import type { SessionService } from "../../src/sessions/session.service.js";
import { countStatements } from "./statements.js";
import { createDatabase, type DatabaseKind, type TestDatabase } from "./databases.js";

export { DATABASES } from "./databases.js";

/** The password of every test user, unless a test gives another. */
export const PASSWORD = "correct horse battery staple";

/** One GraphQL answer, with what HTTP said around it. */
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
  /** Another server than the gate's own, over the same database. */
  url?: string;
}

/** What `login` gives a test. */
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

/** Tests try often, and from one address. Those of throttling say how often they may. */
const UNTHROTTLED = {
  loginsPerAddress: 1_000_000,
  requestsPerAddress: 1_000_000,
  refreshesPerAddress: 1_000_000,
  refreshesPerSession: 1_000_000,
  loginFailuresPerAccount: 100,
  connectionsPerAddress: 1000,
};

type GateOptions = Partial<ServerOptions> & Pick<ServerOptions, "secretKey">;

/** A running server over a database of its own, with users, a clock that moves, and the events it told. */
export class Gate {
  readonly events: AuthEvent[] = [];
  readonly #database: TestDatabase;
  readonly #clock: { now: number };
  #server!: Server;
  #options!: GateOptions;
  #isOwner = true;

  private constructor(database: TestDatabase, clock: { now: number }) {
    this.#database = database;
    this.#clock = clock;
  }

  static async open(
    options: Partial<ServerOptions> = {},
    database: DatabaseKind = "sqlite",
  ): Promise<Gate> {
    const gate = new Gate(await createDatabase(database), { now: Date.now() });
    return gate.#start({ secretKey: randomBytes(32).toString("base64url"), ...options });
  }

  /** Another server over the same database, with the same options but these, and the same clock. */
  async another(options: Partial<ServerOptions> = {}): Promise<Gate> {
    const gate = new Gate(this.#database, this.#clock);
    gate.#isOwner = false;
    return gate.#start({ ...this.#options, ...options });
  }

  async #start(options: GateOptions): Promise<this> {
    this.#options = options;
    try {
      this.#server = await createServer({
        host: "127.0.0.1",
        port: 0,
        databaseUrl: this.databaseUrl,
        logLevel: "silent",
        ...UNTHROTTLED,
        now: () => this.#clock.now,
        onEvent: (event) => this.events.push(event),
        ...options,
      });
      return this;
    } catch (error) {
      if (this.#isOwner) await this.#database.drop();
      throw error;
    }
  }

  get databaseUrl(): string {
    return this.#database.url;
  }

  /** The file of a SQLite database. */
  get databasePath(): string {
    return this.databaseUrl.slice("sqlite:".length);
  }

  /** Runs one statement, with `?` for its parameters, past the server. */
  sql(statement: string, parameters?: unknown[]): Promise<any[]> {
    return this.#database.sql(statement, parameters);
  }

  get url(): string {
    return this.#server.url;
  }

  get auth(): Server["auth"] {
    return this.#server.auth;
  }

  /** The services behind {@link Gate.auth}, with what applications do not see. */
  get core(): OpenAuth["core"] {
    return (this.auth as OpenAuth).core;
  }

  /** Waits until the server has written what it writes after a response. */
  async flush(): Promise<void> {
    await (this.auth as OpenAuth).flush();
  }

  /** Epoch milliseconds. */
  get now(): number {
    return this.#clock.now;
  }

  /** Moves the server's clock. */
  advance(seconds: number): void {
    this.#clock.now += seconds * 1000;
  }

  /** Creates a user, whose password is {@link PASSWORD}, and gives the id. */
  async user(username: string, rest: Partial<NewUser> = {}): Promise<string> {
    return this.auth.accounts.createUser({ username, password: PASSWORD, ...rest });
  }

  /** One GraphQL request over HTTP, as `application/graphql-response+json` unless `headers` say otherwise. */
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

  /** Logs in, and fails the test when that is refused. */
  async login(username: string, scheme: AuthScheme = "JWT", password = PASSWORD): Promise<Tokens> {
    const { data, text } = await this.ask(LOGIN, { variables: { username, password, scheme } });
    if (!data) throw new Error(`login was refused: ${text}`);
    const tokens = data.login as Tokens;
    const { tokenType, token, access } = data.login;
    return { ...tokens, authorization: `${tokenType} ${token ?? access}` };
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

  /** The sessions of the server's inside. */
  get sessions(): SessionService {
    return this.auth.sessions as SessionService;
  }

  /** Counts the SQL statements of `run`, without what requests before it left to be written. */
  async countStatements(run: () => Promise<unknown>): Promise<number> {
    await this.sessions.flush();
    return countStatements(run);
  }

  async close(): Promise<void> {
    await this.#server.close();
    if (this.#isOwner) await this.#database.drop();
  }
}

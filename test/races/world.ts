import "reflect-metadata";
import { randomBytes } from "node:crypto";
import { type DocumentNode, execute, parse } from "graphql";
import pg, { type Client } from "pg";
import type { Role } from "../../src/accounts/role.js";
import { openAuth, type OpenAuth } from "../../src/auth.js";
import { resolveConfig } from "../../src/config/auth-config.js";
import type { AuthEvent, EndReason } from "../../src/events.js";
import { featuresWith } from "../../src/features/index.js";
import { eventually } from "../support/eventually.js";
import { createDatabase, type DatabaseKind, type TestDatabase } from "../support/databases.js";

/** With this option, PostgreSQL does not end transactions that are held. */
const PATIENT = "options=-c%20idle_in_transaction_session_timeout%3D0";
const PASSWORD = "correct horse battery staple";
const SECOND = 1000;
const DAY = 86_400 * SECOND;
const INSTANCES = 3;
/** The roles that the first, the second and the third role change give. */
export const ROLES = ["ADMIN", "EDITOR", "USER"];
const TABLES = [`"user"`, "profile", "session"];

const OPTIONS = {
  roles: ["USER", "EDITOR", "ADMIN"],
  requestsPerAddress: 1_000_000,
  refreshesPerAddress: 1_000_000,
  refreshesPerSession: 1_000_000,
  loginsPerAddress: 1_000_000,
};

/** The order of the sessions in their table. A statement finds, and locks, its rows in this order. */
export type RowOrder = "ASC" | "DESC";

/** The answer to an operation. */
export interface Answer {
  /** The reason of a refusal; `unavailable` if the database has failed. Undefined for a success. */
  readonly reason?: string;
  readonly data?: any;
}

type SessionName = "laptop" | "phone" | "expired" | "ended" | "other";

interface Token {
  readonly session: SessionName;
  readonly kind: "access" | "refresh";
  readonly generation: number;
  readonly text: string;
}

/** The state of the database and of the instances after all operations. */
export interface State {
  readonly sessions: Readonly<
    Partial<Record<SessionName, { endReason: EndReason | null; generation: number }>>
  >;
  readonly isActive: boolean;
  readonly role: string;
  /** Whether the password is still the first one. */
  readonly hasOldPassword: boolean;
  /** The tokens that are accepted. */
  readonly accepted: readonly Token[];
  /** The sessions that events have reported as ended. A session that was reported twice is in the list twice. */
  readonly reported: readonly SessionName[];
  /** All rows and the number of tokens, which decide what each token may do. */
  readonly key: string;
}

/**
 * Three instances over one database, with an administrator and the user Ada. Ada is signed in on her laptop and her
 * phone. The refresh token of the laptop was rotated once, longer ago than the reuse window.
 */
export class World {
  readonly #database: TestDatabase;
  readonly #instances: OpenAuth[];
  readonly #clock: { now: number };
  readonly #events: AuthEvent[];
  readonly #admin: Client | undefined;
  readonly #order: RowOrder;
  readonly #ids = new Map<string, SessionName>();
  readonly #tokens: Token[] = [];
  readonly #found = new Map<string, readonly unknown[]>();
  #ada = "";

  private constructor(
    database: TestDatabase,
    instances: OpenAuth[],
    clock: { now: number },
    events: AuthEvent[],
    admin: Client | undefined,
    order: RowOrder,
  ) {
    this.#database = database;
    this.#instances = instances;
    this.#clock = clock;
    this.#events = events;
    this.#admin = admin;
    this.#order = order;
  }

  static async open(kind: DatabaseKind, order: RowOrder): Promise<World> {
    const database = await createDatabase(kind);
    const clock = { now: Date.now() };
    const events: AuthEvent[] = [];
    const features = featuresWith([]);
    const config = resolveConfig(
      {
        ...OPTIONS,
        secretKey: randomBytes(32).toString("base64url"),
        databaseUrl: kind === "sqlite" ? database.url : `${database.url}?${PATIENT}`,
        now: () => clock.now,
        onEvent: (event) => void events.push(event),
      },
      features,
    );
    const instances: OpenAuth[] = [];
    for (let index = 0; index < INSTANCES; index += 1) {
      instances.push(await openAuth(config, features));
    }
    // Passwords are not hashed, because hashing takes longer than all statements and runs none.
    for (const { core } of instances) {
      // SQLite need not wait for the disk, because no play has a power failure.
      if (kind === "sqlite") {
        await core.sql.write("PRAGMA synchronous = OFF", []);
      }
      core.hasher.hash = (password) => Promise.resolve(`hash of ${password}`);
      core.hasher.verify = (hash, password) => Promise.resolve(hash === `hash of ${password}`);
      core.hasher.needsRehash = () => false;
    }
    const admin = kind === "sqlite" ? undefined : new pg.Client({ connectionString: database.url });
    await admin?.connect();
    const world = new World(database, instances, clock, events, admin, order);
    await world.#populate();
    return world;
  }

  async close(): Promise<void> {
    for (const { auth } of this.#instances) await auth.close();
    await this.#admin?.end();
    await this.#database.drop();
  }

  async #populate(): Promise<void> {
    const { auth, core } = this.#instances[0]!;
    this.#ada = await auth.accounts.createUser({ username: "ada", password: PASSWORD });
    const root = await auth.accounts.createUser({ username: "root", role: "ADMIN" });
    const open = async (name: SessionName, userId = this.#ada) => {
      const { access, refresh, principal } = await core.authentication.issue(userId, {
        scheme: "JWT",
      });
      this.#ids.set(principal.session.id, name);
      this.#addTokens(name, 0, { access, refresh });
      return { id: principal.session.id, refresh: refresh! };
    };
    const laptop = await open("laptop");
    await open("phone");
    await open("other", root);
    const expired = await open("expired");
    const ended = await open("ended");
    await auth.sessions.end(ended.id);
    const issued = await auth.authentication.refresh(laptop.refresh);
    this.#addTokens("laptop", 1, issued);
    this.#clock.now += 60 * SECOND;
    const { now } = this.#clock;
    const { sql } = core;
    await sql.write(`UPDATE session SET last_used_at = ? RETURNING id`, [now]);
    await sql.write(
      `UPDATE session SET expires_at = ?, refresh_expires_at = ? WHERE id = ? RETURNING id`,
      [now - DAY, now - DAY, expired.id],
    );
    for (const table of TABLES) {
      await this.#database.sql(`CREATE TABLE saved_${name(table)} AS SELECT * FROM ${table}`);
    }
  }

  #addTokens(
    session: SessionName,
    generation: number,
    { access, refresh }: { access: string | null; refresh: string | null },
  ): void {
    this.#tokens.push({ session, generation, kind: "access", text: access! });
    this.#tokens.push({ session, generation, kind: "refresh", text: refresh! });
  }

  /** Restores the rows as they were before the first operation, and forgets the wrong passwords of earlier plays. */
  async reset(): Promise<void> {
    const statements = [
      ...TABLES.toReversed().map((table) => `DELETE FROM ${table}`),
      ...TABLES.map((table) => {
        const sorted = table === "session" ? `ORDER BY id ${this.#order}` : "";
        return `INSERT INTO ${table} SELECT * FROM saved_${name(table)} ${sorted}`;
      }),
    ];
    // PostgreSQL runs several statements of one text in a transaction.
    await this.#admin?.query(statements.join(";"));
    if (this.#admin === undefined) {
      await this.#instances[0]!.core.sql.inTransaction(async (run) => {
        for (const statement of statements) await run(statement, []);
      });
    }
    for (const { core } of this.#instances) await core.throttle.forgetFailures(this.#ada, false);
    this.#events.length = 0;
  }

  /** Returns the committed rows of all tables that operations share. */
  async readRows(): Promise<unknown[]> {
    const statements = TABLES.map((table) => `SELECT * FROM ${table} ORDER BY 1`);
    if (this.#admin === undefined) {
      const { sql } = this.#instances[0]!.core;
      return Promise.all(statements.map((statement) => sql.readOnce(statement, [])));
    }
    const results: any = await this.#admin.query(statements.join(";"));
    return results.map(({ rows }: any) => rows);
  }

  /** Returns for each of these processes of PostgreSQL which processes it waits for. */
  async blockersOf(pids: readonly number[]): Promise<Map<number, number[]>> {
    if (this.#admin === undefined) return new Map();
    const { rows } = await this.#admin.query(
      `SELECT pid, pg_blocking_pids(pid) AS blockers FROM unnest($1::int[]) AS pid`,
      [pids],
    );
    return new Map(rows.map(({ pid, blockers }: any) => [pid, blockers]));
  }

  /** Ends a connection of PostgreSQL, and waits until it has ended. */
  async terminate(pid: number): Promise<void> {
    await this.#admin?.query("SELECT pg_terminate_backend($1)", [pid]);
    await eventually(async () => {
      const found = await this.#admin?.query("SELECT FROM pg_stat_activity WHERE pid = $1", [pid]);
      return found?.rows.length === 0;
    });
  }

  /**
   * Runs an operation as a client would.
   * @param index its position among the operations of a play
   * @param instanceIndex the instance that runs it
   */
  run(name: OperationName, index: number, instanceIndex = index): Promise<Answer> {
    const instance = this.#instances[instanceIndex]!;
    const refreshed = (generation: number) => this.#find("laptop", "refresh", generation);
    const phone = this.#find("phone", "access", 0);
    const ask = (text: string, rest?: Call) => this.#ask(instance, text, rest);
    switch (name) {
      case "refresh":
        return ask(REFRESH, { variables: { refresh: refreshed(1) } });
      case "replay":
        return ask(REFRESH, { variables: { refresh: refreshed(0) } });
      case "logout":
        return ask("mutation { logout { sessionsEnded } }", {
          bearer: this.#find("laptop", "access", 1),
        });
      case "revocation":
        return ask("mutation ($id: ID!) { revokeSession(id: $id) { sessionsEnded } }", {
          bearer: phone,
          variables: { id: this.#idOf("laptop") },
        });
      case "logout of all":
        return ask("mutation { logoutAll { sessionsEnded } }", { bearer: phone });
      case "password change":
        return ask(CHANGE_PASSWORD, {
          bearer: phone,
          variables: { current: PASSWORD, next: `the new passphrase ${index}` },
        });
      case "deactivation":
        return answerOf(instance.auth.accounts.setActive(this.#ada, false));
      case "role change":
        return answerOf(instance.auth.accounts.setRole(this.#ada, ROLES[index] as Role));
      case "prune":
        return answerOf(instance.auth.maintenance.prune());
    }
  }

  /** Refreshes a token on the first instance. */
  async refresh(token: Token): Promise<Answer> {
    return this.#ask(this.#instances[0]!, REFRESH, { variables: { refresh: token.text } });
  }

  /**
   * Returns the state after all operations have ended.
   * @param answers the answers, whose tokens are tried too
   */
  async look(answers: readonly Answer[]): Promise<State> {
    const { auth } = this.#instances[0]!;
    const [users, profiles, sessions] = (await this.readRows()) as any[][];
    const tokens = this.tokens(answers);
    const key = JSON.stringify([users, profiles, sessions, tokens.length]);
    const accepted = await this.#once(`accepted ${key}`, async () => {
      const principals = await Promise.all(
        tokens.map(({ text }) => auth.authentication.verifyToken(text)),
      );
      return tokens.filter((_, index) => principals[index] !== null);
    });
    const user = users!.find(({ id }) => id === this.#ada);
    return {
      sessions: Object.fromEntries(
        sessions!.map(({ id, end_reason: endReason, generation }) => [
          this.#ids.get(id),
          { endReason, generation },
        ]),
      ),
      isActive: Boolean(user.is_active),
      role: profiles!.find(({ user_id }) => user_id === this.#ada).role,
      hasOldPassword: user.password_hash === `hash of ${PASSWORD}`,
      accepted,
      reported: this.#events.flatMap((event) =>
        event.type === "session_ended" || event.type === "token_reused"
          ? [this.#ids.get(event.sessionId)!]
          : [],
      ),
      key,
    };
  }

  /** Finds faults only once for each state of the rows. */
  oncePerState({ key }: State, find: () => Promise<readonly string[]>): Promise<readonly string[]> {
    return this.#once(`faults ${key}`, find);
  }

  async #once<Found>(
    key: string,
    find: () => Promise<readonly Found[]>,
  ): Promise<readonly Found[]> {
    const found = this.#found.get(key) ?? (await find());
    this.#found.set(key, found);
    return found as readonly Found[];
  }

  /** Returns all tokens that were ever issued. */
  tokens(answers: readonly Answer[]): Token[] {
    const fresh = answers.flatMap(({ data }): Token[] => {
      const { access, refresh } = data?.refreshToken ?? {};
      if (access === undefined) return [];
      const issued = { session: "laptop", generation: 2 } as const;
      return [
        { ...issued, kind: "access", text: access },
        { ...issued, kind: "refresh", text: refresh },
      ];
    });
    return [...this.#tokens, ...fresh];
  }

  #find(session: SessionName, kind: Token["kind"], generation: number): string {
    return this.#tokens.find(
      (token) =>
        token.session === session && token.kind === kind && token.generation === generation,
    )!.text;
  }

  #idOf(session: SessionName): string {
    return [...this.#ids].find(([, name]) => name === session)![0];
  }

  async #ask({ auth }: OpenAuth, text: string, { variables, bearer }: Call = {}): Promise<Answer> {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const contextValue = await auth.createContext({ headers }, { ipAddress: "192.0.2.1" });
    const document = documents.get(text) ?? parse(text);
    documents.set(text, document);
    const { data, errors } = await execute({
      schema: auth.schema,
      document,
      contextValue,
      variableValues: variables ?? {},
    });
    return errors === undefined ? { data } : { reason: reasonOf(errors[0]) };
  }
}

interface Call {
  readonly variables?: Record<string, unknown>;
  readonly bearer?: string;
}

const documents = new Map<string, DocumentNode>();

const REFRESH =
  "mutation ($refresh: String!) { refreshToken(refresh: $refresh) { access refresh } }";
const CHANGE_PASSWORD = `mutation ($current: String!, $next: String!) {
  changePassword(currentPassword: $current, newPassword: $next) { sessionsEnded } }`;

export const OPERATIONS = [
  "refresh",
  "replay",
  "logout",
  "revocation",
  "logout of all",
  "password change",
  "deactivation",
  "role change",
  "prune",
] as const;
export type OperationName = (typeof OPERATIONS)[number];

function answerOf(running: Promise<unknown>): Promise<Answer> {
  return running.then(
    (data) => ({ data }),
    (error: unknown) => ({ reason: reasonOf(error) }),
  );
}

function reasonOf(error: any): string {
  const { code, reason } = error.extensions ?? {};
  if (code === "SERVICE_UNAVAILABLE") return "unavailable";
  return reason ?? code ?? `${error}`;
}

function name(table: string): string {
  return table.replaceAll(`"`, "");
}

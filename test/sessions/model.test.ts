import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { describeGates, type Gate, type Tokens } from "../support/gate.js";

const [ACCESS, IDLE, ABSOLUTE, FIXED, WINDOW, LEEWAY] = [60, 1000, 3000, 2000, 10, 5];
const SECOND = 1000;
const RUNS = { sqlite: 60, postgresql: 25 };

interface Session {
  id: string;
  scheme: "JWT" | "TOKEN" | "SLIDING";
  generation: number;
  rotatedAt: number;
  expiresAt: number;
  refreshExpiresAt: number;
  ended: "token_revoked" | "token_reused" | "deactivated" | null;
  /** The refresh or sliding token of each generation. */
  rotating: string[];
}

interface Issued {
  kind: "access" | "refresh" | "sliding" | "static";
  text: string;
  session: Session;
  generation: number;
  /** In epoch seconds. */
  exp: number;
}

/** The state of one user, computed from the rules alone. */
class Model {
  isActive = true;
  readonly sessions: Session[] = [];
  readonly tokens: Issued[] = [];

  isLive = ({ ended, expiresAt, refreshExpiresAt }: Session, now: number) =>
    ended === null && expiresAt > now && refreshExpiresAt > now;

  /** Returns why a session is refused, or undefined. */
  refusal({ ended, expiresAt, scheme }: Session, now: number): string | undefined {
    if (ended === "deactivated") return this.isActive ? "token_revoked" : "user_inactive";
    if (ended !== null) return ended;
    if (!this.isActive) return "user_inactive";
    if (expiresAt > now) return undefined;
    return scheme === "TOKEN" ? "token_expired" : "session_expired";
  }

  /** Returns why a token is refused as a credential, or undefined. */
  use({ kind, session, generation, exp }: Issued, now: number): string | undefined {
    if (kind === "refresh") return "token_wrong_type";
    if (kind !== "static" && now / SECOND >= exp + LEEWAY) return "token_expired";
    const refusal = this.refusal(session, now);
    if (refusal !== undefined || kind !== "sliding") return refusal;
    if (generation !== session.generation) return "token_revoked";
    return session.refreshExpiresAt <= now ? "token_expired" : undefined;
  }

  /** Refreshes a token. Returns why it is refused, or undefined. */
  refresh({ kind, session, generation }: Issued, now: number): string | undefined {
    if (kind === "access") return "token_wrong_type";
    if (kind === "static") return "token_not_valid";
    const refusal = this.refusal(session, now);
    if (refusal !== undefined) return refusal;
    if (generation === session.generation) {
      if (!this.isLive(session, now)) return "token_expired";
      session.generation += 1;
      session.rotatedAt = now;
      session.refreshExpiresAt = Math.min(now + IDLE * SECOND, session.expiresAt);
      return undefined;
    }
    const isPredecessor = generation === session.generation - 1;
    if (isPredecessor && now - session.rotatedAt < WINDOW * SECOND) return undefined;
    if (this.isLive(session, now)) session.ended = "token_reused";
    return "token_reused";
  }

  end(sessions: Session[], now: number): number {
    const live = sessions.filter((session) => this.isLive(session, now));
    for (const session of live) session.ended = "token_revoked";
    return live.length;
  }

  issue(session: Session, { access, refresh, token }: Partial<Tokens>, now: number): void {
    const { generation, scheme, expiresAt, refreshExpiresAt } = session;
    const add = (kind: Issued["kind"], text: string, until: number) =>
      this.tokens.push({ kind, text, session, generation, exp: until / SECOND });
    if (access != null) add("access", access, Math.min(now + ACCESS * SECOND, expiresAt));
    if (refresh != null) add("refresh", refresh, refreshExpiresAt);
    if (token != null) add(scheme === "TOKEN" ? "static" : "sliding", token, refreshExpiresAt);
    session.rotating[generation] ??= refresh ?? token ?? "";
  }
}

interface Real {
  gate: Gate;
  clock: { now: number };
  userId: string;
  username: string;
}

/**
 * A step that may need a token. The number selects one of all issued tokens; a negative number counts from the
 * latest.
 */
class Step {
  constructor(
    readonly name: string,
    readonly pick: number | null,
    readonly act: (model: Model, real: Real, token: Issued) => Promise<void>,
  ) {}

  toString = () => (this.pick === null ? this.name : `${this.name}(${this.pick})`);

  async run(model: Model, real: Real): Promise<void> {
    await this.act(model, real, model.tokens.at((this.pick ?? 0) % model.tokens.length)!);
  }
}

async function login(scheme: Session["scheme"], model: Model, { gate, clock, username }: Real) {
  const { now } = clock;
  if (!model.isActive) {
    await expect(gate.login(username, scheme)).rejects.toThrow("invalid_credentials");
    return;
  }
  const tokens = await gate.login(username, scheme);
  const isFixed = scheme === "TOKEN";
  const expiresAt = now + (isFixed ? FIXED : ABSOLUTE) * SECOND;
  const refreshExpiresAt = isFixed ? Infinity : now + IDLE * SECOND;
  const begun = { generation: 0, rotatedAt: now, ended: null, rotating: [] };
  const session = { ...begun, id: tokens.session.id, scheme, expiresAt, refreshExpiresAt };
  model.sessions.push(session);
  model.issue(session, tokens, now);
}

async function use(model: Model, { gate, clock }: Real, token: Issued) {
  const scheme = token.kind === "static" ? "Token" : "Bearer";
  const { reason } = await gate.me(`${scheme} ${token.text}`);
  expect([token.kind, reason]).toEqual([token.kind, model.use(token, clock.now)]);
}

async function refresh(model: Model, { gate, clock }: Real, token: Issued) {
  const expected = model.refresh(token, clock.now);
  const { reason, data } = await gate.refresh(token.text);
  expect([token.kind, reason]).toEqual([token.kind, expected]);
  if (expected !== undefined) return;
  const { session } = token;
  const successor: string = data.refreshToken.refresh ?? data.refreshToken.token;
  expect(successor).toBe(session.rotating[session.generation] ?? successor);
  model.issue(session, data.refreshToken, clock.now);
}

async function logout(model: Model, { gate, clock }: Real, { kind, text, session }: Issued) {
  const isArgument = kind === "refresh" || kind === "sliding";
  const scheme = kind === "static" ? "Token" : "Bearer";
  const { data } = await gate.logout(
    isArgument ? { refresh: text } : { authorization: `${scheme} ${text}` },
  );
  expect(data.logout.sessionsEnded).toBe(model.end([session], clock.now));
}

async function logoutAll(model: Model, { gate, clock, userId }: Real) {
  const expected = model.end(model.sessions, clock.now);
  expect(await gate.auth.sessions.endAll(userId)).toBe(expected);
}

async function setActive(isActive: boolean, model: Model, { gate, userId }: Real) {
  for (const session of isActive ? [] : model.sessions) session.ended ??= "deactivated";
  await gate.auth.accounts.setActive(userId, isActive);
  model.isActive = isActive;
}

const pick = fc.oneof(fc.integer({ min: -3, max: -1 }), fc.nat(1000));
const withToken = (name: string, act: Step["act"]) =>
  pick.map((index) => new Step(name, index, act));
const without = (name: string, act: Step["act"]) => fc.constant(new Step(name, null, act));
const wait = fc
  .constantFrom(1, 9, 10, WINDOW + 1, 1, 9, 10, WINDOW + 1, ACCESS, 300, IDLE - 1, IDLE, 1500)
  .map(
    (seconds) =>
      new Step(`wait ${seconds} s`, null, (_model, { clock }) => {
        clock.now += seconds * SECOND;
        return Promise.resolve();
      }),
  );
const step = fc.oneof(
  { weight: 1, arbitrary: without("login JWT", (m, r) => login("JWT", m, r)) },
  { weight: 1, arbitrary: without("login SLIDING", (m, r) => login("SLIDING", m, r)) },
  { weight: 1, arbitrary: without("login TOKEN", (m, r) => login("TOKEN", m, r)) },
  { weight: 8, arbitrary: withToken("use", use) },
  { weight: 16, arbitrary: withToken("refresh", refresh) },
  { weight: 8, arbitrary: wait },
  { weight: 1, arbitrary: withToken("logout", logout) },
  { weight: 1, arbitrary: without("logoutAll", logoutAll) },
  { weight: 1, arbitrary: without("deactivate", (m, r) => setActive(false, m, r)) },
  { weight: 3, arbitrary: without("activate", (m, r) => setActive(true, m, r)) },
);

/**
 * Expects that each token is active exactly when the model says so. Expects that each session has at most one active
 * refresh or sliding token.
 */
async function expectAgreement(model: Model, { gate, clock }: Real): Promise<void> {
  const living = new Map<Session, Set<string>>();
  for (const token of model.tokens) {
    const { kind, session, generation, text } = token;
    const isCurrent = generation === session.generation && session.refreshExpiresAt > clock.now;
    const isGood =
      kind === "refresh"
        ? isCurrent && model.refusal(session, clock.now) === undefined
        : model.use(token, clock.now) === undefined;
    const isActive = (await gate.auth.authentication.verifyToken(text)) !== null;
    expect([kind, generation, isActive]).toEqual([kind, generation, isGood]);
    if (isActive && kind !== "access") {
      living.set(session, (living.get(session) ?? new Set()).add(text));
    }
  }
  for (const texts of living.values()) expect(texts.size).toBe(1);
}

const clock = { now: Math.floor(Date.now() / SECOND) * SECOND };
const OPTIONS = {
  accessTokenLifetime: ACCESS,
  refreshTokenLifetime: IDLE,
  sessionLifetime: ABSOLUTE,
  staticTokenLifetime: FIXED,
  reuseWindow: WINDOW,
  leeway: LEEWAY,
  now: () => clock.now,
};

describeGates(OPTIONS, (gate, database) => {
  let runs = 0;

  test("RF-1 to RF-9, S-17, T-25, U-02: in any order of logins, refreshes, uses, logouts, deactivations and waits, the server follows the rules", async () => {
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 15, maxLength: 23 }),
      async (steps) => {
        const username = `user${(runs += 1)}`;
        const userId = await gate.user(username);
        const model = new Model();
        const real = { gate, clock, userId, username };
        await login("JWT", model, real);
        await login("SLIDING", model, real);
        for (const each of steps) await each.run(model, real);
        await expectAgreement(model, real);
      },
    );
    const seed = process.env["MODEL_SEED"];
    await fc.assert(property, {
      numRuns: RUNS[database],
      interruptAfterTimeLimit: 25_000,
      markInterruptAsFailure: false,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
  });
});

import type { Account } from "../../accounts/account.js";
import { InvalidCredentials } from "../../accounts/errors.js";
import type { AuthContext } from "../../authentication/context.js";
import { AuthError, BadUserInput, TooManyRequests } from "../../errors.js";
import type { Client } from "../../events.js";
import { requireSecondFactor } from "../../permissions/guards.js";
import { TokenRevoked } from "../../sessions/errors.js";
import type { AuthMethod } from "../../sessions/methods.js";
import { loadOwner } from "../../sessions/own-session.js";
import type { RunStatement } from "../../sql.js";
import { counterOfSecondFactor } from "../../throttling/throttle.js";
import type { CoreServices } from "../feature.js";
import { CodeNotValid } from "./errors.js";
import {
  type Answer,
  type Factor,
  type FactorName,
  provesMore,
  type ReadAnswer,
  type SecondFactors,
} from "./factor.js";
import type { Notices } from "./notices.js";
import type { RecoveryCodes } from "./recovery-codes.js";

/** How recently a user must have proved a second factor to change their factors. */
const FRESHNESS = "15m";

type Core = Pick<
  CoreServices,
  "accounts" | "attempts" | "onEvent" | "sessions" | "sql" | "throttle"
>;

/** Stores, finds and checks the second factors of all users. */
export class SecondFactorsService implements SecondFactors {
  readonly #core: Core;
  readonly #codes: RecoveryCodes;
  readonly #notices: Notices;
  readonly #factors: Factor[] = [];

  constructor(core: Core, codes: RecoveryCodes, notices: Notices) {
    this.#core = core;
    this.#codes = codes;
    this.#notices = notices;
  }

  register(factor: Factor): void {
    this.#factors.push(factor);
  }

  /** An SQL condition without parameters: whether the user `u.id` has a second factor. */
  get isEnrolledSql(): string {
    return this.#isEnrolledBeyond([]);
  }

  /** See {@link SecondStep.needsNone}. */
  needsNoneSql(first: readonly AuthMethod[]): string | undefined {
    if (first.includes("mfa")) return undefined;
    const isEnrolled = this.#isEnrolledBeyond(first);
    return `NOT EXISTS (SELECT 1 FROM "user" u WHERE u.id = "user".id AND ${isEnrolled})`;
  }

  /** An SQL condition: the user `u.id` has a factor that proves more than a first step with the methods `first`. */
  #isEnrolledBeyond(first: readonly AuthMethod[]): string {
    const conditions = this.#factors
      .filter((factor) => factor.isBackup !== true && provesMore(factor, first))
      .map(({ isEnrolled }) => `(${isEnrolled})`);
    return `(${["1 = 0", ...conditions].join(" OR ")})`;
  }

  async isEnrolled(userId: string, run?: RunStatement): Promise<boolean> {
    return (await this.enrolledOf(userId, [], run)).length > 0;
  }

  /**
   * Returns the factors of a user that prove more than a first step with the methods `first`. Returns none if only
   * recovery codes are among them.
   */
  async enrolledOf(
    userId: string,
    first: readonly AuthMethod[] = [],
    run?: RunStatement,
  ): Promise<readonly FactorName[]> {
    const columns = this.#factors.map(
      ({ name, isEnrolled }) => `CASE WHEN ${isEnrolled} THEN 1 ELSE 0 END AS "${name}"`,
    );
    const statement = `SELECT ${columns.join(", ")} FROM "user" u WHERE u.id = ?`;
    const read = run ?? ((text, values) => this.#core.sql.read(text, values));
    const [row] = await read<Record<FactorName, number>>(statement, [userId]);
    const found = this.#factors.filter(
      (factor) => row?.[factor.name] === 1 && provesMore(factor, first),
    );
    return found.some(({ isBackup = false }) => !isBackup) ? found.map(({ name }) => name) : [];
  }

  /** @param run runs a statement of the transaction that changes the factors. @default no transaction */
  async requireProof(context: AuthContext, run?: RunStatement): Promise<void> {
    const user = await loadOwner(context);
    if (await this.isEnrolled(user.id, run)) {
      await requireSecondFactor(context, { freshWithin: FRESHNESS });
    }
  }

  async enrol(
    context: AuthContext,
    name: FactorName,
    store: (run: RunStatement) => Promise<readonly AuthMethod[]>,
  ): Promise<readonly string[] | null> {
    const { accounts, onEvent, sessions, sql } = this.#core;
    const user = await context.loadUser();
    const { id: userId, session } = user;
    const account = await accounts.findAccountById(userId);
    if (account === null) throw new InvalidCredentials();
    const { credentialsVersion } = account;
    const codes = await sql.inTransaction(async (run) => {
      // Lock the row of the user. A login also changes this row, before it checks the factors again. So a login at the
      // same time either sees the new factor, or ends with the other sign-ins.
      await run(`UPDATE "user" SET id = id WHERE id = ? RETURNING id`, [userId]);
      await this.requireProof(context, run);
      const methods = [...(await store(run)), "mfa"] as const;
      const at = await sessions.recordAuthentication(session, credentialsVersion, methods, run);
      // The session has ended since the request began. Without this check, a thief could leave a factor behind.
      if (at === null) throw new TokenRevoked();
      await this.#notices.queue(run, "second-factor-added", userId);
      return this.#codes.createFirst(run, userId);
    });
    this.#notices.send();
    if (codes !== null) await sessions.endOtherSignIns(user, context.client);
    onEvent({ type: "second-factor:enrolled", userId, details: { factor: name } }, context.client);
    return codes;
  }

  async withdraw(
    context: AuthContext,
    name: FactorName,
    remove: (run: RunStatement) => Promise<boolean>,
  ): Promise<boolean> {
    await this.requireProof(context);
    const { onEvent, sessions, sql } = this.#core;
    const { id: userId, session } = await context.loadUser();
    const isRemoved = await sql.inTransaction(async (run) => {
      await sessions.requireLive(session, run);
      if (!(await remove(run))) return false;
      const left = await this.enrolledOf(userId, [], run);
      if (left.length === 0) await this.#codes.remove(run, userId);
      await this.#notices.queue(run, "second-factor-removed", userId);
      return true;
    });
    if (!isRemoved) return false;
    this.#notices.send();
    onEvent({ type: "second-factor:disabled", userId, details: { factor: name } }, context.client);
    return true;
  }

  async removeAll(userId: string, client: Client): Promise<boolean> {
    const { onEvent, sql } = this.#core;
    const removed = await sql.inTransaction(async (run) => {
      const names: FactorName[] = [];
      for (const factor of this.#factors) {
        if (factor.isBackup !== true && (await factor.remove(run, userId))) names.push(factor.name);
      }
      // If no factor was removed, for example because it is the only way to log in, keep the recovery codes, too.
      if (names.length === 0) return names;
      await this.#codes.remove(run, userId);
      await this.#notices.queue(run, "second-factor-removed", userId);
      return names;
    });
    if (removed.length === 0) return false;
    this.#notices.send();
    const details = { factors: removed.join(" ") };
    onEvent({ type: "second-factor:removed", userId, details }, client);
    return true;
  }

  async requireAnswer(
    { id, session }: Parameters<SecondFactors["requireAnswer"]>[0],
    answer: Answer,
    client: Client,
  ): ReturnType<SecondFactors["requireAnswer"]> {
    const read = this.read(answer);
    const account = await this.#core.accounts.findAccountById(id);
    if (account === null) throw new CodeNotValid();
    const proved = await this.check(account, read, client);
    const methods = provesMore(read.factor, session.methods)
      ? ([...proved, "mfa"] as const)
      : proved;
    return { methods, credentialsVersion: account.credentialsVersion };
  }

  /** @throws {@link BadUserInput} when the answer is malformed, or does not have exactly one factor */
  read(answer: Answer): ReadAnswer {
    const given = Object.entries(answer).filter(([, value]) => value != null);
    const factor = this.#factors.find(({ name }) => name === given[0]?.[0]);
    if (given.length !== 1 || factor === undefined) {
      const names = this.#factors.map(({ name }) => name).join(", ");
      throw new BadUserInput(`Give exactly one of ${names}.`);
    }
    const value = given[0]?.[1];
    factor.requireWellFormed(value);
    return { factor, value };
  }

  /**
   * Checks an answer. Wrong answers delay the next answers, and count toward the lock of the account. A right password
   * does not end this delay.
   * @param begin runs after the try was counted for the account, and before the answer is checked
   * @returns the methods that the answer proves, without `mfa`
   * @throws {@link CodeNotValid}, or another {@link AuthError} of the factor
   * @throws {@link TooManyRequests}
   */
  async check(
    account: Account,
    { factor, value }: ReadAnswer,
    client: Client,
    begin?: () => Promise<void>,
  ): Promise<readonly AuthMethod[]> {
    const { attempts, onEvent, throttle } = this.#core;
    const { id: userId } = account;
    let refusal: AuthError = new CodeNotValid();
    const proved: AuthMethod[] = [];
    try {
      const isRight = await throttle.login(counterOfSecondFactor(userId), client, async () => {
        await begin?.();
        if (!attempts.isAllowed(account)) return false;
        const methods = await factor.verify(userId, value, client).catch((error: unknown) => {
          if (!(error instanceof AuthError)) throw error;
          refusal = error;
          return null;
        });
        if (methods === null) attempts.recordFailure(account, client);
        proved.push(...(methods ?? []));
        return methods !== null;
      });
      if (!isRight) throw refusal;
    } catch (error) {
      if (error === refusal || error instanceof TooManyRequests) {
        const details = { factor: factor.name, reason: (error as AuthError).reason ?? null };
        onEvent({ type: "second-factor:refused", userId, details }, client);
      }
      throw error;
    }
    onEvent({ type: "second-factor:used", userId, details: { factor: factor.name } }, client);
    return proved;
  }
}

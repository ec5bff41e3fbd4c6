import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { countCalls, digest, type Effect, merge, Operation } from "./held-statements.js";
import type { Answer, OperationName, World } from "./world.js";

/** The longest time, in milliseconds, until each operation is held, waits for a lock or has ended. */
const SETTLE_TIMEOUT = 60_000;
/** The pause, in milliseconds, between two checks whether a statement waits for a lock. */
const POLL = 2;
/** The number of turns of the event loop after which a waiting operation counts as waiting for another operation. */
const TURNS = 50;

/** The next step of an operation, such as `b`. In upper case, the operation crashes instead. */
export type Choice = string;

/** The operations of a play. */
interface Cast {
  readonly names: readonly OperationName[];
  /** Whether one of the operations crashes. */
  readonly hasCrash: boolean;
  /**
   * Whether the first two operations arrive together at one instance. Otherwise, each operation has a separate
   * instance.
   */
  readonly areTogether: boolean;
}

/** Parses operations, such as `refresh & replay + logout + crash`. The `&` means that two arrive together. */
export function parseCast(text: string): Cast {
  const names = text.split(/ [+&] /);
  const hasCrash = names.at(-1) === "crash";
  return {
    names: (hasCrash ? names.slice(0, -1) : names) as OperationName[],
    hasCrash,
    areTogether: text.includes("&"),
  };
}

interface Step {
  readonly choice: Choice;
  /**
   * The effect of this step on each operation. One step can let several continue, because they waited for the first.
   */
  readonly texts: readonly string[];
}

/** An operation of a play, and its answer. */
export interface Player {
  readonly name: OperationName;
  /** The answer, or null before the end and after a cut connection. */
  answer: Answer | null;
  isCut: boolean;
  /** The numbers of its first and its last step. */
  first: number;
  last: number;
}

/** One play of some operations, step by step. */
export class Play {
  readonly steps: Step[] = [];
  readonly players: readonly Player[];
  readonly #operations: readonly Operation[];
  readonly #world: World;
  readonly #cast: Cast;
  /** A digest of all commits so far. */
  #commits = "";
  /** For each operation with locked rows, a digest of the commits before each lock. */
  readonly #locked = new Map<number, string>();
  /** For each operation that waits, in the order of their waits, the commits that its statement sees. */
  readonly #waiting = new Map<number, string>();
  #onChange: () => void = () => undefined;

  constructor(world: World, cast: Cast) {
    this.#world = world;
    this.#cast = cast;
    const { names } = cast;
    this.players = names.map((name) => ({ name, answer: null, isCut: false, first: -1, last: -1 }));
    this.#operations = names.map(() => {
      const operation = new Operation();
      operation.onChange = () => {
        this.#onChange();
      };
      return operation;
    });
  }

  /** Starts the operations that arrive together. */
  async begin(): Promise<void> {
    if (!this.#cast.areTogether) return;
    this.#start(0);
    this.#start(1);
    await this.#settle();
    this.#updateWaiting();
  }

  #start(index: number): void {
    this.players[index]!.first = this.steps.length;
    this.#operations[index]!.start(() => this.#run(index));
  }

  /** The steps that are possible now. */
  get choices(): Choice[] {
    const isLocked = this.#operations.some(({ hasLock }) => hasLock);
    const canGo = ({ hasStarted, isHeld, wantsLock }: Operation, index: number) =>
      hasStarted ? isHeld && !(wantsLock && isLocked) : this.#isFirstOfItsKind(index);
    const canBeCut = ({ hasStarted, isHeld, hasEnded }: Operation) =>
      hasStarted && (isHeld || hasEnded);
    const isCutting = this.#cast.hasCrash && !this.players.some(({ isCut }) => isCut);
    return [
      ...this.#letters(canGo),
      ...(isCutting ? this.#letters(canBeCut).map((letter) => letter.toUpperCase()) : []),
    ];
  }

  #letters(isWanted: (operation: Operation, index: number) => boolean): Choice[] {
    return this.#operations.flatMap((operation, index) =>
      isWanted(operation, index) ? [letterOf(index)] : [],
    );
  }

  /**
   * Returns whether an operation may start. Those of one kind start in their order, because another order would give
   * the same play with other names.
   */
  #isFirstOfItsKind(index: number): boolean {
    const { name } = this.players[index]!;
    return (
      name === "role change" ||
      name === "password change" ||
      this.players.every(
        (player, other) =>
          other >= index || player.name !== name || this.#operations[other]!.hasStarted,
      )
    );
  }

  /**
   * Takes a step.
   * @returns what the step has read and written
   */
  async take(choice: Choice): Promise<Effect> {
    const index = indexOf(choice);
    const operation = this.#operations[index]!;
    const player = this.players[index]!;
    const waiting = new Set(this.#waiting.keys());
    if (choice !== letterOf(index)) {
      player.isCut = true;
      player.answer = null;
      operation.cut();
    } else if (operation.hasStarted) {
      operation.go();
    } else {
      this.#start(index);
      await this.#settle();
      operation.go();
    }
    await this.#settle();
    const done = this.#operations.map((each) => each.takeStep());
    const texts = done.map(({ text }, other) => {
      const isWaiting = this.#isBusy(this.#operations[other]!);
      const notes = [
        other === index && choice !== letterOf(index) ? "crash" : "",
        other === index && isWaiting ? "waits" : "",
        other !== index && waiting.has(other) && !isWaiting ? "goes on" : "",
      ];
      return [text, ...notes.filter(Boolean).map((note) => `(${note})`)].join(" ").trim();
    });
    this.steps.push({ choice, texts });
    this.#updateWaiting();
    for (const [other, { effect }] of done.entries()) this.#updateLocks(other, effect);
    return merge(done.map(({ effect }) => effect));
  }

  async #run(index: number): Promise<void> {
    const player = this.players[index]!;
    const isSecond = index === 1 && this.#cast.areTogether;
    const answer = await this.#world
      .run(player.name, index, isSecond ? 0 : index)
      .catch((error: unknown) => ({ reason: String(error) }));
    player.last = this.steps.length;
    if (!this.#isLost(index, answer)) player.answer = answer;
  }

  /**
   * Returns whether a crash has taken the answer. If two operations share a statement, a crash of one takes both
   * answers.
   */
  #isLost(index: number, { reason }: Answer): boolean {
    const hasCrashed = this.players.some(({ isCut }, other) => isCut && other < 2);
    const isBeside = this.#cast.areTogether && index < 2 && hasCrashed;
    return this.players[index]!.isCut || (isBeside && reason === "unavailable");
  }

  /** Lets everything run to its end. */
  async abandon(): Promise<void> {
    for (const operation of this.#operations) operation.free();
    await this.#settle();
  }

  get isOver(): boolean {
    return this.#operations.every(({ hasEnded }) => hasEnded);
  }

  #isBusy({ hasStarted, isHeld, hasEnded }: Operation): boolean {
    return hasStarted && !isHeld && !hasEnded;
  }

  /** Waits until each operation is held, has ended, or waits for an operation that is held. */
  async #settle(): Promise<void> {
    const end = performance.now() + SETTLE_TIMEOUT;
    for (;;) {
      const changed = new Promise<void>((resolve) => (this.#onChange = resolve));
      if (this.#busy.length === 0) return;
      await Promise.race([changed, sleep(POLL)]);
      if (!this.#operations.some(({ isHeld }) => isHeld)) continue;
      if (await this.#allWait()) return;
      if (performance.now() > end) throw new Error(`It does not go on:\n${this.toString()}`);
    }
  }

  get #busy(): Operation[] {
    return this.#operations.filter((operation) => this.#isBusy(operation));
  }

  /** Returns whether each busy operation waits for another one: for its lock, or for the statement that both share. */
  async #allWait(): Promise<boolean> {
    const busy = this.#busy;
    const pids = busy.flatMap(({ pid }) => pid ?? []);
    if (pids.length < busy.length && !(await this.#areQueued(pids.length))) return false;
    if (pids.length > 0 && !(await this.#areLocked(pids))) return false;
    return busy.every((operation) => this.#isBusy(operation));
  }

  /**
   * Returns whether each busy operation without a statement waits for the statement of the other one of its instance.
   * @param running the number of statements that run
   */
  async #areQueued(running: number): Promise<boolean> {
    if (!this.#cast.areTogether) return false;
    const busy = this.#busy;
    for (let turn = 0; turn < TURNS; turn += 1) {
      await setImmediate();
      if (countCalls() !== running || this.#busy.length < busy.length) return false;
    }
    return true;
  }

  /** Returns whether these processes of PostgreSQL wait for locks of held operations. */
  async #areLocked(pids: readonly number[]): Promise<boolean> {
    const blockers = await this.#world.blockersOf(pids);
    const isStill = (pid: number, seen: readonly number[] = []): boolean =>
      !seen.includes(pid) &&
      (!blockers.has(pid) || blockers.get(pid)!.some((other) => isStill(other, [...seen, pid])));
    return pids.every((pid) => blockers.get(pid)!.length > 0 && isStill(pid));
  }

  #updateWaiting(): void {
    for (const [index, operation] of this.#operations.entries()) {
      if (!this.#isBusy(operation)) this.#waiting.delete(index);
      else if (!this.#waiting.has(index)) this.#waiting.set(index, this.#commits);
    }
  }

  #updateLocks(index: number, { locks, publishes }: Effect): void {
    if (locks.size > 0) {
      this.#locked.set(index, digest([this.#locked.get(index), this.#commits]));
    }
    if (publishes.size === 0) return;
    this.#commits = digest([this.#commits, index, this.#operations[index]!.history]);
    this.#locked.delete(index);
  }

  /**
   * Returns a digest of all that decides what can follow and how it is judged. From two plays with the same digest,
   * only one needs to go on.
   */
  async readState(): Promise<string> {
    return digest([
      await this.#world.readRows(),
      this.#operations.map((each) => [each.history, each.hasStarted, each.hasEnded, each.isCut]),
      [...this.#locked].toSorted(([one], [other]) => one - other),
      [...this.#waiting],
      this.players.map((one) => this.players.map((other) => compare(one, other))),
      // Two operations of one instance share its memory too, so the order of their steps counts.
      this.#cast.areTogether ? this.schedule.replaceAll(/[^ab]/gi, "") : "",
    ]);
  }

  /** What the last step has led to. */
  get outcome(): string {
    return [...this.choices, ...this.steps.at(-1)!.texts].join("|");
  }

  /** The schedule, such as `abbA`, as {@link Explorer.replay} takes it. */
  get schedule(): string {
    return this.steps.map(({ choice }) => choice).join("");
  }

  /** Returns a table with a row for each step, and a column for each operation. */
  toString(): string {
    const head = this.players.map(({ name }, index) => `${letterOf(index)}: ${name}`);
    const answers = this.players.map(({ answer }) =>
      answer === null ? "no answer" : (answer.reason ?? "ok"),
    );
    const rows = [head, ...this.steps.map(({ texts }) => texts), answers];
    const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    return rows
      .map((row) =>
        row
          .map((text, column) => text.padEnd(widths[column]!))
          .join(" | ")
          .trimEnd(),
      )
      .join("\n");
  }
}

/** Returns what the rules ask about the order of two operations. */
function compare(one: Player, other: Player): unknown[] {
  const areChanges = one.name === "role change" && other.name === "role change";
  return [
    other.last >= 0 && other.last < one.first,
    areChanges && Math.sign(one.last - other.last),
  ];
}

function letterOf(index: number): Choice {
  return String.fromCharCode("a".charCodeAt(0) + index);
}

function indexOf(choice: Choice): number {
  return choice.toLowerCase().charCodeAt(0) - "a".charCodeAt(0);
}

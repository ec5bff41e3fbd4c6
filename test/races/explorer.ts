import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { areDriversIdle, digest, type Effect, holdStatements, Operation } from "./held-statements.js";
import type { DatabaseKind } from "../support/databases.js";
import { findFaults } from "./rules.js";
import { type Answer, type OperationName, type RowOrder, World } from "./world.js";

/** The longest time, in milliseconds, until each operation is held, waits for a lock or has ended. */
const SETTLE_TIMEOUT = 60_000;
/** The pause, in milliseconds, between two checks whether a statement waits for a lock. */
const POLL = 2;

/** The time, in milliseconds, after which a play counts as slow. */
const SLOW = 1500;
/** How often a slow play is repeated at most, and how often a step is repeated for another outcome. */
const TRIES = 50;
/** The number of turns of the event loop after which a waiting operation counts as waiting for another operation. */
const TURNS = 50;

/** The next step of an operation, such as `b`. In upper case, the operation crashes instead. */
type Choice = string;

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
function parseCast(text: string): Cast {
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
  /** The operations that wait, in the order in which they began to wait. */
  #waiting: number[] = [];
  /** All commits so far. */
  #commits = "";
  /** For each operation with locked rows, the commits before each lock. */
  readonly #locked = new Map<number, string>();
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
    const waiting = new Set(
      this.#operations.flatMap((each, other) => (this.#isBusy(each) ? [other] : [])),
    );
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
    for (const [other, { effect }] of done.entries()) this.#note(other, effect);
    const busy = this.#operations.flatMap((each, other) => (this.#isBusy(each) ? [other] : []));
    this.#waiting = [...new Set([...this.#waiting.filter((each) => busy.includes(each)), ...busy])];
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

  /** Waits until each operation is held, has ended, or waits for a lock of an operation that is held. */
  async #settle(): Promise<void> {
    const end = performance.now() + SETTLE_TIMEOUT;
    for (;;) {
      const changed = new Promise<void>((resolve) => (this.#onChange = resolve));
      if (this.#busy.length === 0) return;
      await Promise.race([changed, sleep(POLL)]);
      if (!this.#operations.some(({ isHeld }) => isHeld)) continue;
      if ((await this.#allWait()) || (this.#cast.areTogether && (await this.#areQueued()))) return;
      if (performance.now() > end) throw new Error(`It does not go on:\n${this.toString()}`);
    }
  }

  /** Returns whether each busy operation waits for another one, such as the one that runs the statement of both. */
  async #areQueued(): Promise<boolean> {
    const busy = this.#busy;
    for (let turn = 0; turn < TURNS; turn += 1) {
      await setImmediate();
      if (!areDriversIdle() || this.#busy.length < busy.length) return false;
    }
    return true;
  }

  get #busy(): Operation[] {
    return this.#operations.filter((operation) => this.#isBusy(operation));
  }

  /** Returns whether each busy operation waits for a lock of a held operation. */
  async #allWait(): Promise<boolean> {
    const busy = this.#busy;
    const pids = busy.flatMap(({ pid }) => pid ?? []);
    if (pids.length < busy.length || pids.length === 0) return false;
    const blockers = await this.#world.blockersOf(pids);
    const isStill = (pid: number, seen: readonly number[] = []): boolean =>
      !seen.includes(pid) &&
      (!blockers.has(pid) || blockers.get(pid)!.some((other) => isStill(other, [...seen, pid])));
    const still = pids.every((pid) => blockers.get(pid)!.length > 0 && isStill(pid));
    return still && busy.every((operation) => this.#isBusy(operation));
  }

  /** Keeps what a step has locked and committed. */
  #note(index: number, { locks, publishes }: Effect): void {
    if (locks.size > 0) {
      this.#locked.set(index, digest([this.#locked.get(index), this.#commits]));
    }
    if (publishes.size === 0) return;
    this.#commits = digest([this.#commits, index, this.#operations[index]!.history]);
    this.#locked.delete(index);
  }

  /**
   * Returns a text for all that decides what can follow and how it will be judged. The same operations with the same
   * text need not be played on twice.
   */
  async readState(): Promise<string> {
    const { areTogether } = this.#cast;
    return digest([
      await this.#world.readRows(),
      this.#operations.map(({ history, hasStarted, isHeld, hasEnded, isCut }, index) => [
        [history, hasStarted, isHeld, hasEnded, isCut, this.#locked.get(index)],
        this.players.map((other) => this.#compare(this.players[index]!, other)),
      ]),
      this.#waiting,
      // Two operations of one instance also share its memory, so the order of their steps counts.
      areTogether ? this.schedule.replaceAll(/[^ab]/gi, "") : "",
    ]);
  }

  /** Returns what the rules ask about the order of two operations. */
  #compare(one: Player, other: Player): unknown[] {
    const areChanges = one.name === "role change" && other.name === "role change";
    return [
      other.last >= 0 && other.last < one.first,
      areChanges && Math.sign(one.last - other.last),
    ];
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

/** A step that plays take, and all that it has led to. */
interface Node {
  readonly choices: readonly Choice[];
  /** The steps that are not played here, because an earlier play has covered them. They are "asleep". */
  readonly asleep: Map<Choice, Effect>;
  choice: Choice;
  /** The effects of the choice in all plays. */
  effect: Effect;
  /**
   * The nodes that the choice has led to, or null if every play from there was played. There can be several, because
   * if two statements wait for one row, PostgreSQL lets either of them go on first.
   */
  readonly outcomes: Map<string, Node | null>;
  /** The number of plays that came to an outcome that needed no further play, since one came to another. */
  misses: number;
}

/** A step of a play, and its outcome. */
interface Taken {
  readonly node: Node;
  readonly effect: Effect;
  readonly outcome: string;
  /** The state after the step and the steps that are asleep there, or null if they are known. */
  readonly reached: Reached | null;
}

interface Reached {
  readonly state: string;
  readonly asleep: ReadonlyMap<Choice, Effect>;
}

/** The states that were played on from. */
class ReachedStates {
  readonly #asleep = new Map<string, ReadonlyMap<Choice, Effect>[]>();

  add({ state, asleep }: Reached): void {
    this.#asleep.set(state, [...(this.#asleep.get(state) ?? []), asleep]);
  }

  /** Returns whether all steps that are not asleep were played from the same state, or will be. */
  covers({ state, asleep }: Reached): boolean {
    const known = this.#asleep.get(state) ?? [];
    return known.some((earlier) => [...earlier.keys()].every((choice) => asleep.has(choice)));
  }
}

/** Plays every interleaving of operations on one database. */
export class Explorer {
  readonly #world: World;
  readonly #restore: () => void;
  /** The number of interleavings that were played to their end. */
  plays = 0;
  /** The number of outcomes to which PostgreSQL did not come again, so that not all that follows was played. */
  missed = 0;

  private constructor(world: World) {
    this.#world = world;
    this.#restore = holdStatements((pid) => world.terminate(pid));
  }

  static async open(database: DatabaseKind, order: RowOrder = "ASC"): Promise<Explorer> {
    return new Explorer(await World.open(database, order));
  }

  async close(): Promise<void> {
    this.#restore();
    await this.#world.close();
  }

  /**
   * Plays every interleaving. If two neighbouring steps lead to the same state in either order, only one order is
   * played. A play ends early in a state from which an earlier one has gone on.
   * @param cast the operations, such as `refresh & replay + logout + crash`
   * @returns the interleaving that breaks a rule, as a table, or null if there is none
   * @see P. Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996, chapters 5 and 6: sleep sets and
   * state-space caching
   */
  async explore(cast: string): Promise<string | null> {
    const states = new ReachedStates();
    let root: Node | null | undefined;
    while (root !== null) {
      const { path, found } = await this.#playNext(cast, root, states);
      if (found !== null) return found;
      for (const { reached } of path) {
        if (reached !== null) states.add(reached);
      }
      root = this.#learn(path);
    }
    return null;
  }

  /**
   * Plays the next interleaving. A slow play counts for nothing and is repeated, because the server gives up
   * statements after some seconds.
   */
  async #playNext(
    cast: string,
    root: Node | undefined,
    states: ReachedStates,
    tries = TRIES,
  ): Promise<{ path: Taken[]; found: string | null }> {
    const start = performance.now();
    const isSlow = () => performance.now() - start > SLOW;
    const play = await this.#begin(cast);
    try {
      const path = await follow(play, root, states);
      const found = play.choices.length === 0 ? await this.#examine(cast, play) : null;
      await play.abandon();
      if (tries === 1 || !isSlow()) return { path, found };
    } catch (error) {
      await play.abandon();
      if (tries === 1 || !isSlow()) throw error;
    }
    return this.#playNext(cast, root, states, tries - 1);
  }

  /**
   * Adds the steps of a play to what is known.
   * @returns the first node, or null if every interleaving was played
   */
  #learn(path: readonly Taken[]): Node | null {
    let next: Node | null = null;
    for (const { node, effect, outcome } of path.toReversed()) {
      node.misses = next === null && node.outcomes.get(outcome) === null ? node.misses + 1 : 0;
      node.outcomes.set(outcome, next);
      node.effect = merge([node.effect, effect]);
      const left = [...node.outcomes.values()].filter((other) => other !== null).length;
      if (node.misses >= TRIES) this.missed += left;
      const isDone = left === 0 || node.misses >= TRIES;
      next = !isDone || advance(node) ? node : null;
    }
    return next;
  }

  /**
   * Plays one interleaving.
   * @param line the first line of a table that {@link Explorer.explore} returned, such as `refresh + logout: abba`
   */
  async replay(line: string): Promise<string | null> {
    const [cast = "", schedule = ""] = line.split(": ");
    const play = await this.#begin(cast);
    for (const choice of schedule) {
      if (!play.choices.includes(choice)) {
        throw new Error(`The step ${choice} is not possible:\n${play.toString()}`);
      }
      await play.take(choice);
    }
    return this.#examine(cast, play);
  }

  async #begin(cast: string): Promise<Play> {
    await this.#world.reset();
    const play = new Play(this.#world, parseCast(cast));
    await play.begin();
    return play;
  }

  async #examine(cast: string, play: Play): Promise<string | null> {
    if (!play.isOver) throw new Error(`It does not end:\n${play.toString()}`);
    this.plays += 1;
    const faults = await findFaults(this.#world, play);
    if (faults.length === 0) return null;
    return [`${cast}: ${play.schedule}`, play.toString(), ...faults].join("\n");
  }
}

/** Takes steps from the first node on, until the play ends or all that can follow was played. */
async function follow(
  play: Play,
  root: Node | undefined,
  states: ReachedStates,
): Promise<Taken[]> {
  const path: Taken[] = [];
  let node: Node | null = root ?? toNode(play.choices, new Map());
  while (node !== null) {
    const effect = await play.take(node.choice);
    const { choices, outcome } = play;
    const known: Node | null | undefined = node.outcomes.get(outcome);
    if (known !== undefined) {
      path.push({ node, effect, outcome, reached: null });
      node = known;
      continue;
    }
    const asleep = asleepAfter(node, effect, choices);
    const reached = { state: await play.readState(), asleep };
    path.push({ node, effect, outcome, reached });
    node = states.covers(reached) ? null : toNode(choices, asleep);
  }
  return path;
}

/** Returns which of the choices stay asleep after a step. */
function asleepAfter(
  { asleep, choice }: Node,
  effect: Effect,
  choices: readonly Choice[],
): Map<Choice, Effect> {
  return new Map(
    [...asleep].filter(
      ([other, otherEffect]) =>
        choices.includes(other) && !isDependent(other, otherEffect, choice, effect),
    ),
  );
}

/** Returns a new node, or null if there is no choice or every choice is asleep. */
function toNode(choices: readonly Choice[], asleep: Map<Choice, Effect>): Node | null {
  const choice = choices.find((each) => !asleep.has(each));
  if (choice === undefined) return null;
  return { choices, asleep, choice, effect: NO_EFFECT, outcomes: new Map(), misses: 0 };
}

/**
 * Moves a node to its next choice.
 * @returns false if there is none
 */
function advance(node: Node): boolean {
  node.asleep.set(node.choice, node.effect);
  const next = node.choices.find((choice) => !node.asleep.has(choice));
  if (next === undefined) return false;
  node.choice = next;
  node.effect = NO_EFFECT;
  node.outcomes.clear();
  node.misses = 0;
  return true;
}

const NO_EFFECT: Effect = { reads: new Set(), locks: new Set(), publishes: new Set() };

/** Returns whether the order of two steps may matter. */
function isDependent(one: Choice, effect: Effect, other: Choice, otherEffect: Effect): boolean {
  const areCuts = one !== one.toLowerCase() && other !== other.toLowerCase();
  return (
    one.toLowerCase() === other.toLowerCase() ||
    areCuts ||
    intersect(effect.locks, otherEffect.locks) ||
    intersect(effect.publishes, otherEffect.reads) ||
    intersect(effect.reads, otherEffect.publishes)
  );
}

function intersect(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((item) => other.has(item));
}

function merge(effects: readonly Effect[]): Effect {
  const union = (name: keyof Effect) => new Set(effects.flatMap((effect) => [...effect[name]]));
  return { reads: union("reads"), locks: union("locks"), publishes: union("publishes") };
}

function letterOf(index: number): Choice {
  return String.fromCharCode("a".charCodeAt(0) + index);
}

function indexOf(choice: Choice): number {
  return choice.toLowerCase().charCodeAt(0) - "a".charCodeAt(0);
}

import type { DatabaseKind } from "../support/databases.js";
import { type Effect, holdStatements, merge } from "./held-statements.js";
import { type Choice, parseCast, Play } from "./play.js";
import { findFaults } from "./rules.js";
import { type RowOrder, World } from "./world.js";

/** The time, in milliseconds, after which a play counts as slow. */
const SLOW = 1500;
/** How often a slow play is repeated at most, and how often a step is repeated for another outcome. */
const TRIES = 50;

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
  readonly asleep: readonly Choice[];
}

/** The states from which plays have gone on. */
class ReachedStates {
  readonly #asleep = new Map<string, (readonly Choice[])[]>();

  add({ state, asleep }: Reached): void {
    this.#asleep.set(state, [...(this.#asleep.get(state) ?? []), asleep]);
  }

  /** Returns whether each step that is not asleep is also played from the same state by another play. */
  covers({ state, asleep }: Reached): boolean {
    const known = this.#asleep.get(state) ?? [];
    return known.some((earlier) => earlier.every((choice) => asleep.includes(choice)));
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
   * @see P. Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996, chapters 5 and 6: sleep
   * sets and state-space caching
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
async function follow(play: Play, root: Node | undefined, states: ReachedStates): Promise<Taken[]> {
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
    const reached = { state: await play.readState(), asleep: [...asleep.keys()] };
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

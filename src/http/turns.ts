import { isLoopbackAddress, networksOf } from "../throttling/networks.js";
import { NetworkCounts } from "./network-counts.js";

/** How many requests of one address may run at the same time. A /64 network of IPv6 counts as one address. */
const MAX_RUNNING = 64;
/** How many requests of one address may run and wait together, unless the limit of connections is higher. */
const MAX_PENDING = 250;
/**
 * How many requests of a loopback address may at least run and wait together. More than {@link MAX_PENDING}, because
 * all clients behind a proxy that is not trusted may share the loopback address.
 */
const MAX_PENDING_LOOPBACK = 1_000;

/** The requests of one address. A request waits only while {@link MAX_RUNNING} others run. */
interface Queue {
  running: number;
  /** The functions that start the waiting requests, in order. */
  readonly waiting: Set<() => void>;
}

/**
 * Lets the requests of each address take turns. Otherwise a client with thousands of requests at once would make all
 * other clients wait.
 */
export class Turns {
  readonly #maxPending: number;
  readonly #pending = new NetworkCounts();
  readonly #queues = new Map<string, Queue>();

  /**
   * @param connectionsPerAddress the limit of connections. An address may have at least as many requests as connections
   */
  constructor(connectionsPerAddress: number) {
    this.#maxPending = Math.max(MAX_PENDING, connectionsPerAddress);
  }

  /** Returns a turn for a request of the address, or null if too many requests of the address run and wait. */
  take(address: string): Turn | null {
    const least = isLoopbackAddress(address) ? MAX_PENDING_LOOPBACK : 0;
    const networks = networksOf(address);
    if (!this.#pending.add(networks, Math.max(least, this.#maxPending))) return null;
    const [key] = networks;
    const queue = this.#queues.get(key) ?? { running: 0, waiting: new Set() };
    this.#queues.set(key, queue);
    return new Turn(queue, () => {
      this.#pending.remove(networks);
      if (queue.running === 0) this.#queues.delete(key);
    });
  }
}

/** The turn of one request. */
export class Turn {
  readonly #queue: Queue;
  readonly #onEnd: () => void;
  #hasEnded = false;

  constructor(queue: Queue, onEnd: () => void) {
    this.#queue = queue;
    this.#onEnd = onEnd;
  }

  /** Calls `start` when fewer than {@link MAX_RUNNING} requests of the address run. Must be called once. */
  begin(start: () => void): void {
    if (this.#queue.running >= MAX_RUNNING) {
      this.#queue.waiting.add(start);
      return;
    }
    this.#queue.running += 1;
    start();
  }

  /** Must be called after `start` was called, when the response is ready. Further calls do nothing. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { waiting } = this.#queue;
    const [next] = waiting;
    if (next === undefined) this.#queue.running -= 1;
    else {
      waiting.delete(next);
      next();
    }
    this.#onEnd();
  }
}

import type { Client } from "pg";
import type { SqlValue } from "../sql.js";

export interface PostgresQuery {
  /** The name under which the statement stays prepared. */
  readonly name?: string;
  readonly text: string;
}

const BOOL = 16;
const INTEGERS = [20, 21, 23];
const POSTGRES_TYPES = {
  getTypeParser: (type: number) => {
    if (type === BOOL) return (text: string) => text === "t";
    return INTEGERS.includes(type) ? Number : (text: string) => text;
  },
};

/** The message of `pg` when a statement gets no answer in time. */
const TIMEOUT = "Query read timeout";

/** The code for a write on a server that accepts no writes, such as the former primary after a failover. */
const READ_ONLY = "25006";

/** An error that the server has sent. */
interface DatabaseFault {
  readonly severity: string;
  readonly code: string;
}

/**
 * Opens the pool's connections, and runs statements on them. Tells the pool which connections it must not use again.
 */
export class PostgresConnections {
  /** The monotonic time of each usable connection's last answer. */
  readonly #answeredAt = new WeakMap<Client, number>();
  /**
   * The monotonic time at which the last statement without an answer was sent. Connections that have not answered since
   * then may be dead, too.
   */
  #trustedSince = 0;

  async open(connection: Client): Promise<Client> {
    connection.on("error", () => this.#answeredAt.delete(connection));
    connection.on("end", () => this.#answeredAt.delete(connection));
    await connection.connect();
    this.#answeredAt.set(connection, performance.now());
    return connection;
  }

  /** Returns whether the pool may use the connection again. If not, abandons the connection. */
  isUsable(connection: Client): boolean {
    if ((this.#answeredAt.get(connection) ?? -1) >= this.#trustedSince) return true;
    this.#abandon(connection);
    return false;
  }

  /**
   * Runs a statement. Abandons the connection if it is lost, or if the server does not answer or accepts no writes.
   * @param timeout in milliseconds, or `Infinity`
   */
  async run<Row>(
    connection: Client,
    query: PostgresQuery,
    values: readonly SqlValue[],
    timeout: number,
  ): Promise<Row[]> {
    const start = performance.now();
    const limit = Number.isFinite(timeout) ? { query_timeout: Math.ceil(timeout) } : {};
    try {
      if (timeout <= 0) throw new Error(TIMEOUT);
      const { rows } = await connection.query({
        ...query,
        values,
        types: POSTGRES_TYPES,
        ...limit,
      });
      this.#answeredAt.set(connection, performance.now());
      return rows as Row[];
    } catch (error) {
      const { severity, code, message } = error as Partial<DatabaseFault> & { message: string };
      if (severity !== undefined && severity !== "FATAL" && code !== READ_ONLY) {
        this.#answeredAt.set(connection, performance.now());
      } else {
        this.#abandon(connection);
        if (message === TIMEOUT && timeout > 0) this.#trustedSince = start;
      }
      throw error;
    }
  }

  /**
   * Resets the connection, so that the operating system discards unsent statements. Otherwise the system would send
   * them when the network is back, after Gatehouse has already refused the requests.
   */
  #abandon(connection: Client): void {
    this.#answeredAt.delete(connection);
    const { stream } = connection.connection;
    const socket = stream._parent ?? stream;
    // A Unix socket has no address, cannot be reset, and has no unsent statements.
    if (socket.remoteAddress === undefined) stream.destroy();
    else socket.resetAndDestroy();
  }
}

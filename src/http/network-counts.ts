import { type Networks, SITE_LIMIT } from "../throttling/networks.js";

/**
 * Counts things that an IP address has at the same time, such as open connections. Also counts them for each /48
 * network of IPv6.
 */
export class NetworkCounts {
  readonly #counts = new Map<string, number>();

  /**
   * Adds 1 to the counts of an address and its network, unless a limit is reached.
   * @param limit the limit of one address
   * @returns whether 1 was added
   */
  add([key, site]: Networks, limit: number): boolean {
    if (this.#of(key) >= limit) return false;
    if (site !== undefined) {
      if (this.#of(site) >= limit * SITE_LIMIT) return false;
      this.#counts.set(site, this.#of(site) + 1);
    }
    this.#counts.set(key, this.#of(key) + 1);
    return true;
  }

  remove([key, site]: Networks): void {
    this.#subtractOne(key);
    if (site !== undefined) this.#subtractOne(site);
  }

  #subtractOne(key: string): void {
    const remaining = this.#of(key) - 1;
    if (remaining === 0) this.#counts.delete(key);
    else this.#counts.set(key, remaining);
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}

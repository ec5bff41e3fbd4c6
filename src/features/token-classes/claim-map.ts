/** Claims that can be read and changed by name. */
export class ClaimMap {
  /** The claims, without a prototype, so that no inherited name looks like a claim. Instants are epoch seconds. */
  readonly payload = Object.create(null) as Record<string, unknown>;

  /** Returns the value of a claim, or `fallback` when the claim is missing. */
  get(claim: string, fallback?: unknown): unknown {
    return this.has(claim) ? this.payload[claim] : fallback;
  }

  set(claim: string, value: unknown): this {
    this.payload[claim] = value;
    return this;
  }

  has(claim: string): boolean {
    return Object.hasOwn(this.payload, claim);
  }

  /** Deletes a claim. @returns whether it was there */
  delete(claim: string): boolean {
    return this.has(claim) && Reflect.deleteProperty(this.payload, claim);
  }

  /** Returns a copy of the claims, so that a log shows the claims and never the signed token. */
  toJSON(): Record<string, unknown> {
    return { ...this.payload };
  }

  protected assign(claims: object): void {
    Object.assign(this.payload, claims);
  }
}

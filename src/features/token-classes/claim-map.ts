export class ClaimMap {
  /** The claims by name. Instants are epoch seconds. The object has no prototype, so `"constructor"` is not a claim. */
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

  /** Deletes a claim. @returns whether the claim existed */
  delete(claim: string): boolean {
    return this.has(claim) && Reflect.deleteProperty(this.payload, claim);
  }

  /** Returns a copy of the claims. So a token in JSON, such as in a log, shows only its claims. */
  toJSON(): Record<string, unknown> {
    return { ...this.payload };
  }

  protected assign(claims: object): void {
    Object.assign(this.payload, claims);
  }
}

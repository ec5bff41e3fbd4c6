export interface SpanOptions<Result> {
  /** Whether the work has a trace of its own, such as the delivery of a mail. @default false */
  readonly isSeparate?: boolean;
  /** Returns a code such as `ETIMEDOUT` if the result means that the work failed. @default () => null */
  faultOf?(this: void, result: Result): string | null;
}

/** Records the spans of traces. */
export interface Tracer {
  run<Result>(
    name: string,
    work: () => Promise<Result>,
    options: SpanOptions<Result>,
  ): Promise<Result>;
  /** Returns the headers that continue the current trace in another service. */
  headers(): Record<string, string>;
}

/** Records parts of the work as spans of a trace. Until a feature adds a tracer, records nothing. */
export class Spans {
  #tracer: Tracer | null = null;

  recordWith(tracer: Tracer): void {
    this.#tracer = tracer;
  }

  /** @param name a fixed text, such as `hash password` */
  run<Result>(
    name: string,
    work: () => Promise<Result>,
    options: SpanOptions<Result> = {},
  ): Promise<Result> {
    return this.#tracer === null ? work() : this.#tracer.run(name, work, options);
  }

  headers(): Record<string, string> {
    return this.#tracer === null ? {} : this.#tracer.headers();
  }
}

/** Converts an instant from epoch milliseconds to the type that the scalar DateTime needs. */
export function toDate(instant: number | null): Date | null {
  return instant === null ? null : new Date(instant);
}

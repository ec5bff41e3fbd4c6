/** Converts an instant from epoch milliseconds to what the scalar DateTime takes. */
export function toDate(instant: number | null): Date | null {
  return instant === null ? null : new Date(instant);
}

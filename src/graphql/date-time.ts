/** @param instant epoch milliseconds */
export function toDate(instant: number | null): Date | null {
  return instant === null ? null : new Date(instant);
}

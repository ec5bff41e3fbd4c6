const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** Shows an instant relative to now. The tooltip has the full date. */
export function RelativeTime({ instant }: { instant: string | null | undefined }) {
  if (!instant) return <>never</>;
  const date = new Date(instant);
  const seconds = (date.getTime() - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
  return (
    <time dateTime={instant} title={absolute.format(date)}>
      {unit && size ? relative.format(Math.round(seconds / size), unit) : "just now"}
    </time>
  );
}

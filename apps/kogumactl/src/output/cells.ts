/** What stands in the cells of tables, in the forms of Kuma's command line. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
/** As far back as a Go duration reaches, so what Kuma shows for a time that was never set. */
const LONGEST = 292 * YEAR;

/** How long ago a time (RFC 3339) was: `12s`, `5m`, `3h`, `9d`, `2y`; `never` when there is none, or when it is to come. */
export function ago(time: string | undefined, now: number): string {
  return time === undefined ? 'never' : age(time, now);
}

/** How old something is: as {@link ago}, but as old as can be when its time is not known. */
export function age(time: string | undefined, now: number): string {
  const then = time === undefined ? Number.NaN : Date.parse(time);
  const elapsed = Math.min(Number.isNaN(then) ? LONGEST : now - then, LONGEST);
  // Clocks of two machines may differ by a second.
  if (elapsed <= -2 * SECOND) return 'never';
  if (elapsed < MINUTE) return `${Math.max(0, Math.floor(elapsed / SECOND))}s`;
  if (elapsed < HOUR) return `${Math.floor(elapsed / MINUTE)}m`;
  if (elapsed < DAY) return `${Math.floor(elapsed / HOUR)}h`;
  if (elapsed < YEAR) return `${Math.floor(elapsed / DAY)}d`;
  return `${Math.floor(elapsed / YEAR)}y`;
}

export function onOff(value: boolean | undefined): string {
  return value ? 'on' : 'off';
}

/** `kuma.io/service=backend,backend-admin version=v1`: by tag, each value once. */
export function tagsCell(sets: readonly Readonly<Record<string, string>>[]): string {
  const values = new Map<string, Set<string>>();
  for (const [tag, value] of sets.flatMap((set) => Object.entries(set))) {
    values.set(tag, (values.get(tag) ?? new Set()).add(value));
  }
  return [...values.keys()]
    .sort()
    .map((tag) => `${tag}=${[...(values.get(tag) ?? [])].sort().join(',')}`)
    .join(' ');
}

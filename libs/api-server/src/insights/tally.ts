import { z } from 'zod';
import { DATAPLANE_KINDS, type DataplaneKind, type Status } from '../dataplanes.js';

const count = z.int().min(0);

/** How many there are, and how many of them are in each state. */
export const TALLY = z.object({ total: count, online: count, offline: count, partiallyDegraded: count });
export type Tally = z.infer<typeof TALLY>;

/** How many there are of something that has no states. */
export const TOTAL = z.object({ total: count });

/** Counts what is in which state. */
export function tally(statuses: Iterable<Status>): Tally {
  const counted = { total: 0, online: 0, offline: 0, partiallyDegraded: 0 };
  for (const status of statuses) {
    counted.total++;
    counted[status]++;
  }
  return counted;
}

interface Counted {
  readonly status: Status;
  readonly kind: DataplaneKind;
}

/** Counts the dataplanes of each kind, or the services that such dataplanes serve. */
export function tallyByKind(all: readonly Counted[]): Record<DataplaneKind, Tally> {
  const ofKind = (kind: DataplaneKind) => tally(all.filter((one) => one.kind === kind).map(({ status }) => status));
  return Object.fromEntries(DATAPLANE_KINDS.map((kind) => [kind, ofKind(kind)])) as Record<DataplaneKind, Tally>;
}

/** Counts by a name that some have, and some more than one of. */
export function tallyBy<T extends { readonly status: Status }>(
  all: readonly T[],
  namesOf: (one: T) => readonly string[],
): Record<string, Tally> {
  const groups = new Map<string, Status[]>();
  for (const one of all) {
    for (const name of namesOf(one)) {
      const statuses = groups.get(name) ?? [];
      statuses.push(one.status);
      groups.set(name, statuses);
    }
  }
  return Object.fromEntries([...groups].map(([name, statuses]) => [name, tally(statuses)]));
}

/** `{Mesh: 1}` as Kuma writes it: `{Mesh: {total: 1}}`. */
export function totals(counts: Readonly<Record<string, number>>): Record<string, { total: number }> {
  return Object.fromEntries(Object.entries(counts).map(([type, total]) => [type, { total }]));
}

/** How often each name is there. */
export function countBy(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}

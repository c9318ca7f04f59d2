import { VirtualClock } from '@koguma/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Freshness } from './freshness.js';
import { GlobalReport } from './gen/koguma/v1/sync.js';
import { durationOf } from './wire.js';

const BEAT_MS = 1_000;

let clock: VirtualClock;
let freshness: Freshness;
let verdicts: (string | undefined)[];
let deaths: string[];

beforeEach(() => {
  clock = new VirtualClock();
  verdicts = [];
  deaths = [];
  freshness = new Freshness(clock, ['Mesh', 'Secret'], {
    verdict: (staleness) => verdicts.push(staleness?.reason),
    dead: (reason) => {
      deaths.push(reason);
      freshness.deafen();
    },
  });
  freshness.applied('Mesh', 5, undefined);
  freshness.applied('Secret', 5, undefined);
  freshness.listen();
});

describe('what a zone has', () => {
  it('is fresh while global says that it has no more', () => {
    for (let beat = 0; beat < 20; beat++) hear({ Mesh: 5, Secret: 5 });
    expect(new Set(verdicts)).toEqual(new Set([undefined]));
  });

  it('is behind at once when global says that it has more, and stale three beats later', () => {
    hear({ Mesh: 5, Secret: 6 });
    expect(lagOf('Secret')).toBe(0);
    for (let beat = 0; beat < 2; beat++) hear({ Mesh: 5, Secret: 6 });
    expect({ lag: lagOf('Secret'), verdict: verdicts.at(-1) }).toEqual({ lag: 2 * BEAT_MS, verdict: undefined });
    hear({ Mesh: 5, Secret: 6 });
    expect(verdicts.at(-1)).toBe('Secret is behind');
    freshness.applied('Secret', 6, undefined);
    expect({ lag: lagOf('Secret'), verdict: verdicts.at(-1) }).toEqual({ lag: 0, verdict: undefined });
  });

  it('is behind with what it refused, which came all the same: the link is not given up for that', () => {
    freshness.applied('Secret', 6, 'it is bad');
    for (let beat = 0; beat < 20; beat++) hear({ Mesh: 5, Secret: 6 });
    expect({ verdict: verdicts.at(-1), deaths }).toEqual({ verdict: 'Secret is behind: it is bad', deaths: [] });
  });

  it('that does not come although global has it gives the link up', () => {
    for (let beat = 0; beat < 7; beat++) hear({ Mesh: 6, Secret: 5 });
    expect(deaths).toEqual(['global has a newer Mesh, and it does not come']);
  });

  it('is stale after three beats of silence, and the link given up after six', () => {
    const silent = () => {
      clock.step();
      return clock.mono();
    };
    expect({ at: silent(), verdict: verdicts.at(-1) }).toEqual({ at: 15_000, verdict: 'nothing was heard of global' });
    expect(silent()).toBe(30_000);
    expect(deaths).toEqual(['nothing was heard of global for too long']);
    expect(clock.next()).toBeUndefined();
  });

  it('is stale in time also when the clock goes on between two looks at it', () => {
    // Half a millisecond passes at each look, and alarms ring a little early: one begins before the bound and ends after it.
    const creeping = {
      mono: () => {
        clock.moveTo(clock.mono() + 0.5);
        return clock.mono();
      },
      wall: () => clock.wall(),
      after: (ms: number, run: () => void) => clock.after(ms - 1, run),
      at: (wallMs: number, run: () => void) => clock.at(wallMs, run),
    };
    let isStale = false;
    const other = new Freshness(creeping, ['Mesh'], {
      verdict: (staleness) => {
        isStale = staleness !== undefined;
      },
      dead: () => undefined,
    });
    other.listen();
    while (!isStale && clock.step(29_000));
    expect({ isStale, inTime: clock.mono() < 15_010 }).toEqual({ isStale: true, inTime: true });
    other.deafen();
  });

  it('is stale when global says that it hears nothing of this zone', () => {
    hear({ Mesh: 5, Secret: 5 }, 3 * BEAT_MS);
    expect(verdicts.at(-1)).toBe('global hears nothing of this zone');
  });

  it('is told to global with its revisions, and with what was refused', () => {
    freshness.applied('Secret', 6, 'it is bad');
    const { applied } = freshness.hear(report({ Mesh: 5, Secret: 6 }));
    expect(applied).toMatchObject({ Mesh: { revision: 5n, error: '' }, Secret: { revision: 5n, error: 'it is bad' } });
  });
});

/** A beat later, global speaks. */
function hear(revisions: Record<string, number>, unheardMs = 0): void {
  const due = clock.mono() + BEAT_MS;
  while (clock.step(due));
  clock.moveTo(due);
  freshness.hear(report(revisions, unheardMs));
}

function report(revisions: Record<string, number>, unheardMs = 0): GlobalReport {
  return GlobalReport.fromPartial({
    revisions: Object.fromEntries(Object.entries(revisions).map(([type, revision]) => [type, BigInt(revision)])),
    interval: durationOf(BEAT_MS),
    unheard: durationOf(unheardMs),
  });
}

function lagOf(type: string): number | undefined {
  return freshness.types().find((row) => row.type === type)?.lagMs;
}

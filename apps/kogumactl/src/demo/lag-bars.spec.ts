import { describe, expect, it } from 'vitest';
import type { GlobalSync, ZoneSync } from '../sync/report.js';
import { LagBars } from './lag-bars.js';

function zone(name: string, applied: Readonly<Record<string, number | null>>, more: Partial<ZoneSync> = {}): ZoneSync {
  const types = Object.entries(applied).map(([type, revision]) => ({
    ...{ type, written: 9, applied: revision, lagMs: 0, staleSince: null, lastError: null },
  }));
  return {
    ...{ zone: name, enabled: true, state: 'Online', since: null, lagMs: 0, reason: null, heartbeat: {}, types },
    ...more,
  };
}
const sync = (...zones: ZoneSync[]): GlobalSync => ({ mode: 'global', written: { Mesh: 9, Secret: 4 }, zones });

function drawn(isTTY: boolean, ...syncs: GlobalSync[]): string {
  let text = '';
  const bars = new LagBars({ isTTY, write: (more) => (text += more) });
  for (const one of syncs) bars.draw(one);
  return text;
}

describe('the bars of a lab', () => {
  it('are as long as what a zone has applied of what was written, and say how far it is behind', () => {
    const text = drawn(
      true,
      sync(
        zone('east', { Mesh: 9, Secret: 4 }),
        zone('west', { Mesh: 8, Secret: 4 }, { lagMs: 1_200 }),
        zone('north', {}, { state: 'Offline', lagMs: 65_000 }),
      ),
    );
    expect(text.split('\n')).toEqual([
      '\x1b[2K    east     ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇  2 of 2 types, in sync',
      '\x1b[2K    west     ▇▇▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▁▁  1 of 2 types, Online, 1.2s behind',
      '\x1b[2K    north    ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  0 of 2 types, Offline, 1m5s behind',
      '',
    ]);
  });

  it('are drawn over those before, as many lines up as there were', () => {
    const one = sync(zone('east', { Mesh: 8, Secret: 4 }));
    const two = sync(zone('east', { Mesh: 9, Secret: 4 }), zone('west', { Mesh: null }));
    const text = drawn(true, one, two, two);
    const ups = text.split('\x1b[').filter((part) => part.startsWith('1A') || part.startsWith('2A'));
    expect(ups).toEqual(['1A', '2A']);
  });

  it('are not there where that is no terminal', () => {
    expect(drawn(false, sync(zone('east', {})))).toBe('');
  });
});

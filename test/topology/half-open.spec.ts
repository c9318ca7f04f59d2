import { startLab } from '@koguma/testkit';
import { describe, expect, it } from 'vitest';
import { globalReport, zoneReport } from './reports.js';

const BEAT_MS = 5_000;
const MINUTES = 10;

describe('a link that stays half-open, while the zone dials again and again', () => {
  it.each(['to-zone', 'to-global'] as const)(
    '(nothing arrives %s) leaves what the zone has older all the time, on both ends',
    async (direction) => {
      await using lab = await startLab({ zones: ['east'] });
      await lab.clock.advance('1m');
      lab.link('east').halfOpen(direction);
      for (let minute = 1; minute <= MINUTES; minute++) {
        await lab.clock.advance('1m');
        const least = minute * 60_000 - BEAT_MS - 1_000;
        const [{ zones }, own] = [await globalReport(lab.global), await zoneReport(lab.zone('east'))];
        expect(zones[0]).toMatchObject({ state: expect.stringMatching(/Stale|Offline/) as string });
        expect([zones[0]?.lagMs ?? 0, own.lagMs ?? 0].map((lag) => lag >= least)).toEqual([true, true]);
      }
      lab.link('east').heal();
      await lab.synced();
      await lab.clock.advance('10s');
      expect((await globalReport(lab.global)).zones[0]).toMatchObject({ state: 'Online', lagMs: 0 });
      expect(await zoneReport(lab.zone('east'))).toMatchObject({ status: 'Online', lagMs: 0 });
    },
  );
});

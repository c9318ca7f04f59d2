import { VirtualClock } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { IssuedTokens } from './issued-tokens.js';
import type { StoredKey } from './signing-keys.js';

const key = (kid: string, thumbprint = `print-${kid}`) =>
  ({ kind: 'dataplane', mesh: 'default', kid, key: { thumbprint } }) as StoredKey;
const HOUR = 3_600;

describe('the count of issued tokens', () => {
  it('tells for each key how many are not expired, and when the last one is', () => {
    const clock = new VirtualClock(0);
    const issued = new IssuedTokens(clock);
    issued.record(key('1'), HOUR);
    issued.record(key('1'), 3 * HOUR);
    issued.record(key('2'), 2 * HOUR);
    expect(issued.list()).toMatchObject([
      { kid: '1', unexpired: 2, latestExpiry: 3 * HOUR },
      { kid: '2', unexpired: 1, latestExpiry: 2 * HOUR },
    ]);
    clock.moveTo(HOUR * 1_000);
    expect(issued.list()).toMatchObject([{ unexpired: 1 }, { unexpired: 1 }]);
    clock.moveTo(3 * HOUR * 1_000);
    expect(issued.list()).toMatchObject([{ unexpired: 0 }, { unexpired: 0 }]);
  });

  it('keeps the keys apart that had one serial after another', () => {
    const issued = new IssuedTokens(new VirtualClock(0));
    issued.record(key('1', 'old'), HOUR);
    issued.record(key('1', 'new'), HOUR);
    expect(issued.list()).toMatchObject([{ thumbprint: 'old' }, { thumbprint: 'new' }]);
  });

  it('takes bounded memory, and never tells of fewer than there are', () => {
    const clock = new VirtualClock(0);
    const issued = new IssuedTokens(clock);
    for (let minute = 1; minute <= 10_000; minute++) issued.record(key('1'), minute * 60);
    expect(issued.list()).toMatchObject([{ unexpired: 10_000, latestExpiry: 600_000 }]);
    clock.moveTo(300_000 * 1_000);
    const [{ unexpired } = { unexpired: 0 }] = issued.list();
    expect(unexpired).toBeGreaterThanOrEqual(5_000);
    expect(unexpired).toBeLessThan(5_200);
    for (let serial = 1; serial <= 1_000; serial++) issued.record(key(`${serial}`), 700_000);
    expect(issued.list()).toHaveLength(200);
  });
});

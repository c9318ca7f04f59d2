import { SILENT } from '@koguma/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Insights } from './insights.js';
import { type ManagerUnderTest, managerUnderTest } from './manager-under-test.contract.js';
import type { ResourceKey } from './resource.js';
import type { Feed } from './store.js';

const ZONE: ResourceKey = { type: 'Zone', mesh: '', name: 'east' };
const INSIGHT: ResourceKey = { ...ZONE, type: 'ZoneInsight' };
const FLUSH_MS = 10_000;

describe('insights', () => {
  let under: ManagerUnderTest;
  let insights: Insights;
  let told: Feed[];
  const stopping = { run: Promise.resolve(), signal: new AbortController() };

  beforeEach(async () => {
    under = await managerUnderTest();
    under.follow();
    await under.manager.put(ZONE, {});
    insights = await opened();
    told = [];
    insights.onChange((change) => told.push(change));
  });
  afterEach(async () => {
    await stop();
    await under.stop();
  });

  it('are written at once when they are worth a hurry, without a revision', async () => {
    const before = under.view.revision.n;
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: true });
    await written();
    expect(await stored()).toEqual({ n: 1 });
    expect(insights.get(INSIGHT)?.spec).toEqual({ n: 1 });
    expect({ revision: under.view.revision.n, writes: insights.revision.n }).toEqual({ revision: before, writes: 1 });
  });

  it('that come when nothing is written any more are written at the end', async () => {
    await stop();
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: true });
    await insights.end();
    expect(await stored()).toEqual({ n: 1 });
    expect(under.clock.next()).toBeUndefined();
  });

  it('are written once an interval otherwise, as they are by then', async () => {
    for (let n = 1; n <= 5; n++) insights.update(INSIGHT, () => ({ n }), { soon: false });
    under.clock.step(FLUSH_MS - 1);
    await written();
    expect(await stored()).toBeUndefined();
    under.clock.step();
    await written();
    expect({ spec: await stored(), writes: insights.revision.n }).toEqual({ spec: { n: 5 }, writes: 1 });
  });

  it('are made of what is stored, which others may have written', async () => {
    await under.manager.system((tx) =>
      tx.create({ ...INSIGHT, spec: { theirs: 1 }, labels: {}, creationTime: 1, modificationTime: 1 }),
    );
    insights.update(INSIGHT, (before) => ({ ...before, mine: 2 }), { soon: true });
    await written();
    expect(await stored()).toEqual({ theirs: 1, mine: 2 });
  });

  it('are told of as they are written, and when they go with what they are of', async () => {
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: true });
    await written();
    await under.manager.delete(ZONE);
    expect(told.map(({ entries }) => entries.map(({ resource }) => resource?.spec))).toEqual([[{ n: 1 }], [undefined]]);
    expect(insights.list('ZoneInsight')).toEqual([]);
    expect(await stored()).toBeUndefined();
  });

  it('are not written for what is gone', async () => {
    await under.manager.delete(ZONE);
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: true });
    await written();
    expect(await stored()).toBeUndefined();
    expect(told).toEqual([]);
  });

  it('wait for a store that takes no writes, and are not lost', async () => {
    const { transaction } = under.store;
    under.store.transaction = () => Promise.reject(new Error('the disk is full'));
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: true });
    await written();
    under.store.transaction = transaction;
    under.clock.step();
    await written();
    expect(await stored()).toEqual({ n: 1 });
  });

  it('are written a last time at the end, and known to the next life', async () => {
    insights.update(INSIGHT, () => ({ n: 1 }), { soon: false });
    await stop();
    insights = await opened();
    expect(insights.get(INSIGHT)?.spec).toEqual({ n: 1 });
  });

  async function opened(): Promise<Insights> {
    const { store, view, clock } = under;
    const next = new Insights({ store, view, clock, log: SILENT, flushIntervalMs: FLUSH_MS });
    await next.load(['ZoneInsight']);
    stopping.signal = new AbortController();
    stopping.run = next.run(stopping.signal.signal);
    return next;
  }

  function stop(): Promise<void> {
    stopping.signal.abort();
    return stopping.run;
  }

  async function stored(): Promise<unknown> {
    return (await under.store.get(INSIGHT))?.spec;
  }
});

/** All that happens without time passing has happened. */
function written(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import { type LogFields, SILENT, VirtualClock } from '@koguma/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStore } from './memory-store.js';
import { insight, secret } from './samples.contract.js';
import type { Feed, Revision } from './store.js';
import { ResourceView } from './view.js';

/** A store that counts how often it is asked for changes, and fails as often as it is told to. */
class WatchedStore extends MemoryStore {
  asked = 0;
  failures = 0;

  override async since(after: Revision | undefined): Promise<Feed> {
    this.asked++;
    if (this.failures-- > 0) throw new Error('no answer');
    return super.since(after);
  }
}

describe('a view', () => {
  let clock: VirtualClock;
  let store: WatchedStore;
  let view: ResourceView;
  let errors: LogFields[];
  let stop: () => Promise<void>;

  const names = () => view.list('Secret').map(({ name }) => name);
  const put = async (name: string) => (await store.transaction((tx) => tx.create(secret(name)))).revision;
  const putAndSee = async (name: string) => view.reached(await put(name));
  const follow = () => {
    const stopping = new AbortController();
    const running = view.run(stopping.signal);
    stop = () => {
      stopping.abort();
      return running;
    };
  };
  const start = async () => {
    await view.load();
    follow();
  };

  beforeEach(() => {
    clock = new VirtualClock();
    store = new WatchedStore('epoch-1', { logLimit: 10 });
    errors = [];
    const log = { ...SILENT, error: (message: string, fields?: LogFields) => errors.push({ message, ...fields }) };
    view = new ResourceView({ store, clock, log });
    stop = async () => undefined;
  });
  afterEach(() => stop());

  it('cannot be used before it was loaded', () => {
    expect(() => view.revision).toThrow('the view is not loaded');
  });

  it('holds what was stored before it was loaded, and between loading and following', async () => {
    await put('before');
    await view.load();
    expect(names()).toEqual(['before']);
    const revision = await put('between');
    follow();
    await view.reached(revision);
    expect(names()).toEqual(['before', 'between']);
  });

  it('shows writers what they wrote, changed and deleted', async () => {
    await start();
    await putAndSee('a');
    const a = view.get(secret('a'));
    expect(a).toMatchObject({ spec: secret('a').spec, version: 1 });
    if (!a) return;
    await view.reached((await store.transaction((tx) => tx.update({ ...a, spec: {} }))).revision);
    expect(view.get(a)).toMatchObject({ spec: {}, version: 2 });
    await view.reached((await store.transaction((tx) => tx.delete(a))).revision);
    expect(view.get(a)).toBeUndefined();
    expect(names()).toEqual([]);
  });

  it('lists by mesh, then by name, and one mesh alone', async () => {
    await start();
    const { revision } = await store.transaction(async (tx) => {
      for (const [mesh, name] of ['b/2', 'a/9', 'b/1', 'a/1'].map((text) => text.split('/') as [string, string])) {
        await tx.create(secret(name, mesh));
      }
    });
    await view.reached(revision);
    expect(view.list('Secret').map(({ mesh, name }) => `${mesh}/${name}`)).toEqual(['a/1', 'a/9', 'b/1', 'b/2']);
    expect(view.list('Secret', 'b').map(({ name }) => name)).toEqual(['1', '2']);
    expect(view.list('Zone')).toEqual([]);
  });

  it('knows nothing of insights', async () => {
    await store.transaction((tx) => tx.create(insight('zone-1')));
    await start();
    expect(view.list('ZoneInsight')).toEqual([]);
  });

  it('tells its listeners in the order in which they came, when it has moved, until they leave', async () => {
    await start();
    const told: string[] = [];
    const leave = view.onChange(({ entries }) => told.push(`first ${entries[0]?.key.name} of ${names().length}`));
    view.onChange(({ revision }) => told.push(`second at ${revision.n}`));
    await putAndSee('a');
    expect(told).toEqual(['first a of 1', 'second at 1']);
    leave();
    await putAndSee('b');
    expect(told.slice(2)).toEqual(['second at 2']);
  });

  it('keeps telling the others, and the writers, when a listener fails', async () => {
    await start();
    const told: number[] = [];
    view.onChange(() => {
      throw new Error('a bug');
    });
    view.onChange(({ revision }) => told.push(revision.n));
    await putAndSee('a');
    expect(told).toEqual([1]);
    expect(errors).toMatchObject([{ error: 'a bug' }]);
  });

  it('tries again when the store does not answer, and shows its last state meanwhile', async () => {
    await start();
    await putAndSee('a');
    store.failures = 2;
    const revision = await put('b');
    for (let failure = 1; failure <= 2; failure++) {
      await vi.waitFor(() => expect(errors).toHaveLength(failure));
      await vi.waitFor(() => expect(clock.next()).toBeDefined());
      expect(names()).toEqual(['a']);
      clock.step();
    }
    await view.reached(revision);
    expect(names()).toEqual(['a', 'b']);
    expect(errors[0]).toMatchObject({ error: 'no answer' });
  });

  it('forgets what is gone when it has to start over', async () => {
    await put('gone');
    await view.load();
    await store.transaction((tx) => tx.delete(secret('gone')));
    for (let n = 0; n < 20; n++) await put(`new-${n}`); // more than the log remembers
    const resets: boolean[] = [];
    view.onChange(({ reset }) => resets.push(reset));
    const revision = await put('last');
    follow();
    await view.reached(revision);
    expect(resets).toEqual([true]);
    expect(view.get(secret('gone'))).toBeUndefined();
    expect(view.list('Secret')).toEqual(await store.list('Secret'));
  });

  it('does not ask the store while nothing is written, however long that is', async () => {
    await start();
    await putAndSee('a');
    const { asked } = store;
    clock.moveTo(clock.mono() + 3_600_000);
    await new Promise(setImmediate);
    expect(clock.next()).toBeUndefined();
    expect(store.asked).toBe(asked);
  });

  it('asks a shared store now and then, since others write to it without waking us', async () => {
    Object.defineProperty(store, 'shared', { value: true });
    vi.spyOn(store, 'onCommit').mockReturnValue(() => undefined);
    await start();
    await vi.waitFor(() => expect(clock.next()).toBe(5_000));
    const revision = await put('from-another-process');
    clock.step();
    await view.reached(revision);
    expect(names()).toEqual(['from-another-process']);
  });

  it('catches up with a shared store when it is told to, also after a read that failed', async () => {
    Object.defineProperty(store, 'shared', { value: true });
    vi.spyOn(store, 'onCommit').mockReturnValue(() => undefined);
    await start();
    await put('from-another-process');
    await view.caughtUp();
    expect(names()).toEqual(['from-another-process']);
    await put('another');
    store.failures = 1;
    const caughtUp = view.caughtUp();
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    clock.step();
    await caughtUp;
    expect(names()).toEqual(['another', 'from-another-process']);
  });

  it('takes many writes in one step', async () => {
    await start();
    const { asked } = store;
    const revisions = await Promise.all(Array.from({ length: 8 }, (_, n) => put(`s${n}`)));
    await Promise.all(revisions.map((revision) => view.reached(revision)));
    expect(names()).toHaveLength(8);
    expect(store.asked - asked).toBeLessThanOrEqual(9);
  });

  describe('that stops', () => {
    it('refuses who waits for what it will never hold, and who comes later', async () => {
      await start();
      const { epoch, n } = await put('a');
      await view.reached({ epoch, n });
      const waiting = expect(view.reached({ epoch, n: n + 1 })).rejects.toMatchObject({ code: 'unavailable' });
      await stop();
      await waiting;
      await expect(view.reached({ epoch, n: n + 1 })).rejects.toMatchObject({ code: 'unavailable' });
      await expect(view.reached({ epoch, n })).resolves.toBeUndefined();
      expect(names()).toEqual(['a']);
    });

    it('does so at once, also while it waits to try again', async () => {
      await start();
      store.failures = 1;
      await put('a');
      await vi.waitFor(() => expect(errors).toHaveLength(1));
      await stop();
      expect(clock.next()).toBeUndefined();
    });

    it('is woken by the store no more', async () => {
      await start();
      await stop();
      const { asked } = store;
      await put('a');
      expect(store.asked).toBe(asked);
    });
  });
});

import { describe, expect, it } from 'vitest';
import { type Task, Tasks } from './tasks.js';

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** Tasks that write down what fails. */
function recorded() {
  const failures: { owner: string; error: unknown }[] = [];
  return { failures, tasks: new Tasks((owner, error) => failures.push({ owner, error })) };
}

describe('Tasks', () => {
  it('starts a task at once, with a signal that has not ended', () => {
    const { tasks } = recorded();
    let aborted: boolean | undefined;
    tasks.start('kds', async (signal) => {
      aborted = signal.aborted;
    });
    expect(aborted).toBe(false);
  });

  it('ends the signal and waits until every task has really stopped', async () => {
    const { tasks } = recorded();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let cleaned = false;
    tasks.start('slow', async (signal) => {
      await untilAborted(signal);
      await released;
      cleaned = true;
    });
    let stopped = false;
    const stop = tasks.stop().then(() => {
      stopped = true;
    });
    expect(tasks.signal.aborted).toBe(true);
    await settled();
    expect(stopped).toBe(false);
    release();
    await stop;
    expect(cleaned).toBe(true);
    expect(tasks.owners()).toEqual([]);
  });

  it('waits also for a task that another one starts while it stops', async () => {
    const { tasks } = recorded();
    let flushed = false;
    tasks.start('outer', async (signal) => {
      await untilAborted(signal);
      tasks.start('inner', async () => {
        await settled();
        flushed = true;
      });
    });
    await tasks.stop();
    expect(flushed).toBe(true);
  });

  it('stops when nothing runs, and twice', async () => {
    const { tasks } = recorded();
    await tasks.stop();
    await expect(tasks.stop()).resolves.toBeUndefined();
  });

  it('names the owners of what runs now', async () => {
    const { tasks } = recorded();
    tasks.start('short', async () => undefined);
    tasks.start('long', untilAborted);
    expect(tasks.owners()).toEqual(['short', 'long']);
    await settled();
    expect(tasks.owners()).toEqual(['long']);
    await tasks.stop();
  });

  it.each<[string, Task]>([
    ['rejects', async () => Promise.reject(new Error('boom'))],
    [
      'throws before it has made a promise',
      () => {
        throw new Error('boom');
      },
    ],
  ])('reports a task that %s, while the others live', async (_, task) => {
    const { failures, tasks } = recorded();
    tasks.start('healthy', untilAborted);
    tasks.start('broken', task);
    await settled();
    expect(failures).toEqual([{ owner: 'broken', error: new Error('boom') }]);
    expect(tasks.owners()).toEqual(['healthy']);
    expect(tasks.signal.aborted).toBe(false);
    await tasks.stop();
  });
});

/** Every promise that can settle now has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import { describe, expect, it } from 'vitest';
import { EventLog } from './event-log.js';
import { SILENT } from './log.js';
import { VirtualClock } from './virtual-clock.js';

const setUp = () => {
  const clock = new VirtualClock(1_000);
  const events = new EventLog(clock);
  return { clock, events, log: events.watch(SILENT), end: new AbortController() };
};
const names = (all: readonly { event: string }[]) => all.map(({ event }) => event);

describe('the log of events', () => {
  it('keeps what is logged, with where and how bad it is', () => {
    const { events, log } = setUp();
    log.info('one', { name: 'x' });
    log.scope('kds').warn('two');
    const [one, two] = events.after();
    expect(one).toMatchObject({
      time: '1970-01-01T00:00:01Z',
      level: 'info',
      scope: '',
      event: 'one',
      fields: { name: 'x' },
    });
    expect(two).toMatchObject({ level: 'warn', scope: 'kds', event: 'two', fields: {} });
  });

  it('tells what came after an id, and everything to who names another life, or nothing', () => {
    const { events, log } = setUp();
    for (const word of ['one', 'two', 'three']) log.info(word);
    expect(names(events.after(events.after()[0]?.id))).toEqual(['two', 'three']);
    expect(names(events.after(events.after().at(-1)?.id))).toEqual([]);
    for (const id of ['other-2', 'nonsense', undefined]) expect(events.after(id)).toHaveLength(3);
  });

  it('is bounded, and who was slow goes on with the oldest that is kept', async () => {
    const { events, log, end } = setUp();
    log.info('first');
    const following = events.follow(undefined, end.signal);
    expect((await following.next()).value).toMatchObject({ event: 'first' });
    for (let n = 1; n <= 2_500; n++) log.info(`${n}`);
    expect(events.after()).toHaveLength(2_000);
    expect((await following.next()).value).toMatchObject({ event: '501' });
  });

  it('can be followed as it happens; after a quiet while it says that it lives', async () => {
    const { clock, events, log, end } = setUp();
    const following = events.follow(undefined, end.signal);
    const next = following.next();
    log.info('now');
    expect((await next).value).toMatchObject({ event: 'now' });
    const quiet = following.next();
    clock.step();
    expect(await quiet).toEqual({ value: undefined, done: false });
    const last = following.next();
    end.abort();
    expect((await last).done).toBe(true);
  });
});

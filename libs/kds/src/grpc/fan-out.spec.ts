import { SILENT, VirtualClock } from '@koguma/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { FanOut } from './fan-out.js';

const KIB = 1024;
const BUDGET = 1_000 * KIB;
const TIMEOUT = 60_000;

let clock: VirtualClock;
let fanOut: FanOut;
let sent: string[];
let cutOff: string[];
beforeEach(() => {
  clock = new VirtualClock();
  sent = [];
  cutOff = [];
  const reset = (peer: string) => void cutOff.push(peer);
  fanOut = new FanOut({ clock, log: SILENT, sendTimeoutMs: TIMEOUT, budget: BUDGET, reset });
});

function message(peer: string, kib: number) {
  const one = { peer, bytes: kib * KIB, send: () => sent.push(peer), sentAt: 0 };
  fanOut.enter(one);
  return one;
}
/** Lets time pass; until nothing is left to look at, when no end is given. */
const run = (until?: number) => {
  while (clock.step(until));
};

describe('messages to many peers', () => {
  it('are on their way together up to the budget, and the rest in order as others are taken', () => {
    const [a, b] = [message('a', 600), message('b', 400)];
    message('c', 500);
    message('d', 100);
    expect(sent).toEqual(['a', 'b']);
    fanOut.leave(b);
    expect(sent).toEqual(['a', 'b']);
    fanOut.leave(a);
    expect(sent).toEqual(['a', 'b', 'c', 'd']);
  });

  it('do not wait when they are small', () => {
    message('a', 1_000);
    message('b', 64);
    expect(sent).toEqual(['a', 'b']);
  });

  it('go alone when one is larger than the budget', () => {
    const a = message('a', 2_000);
    message('b', 100);
    expect(sent).toEqual(['a']);
    fanOut.leave(a);
    expect(sent).toEqual(['a', 'b']);
  });

  it('that are withdrawn while they wait hold up nobody', () => {
    const a = message('a', 1_000);
    fanOut.leave(message('b', 1_000));
    message('c', 1_000);
    fanOut.leave(a);
    expect(sent).toEqual(['a', 'c']);
  });
});

describe('a peer that does not take its messages', () => {
  it('is cut off after the timeout, when nobody waits', () => {
    message('deaf', 900);
    run(TIMEOUT - 1);
    expect(cutOff).toEqual([]);
    run();
    expect([cutOff, clock.mono() <= TIMEOUT * 1.05]).toEqual([['deaf'], true]);
  });

  it('is cut off soon when others wait, and all that was for it makes room for them', () => {
    for (const kib of [300, 300, 300, 300]) message('deaf', kib);
    message('good', 900);
    expect(sent).toEqual(['deaf', 'deaf', 'deaf']);
    run(TIMEOUT / 10);
    expect([cutOff, sent.at(-1)]).toEqual([['deaf'], 'good']);
  });

  it('does not take anybody with it', () => {
    const good = message('good', 400);
    message('deaf', 500);
    run(TIMEOUT / 2);
    fanOut.leave(good);
    fanOut.leave(message('good', 400));
    run();
    expect(cutOff).toEqual(['deaf']);
  });
});

describe('a server with nothing on its way', () => {
  it('waits for nothing', () => {
    fanOut.leave(message('a', 1));
    expect(clock.next()).toBeUndefined();
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectedLink } from './connected-link.js';
import type { LinkFault } from './fault-door.js';

let link: ConnectedLink;
/** What the wire was told, one after the other. */
let told: (LinkFault | 'nothing')[];
beforeEach(() => {
  told = [];
  link = new ConnectedLink('east', () => ({
    setLink: async (_zone, fault) => told.push(fault),
    resetLink: async () => told.push('nothing'),
  }));
});

describe('the link of a lab that runs', () => {
  it('stays cut when it is made slow, and half-open when it was slow', async () => {
    await link.cut();
    await link.slow('2s');
    expect([link.condition, told.at(-1)]).toEqual(['cut', { cut: true, latency: '2000ms' }]);
    await link.halfOpen('to-zone');
    expect([link.condition, told.at(-1)]).toEqual(['half-open', { halfOpen: 'to-zone', latency: '2000ms' }]);
    await link.heal();
    expect([link.condition, told.at(-1)]).toEqual(['up', 'nothing']);
  });

  it('is as it was before once it has flapped', async () => {
    await link.flap();
    expect([link.condition, told]).toEqual(['up', [{ cut: true }, 'nothing']]);
    await link.slow('2s', '1s');
    await link.flap();
    expect([link.condition, told.at(-1)]).toEqual(['slow', { latency: '2000ms', jitter: '1000ms' }]);
  });
});

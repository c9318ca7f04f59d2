import { type ConnectedLab, connectLab, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let running: WiredLab;
let lab: ConnectedLab;
beforeAll(async () => {
  running = await startWiredLab();
  const token = await running.global.adminToken();
  lab = await connectLab({
    global: { url: `${running.global.url}/`, token },
    zones: { east: running.zone('east').url, west: running.zone('west').url },
  });
});
afterAll(() => running.stop());

describe('a lab that runs, taken hold of by its addresses', () => {
  it('issues, checks, revokes and rotates, and is waited for', async () => {
    const token = await lab.zone('east').issue('dataplane', { mesh: 'default' });
    await lab.global.revoke(token);
    expect(await lab.global.rotate('dataplane')).toBe(2);
    await lab.synced();
    expect((await lab.zone('west').verify(token)).reason).toBe('revoked');
    expect(await lab.zone('west').secretNames('default')).toContain('dataplane-token-signing-key-default-2');
  });

  it('says what did not come in time', async () => {
    await running.zone('west').stop();
    const isGone = () =>
      running.global.served.kds.zones().some(({ zone, state }) => zone === 'west' && state === 'Offline');
    await running.until(isGone, 'global knows that west is gone');
    await expect(lab.synced({ within: '60ms' })).rejects.toThrow('waited 60ms until west has all that global has');
    await running.zone('west').start();
  });

  it.each([
    ['does not answer', { global: 'http://127.0.0.1:1' }, 'global at http://127.0.0.1:1 does not answer'],
    ['is none of global', () => ({ global: running.zone('east').url }), 'is a zone control plane'],
    [
      'is another zone',
      () => ({ global: running.global.url, zones: { west: running.zone('east').url } }),
      'is zone east',
    ],
    ['knows no such admin', () => ({ global: { url: running.global.url, token: 'no.such.token' } }), 'answers 401'],
  ])('is refused where an address %s', async (_, options, why) => {
    await expect(connectLab(typeof options === 'function' ? options() : options)).rejects.toThrow(why);
  });

  it('has the zones that were named', () => {
    expect(() => lab.zone('north')).toThrow('this lab has no zone north: it has east, west');
  });
});

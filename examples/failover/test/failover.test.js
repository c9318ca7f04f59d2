import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startLab } from '@koguma/testkit';

let lab;
before(async () => {
  lab = await startLab({ zones: ['east', 'west'] });
});
after(() => lab.stop());

test('a zone deploys while global is down', async () => {
  await lab.global.stop();
  const token = await lab.zone('west').issue('dataplane', { mesh: 'default', name: 'web-1', validFor: '720h' });
  const proxy = lab.startProxy('west', { name: 'web-1', token });
  await lab.until(() => proxy.state === 'connected', 'web-1 is connected');
  await lab.global.start();
  await lab.synced();
  assert.equal((await lab.global.verify(token)).accepted, true);
});

test('a zone that was cut off hears of a revocation when the link is mended', async () => {
  const token = await lab.global.issue('dataplane', { mesh: 'default', validFor: '720h' });
  lab.link('east').cut();
  await lab.global.revoke(token);
  await lab.clock.advance('10m');
  assert.equal((await lab.zone('east').verify(token)).accepted, true);
  lab.link('east').heal();
  await lab.synced();
  assert.equal((await lab.zone('east').verify(token)).reason, 'revoked');
});

test('a token of 30 days is of no use in the 31st', async () => {
  const token = await lab.zone('east').issue('zone-ingress', { zone: 'east', validFor: '720h' });
  await lab.clock.advance('719h');
  assert.equal((await lab.zone('west').verify(token)).accepted, true);
  await lab.clock.advance('2h');
  assert.equal((await lab.zone('west').verify(token)).reason, 'expired');
});

test('a rotation in phases makes no window in which a slow zone refuses new tokens', async () => {
  lab.link('west').slow('5s');
  const serial = await lab.global.rotate('dataplane', { phase: 'prepared' });
  await lab.synced();
  await lab.global.activate('dataplane', serial);
  const token = await lab.global.issue('dataplane', { mesh: 'default' });
  assert.equal((await lab.zone('west').verify(token)).accepted, true);
});

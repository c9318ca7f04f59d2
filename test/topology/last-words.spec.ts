import { nodeCrypto } from '@koguma/auth';
import { loadConfig, SILENT, systemEntropy, VirtualClock } from '@koguma/core';
import { composeGlobal } from '@koguma/global-cp';
import { memoryNetwork } from '@koguma/kds';
import { type Lease, MemoryStore } from '@koguma/resources';
import { composeZone } from '@koguma/zone-cp';
import { expect, it } from 'vitest';

/** As PostgreSQL, others may write to it: who has it open leads because it holds the lease. */
class LeasedStore extends MemoryStore {
  readonly lease: Lease = {
    claim: async (instance) => ({ fence: 1, living: [instance] }),
    release: async () => undefined,
  };
}

it('a zone that stops, and leads by a lease, writes down that its link to global is over', async () => {
  const clock = new VirtualClock();
  const ports = { clock, entropy: systemEntropy, crypto: nodeCrypto, log: SILENT };
  const configOf = (role: 'global' | 'zone', env: Record<string, string>) => loadConfig({ role, env }).config;
  const global = await composeGlobal(configOf('global', {}), { ...ports, store: new MemoryStore('global') });
  const { dial } = memoryNetwork(() => global.kds, clock, { delay: () => 1, blocked: () => false });
  const store = new LeasedStore('zone');
  const env = { KUMA_MULTIZONE_ZONE_NAME: 'east', KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpc://global:5685' };
  const zone = await composeZone(configOf('zone', env), { ...ports, store, dial });
  while (zone.link?.state !== 'in-sync') {
    clock.step(clock.mono() + 10);
    await new Promise(setImmediate);
  }
  await zone.stop();
  const insight = await store.get({ type: 'ZoneInsight', mesh: '', name: 'east' });
  expect(insight?.spec.subscriptions).toEqual([
    expect.objectContaining({ disconnectTime: expect.any(String) as string }),
  ]);
  await global.stop();
}, 30_000); // keys are made, on whatever machine

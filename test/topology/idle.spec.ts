import { secretSpec } from '@koguma/auth';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { zoneReport } from './reports.js';

/** Calls of each store, by the name of its control plane. */
const calls = new Map<string, string[]>();
const COUNTED: readonly (string | symbol)[] = ['get', 'list', 'since', 'transaction'];

/** A store that tells of each call. */
function counted(name: string, store: ResourceStore): ResourceStore {
  return new Proxy(store, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (COUNTED.includes(member)) calls.set(name, [...(calls.get(name) ?? []), String(member)]);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

let lab: WiredLab;
beforeAll(async () => {
  const stores = new Map<string, ResourceStore>();
  lab = await startWiredLab({
    env: {
      KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1ms',
      KUMA_XDS_SERVER_DATAPLANE_STATUS_FLUSH_INTERVAL: '1ms',
    },
    openStore: async (name) => {
      const store = stores.get(name) ?? counted(name, new MemoryStore(name));
      stores.set(name, store);
      return store;
    },
  });
});
afterAll(() => lab.stop());

/** What waits in a lab at rest: global's heartbeat, and in each zone the look whether it came, Kuma's HealthCheck, and the look at the certificate's files. */
const AT_REST = 1 + 2 * 3;

/** Everything that was set going has ended: nothing else waits for a time to come, and no store is asked. */
const settled = async () => {
  let turns = 0;
  await lab.until(() => {
    turns = lab.clock.waiting === AT_REST && calls.size === 0 ? turns + 1 : 0;
    calls.clear();
    return turns > 20;
  }, `all is quiet: ${lab.clock.waiting} delays are under way`);
};
const pass = async (turns: number) => {
  for (let left = turns; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
};
beforeEach(() => settled());

describe('an idle link', () => {
  it('has no timer but those of its heartbeat', () => {
    expect(lab.clock.waiting).toBe(AT_REST);
  });

  it('beats from memory: no store is asked', async () => {
    const heard = async () => (await zoneReport(lab.zone('east'))).heartbeat?.heardMsAgo ?? Number.POSITIVE_INFINITY;
    const before = await heard();
    lab.clock.hurry(5_000);
    await lab.until(async () => (await heard()) < before, 'a beat has come');
    await pass(200);
    expect(Object.fromEntries(calls)).toEqual({});
  });

  it('reads no store and writes none', async () => {
    await pass(200);
    expect(Object.fromEntries(calls)).toEqual({});
  });

  it('sends nothing', async () => {
    const sent = () => JSON.stringify(lab.global.served.kds.report(), ['zones', 'types', 'sent', 'sentAt', 'applied']);
    const before = sent();
    await pass(200);
    expect(sent()).toBe(before);
  });

  it('costs nothing while tokens are issued and checked: no store is asked for that', async () => {
    for (let count = 0; count < 3; count++) {
      const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
      expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      const dataplane = await lab.zone('west').issue('dataplane', { mesh: 'default' });
      expect(await lab.zone('east').verify(dataplane, 'dataplane', 'default')).toMatchObject({ accepted: true });
    }
    expect(Object.fromEntries(calls)).toEqual({});
  });

  it('costs nothing while another zone works', async () => {
    await lab.zone('east').revoke('user-token-revocations', []);
    await lab.zone('east').restart();
    await lab.synced();
    await settled();
    await lab.zone('east').secretNames();
    await pass(50);
    expect(calls.get('east')).toEqual(['list']);
    expect(calls.get('west')).toBeUndefined();
    expect(calls.get('global')).toBeUndefined();
  });

  it('asks each store once for a change that global makes, and no other type moves', async () => {
    const moved = async () => {
      const rows = lab.global.served.kds.report() as { zones: { types: { type: string; sent: number }[] }[] };
      return rows.zones.map(({ types }) => Object.fromEntries(types.map(({ type, sent }) => [type, sent])));
    };
    const before = await moved();
    await lab.global.revoke('zone-ingress-token-revocations', []);
    await lab.synced();
    const after = await moved();
    for (const [index, zone] of after.entries()) {
      const changed = Object.keys(zone).filter((type) => zone[type] !== before[index]?.[type]);
      expect(changed).toEqual(['GlobalSecret']);
    }
    for (const zone of ['east', 'west']) {
      const made = (call: string) => calls.get(zone)?.filter((other) => other === call).length;
      expect(made('since')).toBe(1);
      expect(made('transaction')).toBeLessThanOrEqual(2); // the change, and the counters
    }
  });
});

describe('a lab that is stopped', () => {
  it('leaves no timer behind, so that its processes end at once', async () => {
    const busy = await startWiredLab();
    const draft = { type: 'GlobalSecret', mesh: '', labels: {}, creationTime: 1, modificationTime: 1 } as const;
    const name = 'zone-ingress-token-signing-key-2';
    await busy.global.served.manager.system((tx) => tx.create({ ...draft, name, spec: secretSpec('not a key') }));
    await busy.until(
      () => JSON.stringify(busy.global.served.kds.report()).includes('is not an RSA key'),
      'a zone has refused something, which global will offer again',
    );
    expect(busy.clock.waiting).toBeGreaterThan(AT_REST);
    await busy.stop();
    expect(busy.clock.waiting).toBe(0);
  });
});

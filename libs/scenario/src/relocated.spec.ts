import { describe, expect, it } from 'vitest';
import { readScenario } from './read.js';
import { relocated } from './relocated.js';

function moved(steps: string) {
  const { scenario } = readScenario(`name: s\nabout: s\ntopology: { zones: [east] }\nsteps:\n${steps}`, 's.yaml');
  return relocated(scenario, 'own').steps;
}

describe('a scenario in a mesh of its own', () => {
  it('has its dataplane tokens, keys and secrets there, said or not', () => {
    expect(
      moved(`  - issue: { at: east, kind: dataplane, as: t1 }
  - issue: { at: east, kind: dataplane, mesh: default, as: t2 }
  - rotate: { at: global, kind: dataplane }
  - deleteKey: { at: global, kind: dataplane, serial: 1 }
  - take: { secret: dataplane-token-signing-key-default-1, mesh: default, from: global, as: k }
  - expect: { secret: { name: dataplane-token-signing-key-default-1, mesh: default, at: east, is: present } }
  - expect: { key: { kind: dataplane, serial: 1, usedBy: [web-1] } }
  - proxy: { name: web-1, zone: east, token: t1 }
`),
    ).toEqual([
      { issue: { at: 'east', kind: 'dataplane', mesh: 'own', as: 't1' } },
      { issue: { at: 'east', kind: 'dataplane', mesh: 'own', as: 't2' } },
      { rotate: { at: 'global', kind: 'dataplane', mesh: 'own' } },
      { deleteKey: { at: 'global', kind: 'dataplane', mesh: 'own', serial: 1 } },
      { take: { secret: 'dataplane-token-signing-key-own-1', mesh: 'own', from: 'global', as: 'k' } },
      { expect: { secret: { name: 'dataplane-token-signing-key-own-1', mesh: 'own', at: 'east', is: 'present' } } },
      { expect: { key: { kind: 'dataplane', mesh: 'own', serial: 1, usedBy: ['web-1'] } } },
      { proxy: { name: 'web-1', zone: 'east', token: 't1', mesh: 'own' } },
    ]);
  });

  it('reads the texts that it expects as they are there', () => {
    expect(
      moved(
        '  - expect: { proxy: { name: web-1, is: waiting, because: dataplane-token-revocations-default }, within: 5s }\n',
      ),
    ).toEqual([
      { expect: { proxy: { name: 'web-1', is: 'waiting', because: 'dataplane-token-revocations-own' }, within: '5s' } },
    ]);
  });

  it('leaves another mesh, and what is in none, as it is', () => {
    const steps = `  - issue: { at: east, kind: dataplane, mesh: shop, as: t1 }
  - issue: { at: east, kind: zone-ingress, zone: east, as: t2 }
  - rotate: { at: global, kind: user }
  - put: { at: global, secret: user-token-revocations, value: none }
  - repeat: { times: 2, steps: [{ stopProxy: web-1 }] }
`;
    const { scenario } = readScenario(`name: s\nabout: s\ntopology: { zones: [] }\nsteps:\n${steps}`, 's.yaml');
    expect(relocated(scenario, 'own')).toEqual(scenario);
  });

  it('gives zone proxies names of their own, wherever they are spoken of', () => {
    expect(
      moved(`  - proxy: { name: in-1, zone: east, token: t1, type: ingress }
  - repeat:
      times: 2
      steps:
        - expect: { proxy: { name: in-1, is: connected } }
  - expect: { key: { kind: zone-ingress, serial: 1, usedBy: [in-1] } }
  - stopProxy: in-1
`),
    ).toEqual([
      { proxy: { name: 'own-in-1', zone: 'east', token: 't1', type: 'ingress' } },
      { repeat: { times: 2, steps: [{ expect: { proxy: { name: 'own-in-1', is: 'connected' } } }] } },
      { expect: { key: { kind: 'zone-ingress', serial: 1, usedBy: ['own-in-1'] } } },
      { stopProxy: 'own-in-1' },
    ]);
  });
});

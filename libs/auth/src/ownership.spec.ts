import type { ResourceKey, ResourceType } from '@koguma/resources';
import { describe, expect, it } from 'vitest';
import { controlPlane, globalSecret, keyName, listName } from './control-plane.contract.js';
import { KEY } from './keys.contract.js';
import { type ControlPlaneRole, readOnlyReason } from './ownership.js';
import { knownSecretNames, secretRole } from './secrets.js';

const reasonOn = (role: ControlPlaneRole, key: ResourceKey) => readOnlyReason(key, role, false);
const of = (type: ResourceType, name = 'x', mesh = ''): ResourceKey => ({ type, mesh, name });
const SYNCED = /^(Secret|GlobalSecret|Mesh) ".+" is owned by the global control plane: write it there/;

describe('people', () => {
  it.each([of('Mesh'), of('Zone'), globalSecret('x'), of('Secret', 'x', 'default'), ...knownSecretNames('default')])(
    'write $type $name on global and on a zone that stands alone',
    (key) => {
      expect([reasonOn('global', key), reasonOn('stand-alone-zone', key)]).toEqual([undefined, undefined]);
    },
  );

  it.each([of('Config'), of('ZoneInsight')])('write no $type anywhere', (key) => {
    const reason = `${key.type} resources are written by the control plane itself`;
    expect([reasonOn('global', key), reasonOn('federated-zone', key)]).toEqual([reason, reason]);
  });

  it.each(['user-token-signing-key-1', 'user-token-signing-key-12', 'user-token-revocations', 'admin-user-token'])(
    'write GlobalSecret %s on a zone with a global, since it never comes from there',
    (name) => {
      expect(reasonOn('federated-zone', globalSecret(name))).toBeUndefined();
    },
  );

  it.each([
    of('Mesh', 'default'),
    of('Secret', 'mtls-ca', 'default'),
    of('Secret', 'user-token-signing-key-1', 'default'),
    of('Secret', 'admin-user-token', 'default'),
    of('Secret', 'dataplane-token-signing-key-default-1', 'default'),
    of('Secret', 'dataplane-token-revocations-default', 'default'),
    globalSecret('anything'),
    globalSecret('envoy-admin-ca'),
    globalSecret('user-token-misspelt'),
    globalSecret('zone-token-signing-key-1'),
    globalSecret('zone-token-signing-public-key-1'),
    globalSecret('zone-token-revocations'),
    globalSecret('zone-ingress-token-signing-key-1'),
    globalSecret('zone-ingress-token-revocations'),
    globalSecret('dataplane-token-revocations-default'),
  ])('do not write $type $name on a zone with a global, and are told where', (key) => {
    expect(reasonOn('federated-zone', key)).toMatch(SYNCED);
  });

  it.each(['Dataplane', 'ZoneIngress', 'ZoneEgress'] as const)('write a %s in zones, and not on global', (type) => {
    const key = of(type, 'x', type === 'Dataplane' ? 'default' : '');
    expect(reasonOn('global', key)).toContain('is owned by a zone');
    expect([reasonOn('federated-zone', key), reasonOn('stand-alone-zone', key)]).toEqual([undefined, undefined]);
  });

  it('write their own Zone on a zone', () => {
    expect(reasonOn('federated-zone', of('Zone', 'east'))).toBeUndefined();
  });

  it('write nothing through a read-only API server, which says by which setting', () => {
    for (const role of ['global', 'federated-zone', 'stand-alone-zone'] as const) {
      for (const key of [of('Mesh'), of('Zone'), ...knownSecretNames('default')]) {
        expect(readOnlyReason(key, role, true)).toContain('KUMA_API_SERVER_READ_ONLY');
      }
    }
  });

  it('can write on a zone exactly the known secrets of users and of that zone alone', () => {
    const writable = knownSecretNames('default').filter((key) => reasonOn('federated-zone', key) === undefined);
    expect(writable.map((key) => secretRole(key).role).sort()).toEqual(['local', 'revocations', 'signing-key']);
  });

  it('copy the key of users from global to a zone by hand, as the documents say', async () => {
    const zone = await controlPlane({ federated: true, guarded: true });
    await zone.start();
    await zone.put(keyName('user', 1), KEY.pem);
    await zone.put(listName('user'), '');
    await expect(zone.put(keyName('zone', 1), KEY.pem)).rejects.toMatchObject({
      code: 'read_only',
      message: SYNCED_TEXT,
    });
    expect(zone.textOf(keyName('user'))).toBe(KEY.pem);
    await zone.manager.delete(keyName('user'));
    expect(zone.secrets()).toEqual(['/user-token-revocations']);
  });
});

const SYNCED_TEXT = expect.stringMatching(SYNCED);
